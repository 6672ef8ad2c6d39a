/* ticket-consumer: settings -> adapters -> ports -> the poll loop. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapter/kafka/producer.h"
#include "adapter/kafka/topics.h"
#include "adapter/pg/catalogue.h"
#include "adapter/pg/pg.h"
#include "adapter/pg/reservations.h"
#include "adapter/redis/client.h"
#include "adapter/redis/queue_store.h"
#include "adapter/redis/seat_lock.h"
#include "adapter/settings_check.h"
#include "poll_loop.h"
#include "runtime/config.h"
#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/log_server.h"
#include "runtime/metrics.h"
#include "status_http.h"

enum {
	LOOK_MS = 100, /* how often a starting or stopping daemon looks at itself */
	TOPICS_WAIT_MS = 1000,
	TOPICS_EVERY_MS = 1000,
	STOP_BOUND_MS = 15000, /* a batch ends by its adapters' deadlines long before, unless a server is away */
	FLUSH_MS = 5000,
	PARTITIONS_MAX = 1024,
	FAST_CONNECTIONS = 2, /* as many as batches are decided at once: see poll_loop.h */
	SLOW_CONNECTIONS = 1,
	LINGER_MS = 50, /* nobody waits for an announcement but the offset */
	/* Nobody waits for a batch of 1,000 as a client waits for an answer; one that never fits its deadline never ends. */
	DATABASE_TIMEOUT_MIN_MS = 10000
};

static void help_paths(void)
{
	printf("  GET /livez /readyz /metrics /actuator/prometheus /actuator/health\n");
}

/* --- the daemon --- */

struct daemon {
	struct config config;
	struct loop *loop;
	struct metrics_sheet *metrics;
	struct daemon_signals signals;
	struct timer look;
	struct kafka_producer *producer;
	struct event_out *events;
	struct pg *pg;
	struct redis *redis;
	struct redis_seat_lock seats;
	struct redis *queue_redis; /* NULL: the same as `redis` */
	struct redis_queue_store queue;
	struct pg_reservations reservations;
	struct catalogue *catalogue;
	struct status_http *http;
	struct poll_loop *poll; /* NULL until the servers were seen and found fit */
	bool pg_was_ready, redis_was_ready;
	int64_t topics_due_ms, stop_by_ms; /* 0: not stopping */
	int exit_code;
};

/* --- what others may ask --- */

static bool kafka_works(const struct daemon *d)
{
	return kafka_producer_reachable(d->producer) && d->poll && poll_loop_reachable(d->poll);
}

static bool ready(void *ctx, char *ret, size_t n)
{
	struct daemon *d = ctx;
	const struct {
		const char *name;
		bool works;
	} server[] = {{"postgresql", pg_ready(d->pg)}, {"redis", redis_ready(d->redis)}, {"kafka", kafka_works(d)}};
	size_t len = 0;
	for (size_t i = 0; i < 3 && len < n; i++) {
		if (!server[i].works) len += (size_t)snprintf(ret + len, n - len, "%s%s", len ? ", " : "", server[i].name);
	}
	return server[0].works && server[1].works && d->poll && !d->stop_by_ms;
}

static void collect_lag(void *ctx, struct metrics_out *out)
{
	struct daemon *d = ctx;
	static const char DOC[] = "Messages of the payment topic that are not done with, as of a second ago";
	struct kafka_lag lag[PARTITIONS_MAX];
	char labels[600];
	size_t n = d->poll ? poll_loop_lag(d->poll, lag, PARTITIONS_MAX) : 0;
	if (n > PARTITIONS_MAX) n = PARTITIONS_MAX;
	metrics_write_family(out, "ticket_consumer_lag", METRIC_GAUGE, DOC);
	for (size_t i = 0; i < n; i++) {
		snprintf(labels, sizeof labels, "partition=\"%d\"", lag[i].partition);
		if (lag[i].lag >= 0) metrics_write_sample(out, "ticket_consumer_lag", labels, (double)lag[i].lag);
	}
	metrics_write_family(out, "kafka_consumergroup_lag", METRIC_GAUGE, DOC);
	for (size_t i = 0; i < n; i++) {
		/* Names of groups and topics have no quotes. */
		snprintf(labels, sizeof labels, "consumergroup=\"%s\",topic=\"%s\",partition=\"%d\"", d->config.consumer_group,
			d->config.topic_payment, lag[i].partition);
		if (lag[i].lag >= 0) metrics_write_sample(out, "kafka_consumergroup_lag", labels, (double)lag[i].lag);
	}
}

/* --- starting: the servers are waited for, and refused when they do not fit --- */

static void start_poll(struct daemon *d)
{
	char why[300], client[100];
	snprintf(client, sizeof client, "ticket-consumer-%ld", (long)getpid());
	const struct poll_settings s = {
		.kafka =
			{
				.brokers = d->config.kafka_brokers,
				.client_id = client,
				.group = d->config.consumer_group,
				.topic = d->config.topic_payment,
			},
		.ports =
			{
				.reservations = &d->reservations.port,
				.seat_lock = &d->seats.port,
				.event_out = d->events,
				.queue = &d->queue.port,
				.loop = d->loop,
				.metrics = d->metrics,
			},
		.catalogue = d->catalogue,
	};
	d->poll = poll_loop_create(&s, why, sizeof why);
	if (!d->poll) daemon_refuse_start(why);
}

static bool topics_are_there(struct daemon *d)
{
	char why[340];
	if (loop_now_ms(d->loop) < d->topics_due_ms) return false;
	d->topics_due_ms = loop_now_ms(d->loop) + TOPICS_WAIT_MS + TOPICS_EVERY_MS;
	enum kafka_topics found = kafka_topics_needed(&d->config, TOPICS_WAIT_MS, why, sizeof why);
	if (found == KAFKA_TOPICS_MISSING || found == KAFKA_TOPICS_REFUSED) daemon_refuse_start(why);
	if (found == KAFKA_TOPICS_UNKNOWN) LOG_LIMITED(server_away, LF_S("server", "kafka"));
	return found == KAFKA_TOPICS_THERE;
}

static void try_start(struct daemon *d)
{
	char addr[80];
	const char *misfit = pg_misfit(d->pg);
	if (misfit && !pg_ready(d->pg)) daemon_refuse_start(misfit);
	if (!topics_are_there(d) || !pg_ready(d->pg)) return;
	start_poll(d);
	snprintf(addr, sizeof addr, "%s:%u", d->config.consumer_http_addr.host, d->config.consumer_http_addr.port);
	LOG(started, LF_S("version", TICKET_VERSION), LF_S("addr", addr), LF_S("group", d->config.consumer_group));
}

/* --- stopping --- */

static void stop(struct daemon *d, int exit_code)
{
	if (d->stop_by_ms) return;
	LOG(stopping);
	d->exit_code = exit_code;
	d->stop_by_ms = loop_now_ms(d->loop) + STOP_BOUND_MS;
}

static void try_stop(struct daemon *d)
{
	bool drained = !d->poll || poll_loop_drain(d->poll);
	/* A server that is away stops no stop: what is undecided is read again by the next consumer. */
	bool hopeless = !pg_ready(d->pg) || !kafka_producer_reachable(d->producer) || loop_now_ms(d->loop) >= d->stop_by_ms;
	if (drained || hopeless) loop_stop(d->loop);
}

static void look(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, look);
	log_server("postgresql", pg_ready(d->pg), &d->pg_was_ready, pg_complaint(d->pg));
	log_server("redis", redis_ready(d->redis), &d->redis_was_ready, redis_last_error(d->redis));
	if (d->poll && poll_loop_broken(d->poll)) stop(d, 1);
	if (d->stop_by_ms) try_stop(d);
	else if (!d->poll) try_start(d);
	timer_arm(d->loop, t, loop_now_ms(d->loop) + LOOK_MS);
}

static void told_to_stop(struct daemon_signals *s)
{
	struct daemon *d = container_of(s, struct daemon, signals);
	stop(d, 0);
	try_stop(d);
}

/* --- wiring --- */

static void start_producer(struct daemon *d)
{
	char why[200];
	const struct kafka_producer_settings s = {
		.brokers = d->config.kafka_brokers,
		.client_id = "ticket-consumer",
		.topic_payment = d->config.topic_payment,
		.topic_reservation = d->config.topic_reservation,
		.linger_ms = LINGER_MS,
		.failed = log_producer_failed,
		.reachable_changed = log_server_changed,
		.ctx = "kafka",
	};
	d->producer = kafka_producer_create(&s, why, sizeof why);
	if (!d->producer) daemon_refuse_start(why);
	d->events = kafka_event_out_create(d->producer, d->loop);
	if (!d->events) daemon_refuse_start(strerror(errno));
}

static void start_servers(struct daemon *d)
{
	const struct pg_settings pg = {
		.url = d->config.database_url,
		.application_name = "ticket-consumer",
		.connections = {[PG_FAST] = FAST_CONNECTIONS, [PG_SLOW] = SLOW_CONNECTIONS},
		.timeout_ms = d->config.database_timeout_ms < DATABASE_TIMEOUT_MIN_MS ? DATABASE_TIMEOUT_MIN_MS
																			  : d->config.database_timeout_ms,
	};
	const struct redis_settings redis = {.url = d->config.redis_url, .timeout_ms = d->config.redis_timeout_ms};
	d->pg = pg_create(d->loop, &pg, d->metrics);
	d->redis = redis_create(d->loop, &redis, d->metrics);
	if (!d->pg) daemon_refuse_start("TICKET_DATABASE_URL is no database address");
	if (!d->redis) daemon_refuse_start("TICKET_REDIS_URL is no redis:// address");
	pg_reservations_init(&d->reservations, d->pg);
	redis_seat_lock_init(&d->seats, d->redis);
	if (!config_one_redis(&d->config)) {
		const struct redis_settings queue = {
			.url = d->config.queue_redis_url, .timeout_ms = d->config.redis_timeout_ms};
		d->queue_redis = redis_create(d->loop, &queue, d->metrics);
		if (!d->queue_redis) daemon_refuse_start("TICKET_QUEUE_REDIS_URL is no redis:// address");
	}
	redis_queue_store_init(&d->queue, d->queue_redis ? d->queue_redis : d->redis);
	d->catalogue = pg_catalogue_create(d->pg);
}

static void start_http(struct daemon *d)
{
	char why[200];
	const struct addr *a = &d->config.consumer_http_addr;
	const struct status_source source = {ready, d};
	d->http = status_http_create(d->loop, a, &source);
	if (d->http) return;
	snprintf(why, sizeof why, "TICKET_CONSUMER_HTTP_ADDR %s:%u: %s", a->host, a->port, strerror(errno));
	daemon_refuse_start(why);
}

static void stop_all(struct daemon *d)
{
	if (d->poll && !poll_loop_drain(d->poll)) poll_loop_give_up(d->poll);
	if (d->poll) poll_loop_leave(d->poll);
	kafka_producer_stop(d->producer, d->poll && poll_loop_drain(d->poll) ? FLUSH_MS : 0);
	status_http_destroy(d->http);
	redis_destroy(d->queue_redis);
	redis_destroy(d->redis);
	pg_destroy(d->pg);
	kafka_event_out_destroy(d->events);
	poll_loop_destroy(d->poll);
	pg_catalogue_destroy(d->catalogue);
	kafka_producer_destroy(d->producer);
}

static int serve(struct daemon *d)
{
	d->loop = loop_create();
	d->signals.stop = told_to_stop;
	if (!d->loop || !daemon_signals_take(&d->signals, d->loop)) return 1;
	d->metrics = metrics_sheet_create();
	d->pg_was_ready = d->redis_was_ready = true; /* away at the start is worth a line */
	start_http(d);
	start_producer(d);
	start_servers(d);
	metrics_collector(collect_lag, d);
	d->look.fired = look;
	timer_arm(d->loop, &d->look, loop_now_ms(d->loop) + LOOK_MS);
	loop_run(d->loop);
	stop_all(d);
	timer_stop(d->loop, &d->look);
	daemon_signals_leave(&d->signals, d->loop);
	loop_destroy(d->loop);
	metrics_finish();
	LOG(stopped);
	return d->exit_code;
}

int main(int argc, char **argv)
{
	struct daemon d = {0};
	const struct daemon_program program = {
		.name = "ticket-consumer",
		.doc = "Decides payment events: reservations, orders, refunds.",
		.settings = FOR_CONSUMER,
		.check = settings_check,
		.help_paths = help_paths,
	};
	int rc;
	if (!daemon_begin(&program, argc, argv, &d.config, &rc)) return rc;
	rc = serve(&d);
	config_finish(&d.config);
	return rc;
}
