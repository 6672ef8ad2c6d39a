/* ticket-api: settings -> adapters -> ports -> shards. */
#include <argp.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "adapter/kafka/producer.h"
#include "adapter/kafka/topics.h"
#include "adapter/pg/catalogue.h"
#include "adapter/pg/outbox.h"
#include "adapter/pg/pg.h"
#include "adapter/pg/queue_books.h"
#include "adapter/redis/client.h"
#include "adapter/redis/queue_store.h"
#include "adapter/redis/seat_lock.h"
#include "api/app/bypass_limit.h"
#include "adapter/settings_check.h"
#include "api/http/auth.h"
#include "api/http/http.h"
#include "api/http/listener.h"
#include "api/http/rate_limit.h"
#include "api/http/route.h"
#include "api/jobs/backstage.h"
#include "api/readiness.h"
#include "api/shard.h"
#include "domain/seat.h"
#include "runtime/daemon.h"
#include "runtime/loop.h"
#include "runtime/log.h"
#include "runtime/log_server.h"
#include "runtime/mem.h"
#include "runtime/metrics.h"
#include "runtime/when.h"

enum {
	TOPICS_WAIT_MS = 1000,
	TOPICS_EVERY_MS = 1000,
	FLUSH_MS = 5000,
	LOOK_MS = 50,
	NOTE_MS = 1000, /* how often a server that is away, or back, may be told */
	BACKSTAGE_CONNECTIONS = 2
};

/* --- command line --- */

struct command {
	const char *issue_for, *role; /* NULL: not given */
};

static const struct argp_option OPTIONS_TABLE[] = {
	{"issue-token", 't', "USER", 0, "print a JWT for this user id and exit", 0},
	{"role", 'r', "ROLE", 0, "with --issue-token: admin", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case 't': c->issue_for = arg; return 0;
	case 'r': c->role = arg; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp ARGP = {OPTIONS_TABLE, parse_option, NULL, NULL, NULL, NULL, NULL};

static void help_paths(void)
{
	static const char *const METHOD[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

	for (size_t i = 0; i < ROUTE_COUNT; i++)
		printf("  %-6s %-34s %s\n", METHOD[ROUTES[i].method], ROUTES[i].pattern, ROUTES[i].doc);
}

static int issue_token(const struct config *c, const struct command *cmd)
{
	char *end;
	long long user = strtoll(cmd->issue_for, &end, 10);
	bool admin = cmd->role && strcmp(cmd->role, "admin") == 0;

	if (*end || end == cmd->issue_for || user < 1 || user > ID_MAX) {
		fprintf(stderr, "--issue-token: USER is an integer from 1 to %lld\n", (long long)ID_MAX);
		return 1;
	}
	if (cmd->role && !admin) {
		fprintf(stderr, "--role: only admin is known\n");
		return 1;
	}
	if (!c->jwt_secret) {
		fprintf(stderr, "TICKET_JWT_SECRET is not set\n");
		return DAEMON_BAD_SETTING;
	}
	char *token = auth_issue(c->jwt_secret, user, admin, when_now_ms() / 1000, c->jwt_ttl_s);
	if (!token) return 1;
	puts(token);
	free(token);
	return 0;
}

/* --- the daemon --- */

struct daemon {
	struct config config;
	struct loop *loop; /* the main thread's: signals and the start-up check */
	struct daemon_signals signals;
	struct timer topics;
	struct kafka_producer *producer;
	struct rate_limit *rate_limit;
	struct bypass_limit bypass;
	struct backstage *backstage;
	struct backstage_ports stage; /* and what is behind it: */
	struct pg *pg;
	struct redis *redis;
	struct redis_seat_lock seats;
	struct redis *queue_redis; /* NULL: the same as `redis`, or another daemon's */
	struct redis_queue_store queue;
	struct pg_queue_books books;
	struct readiness readiness;
	struct readiness_part stage_ready;
	struct timer stage_look; /* on backstage's thread */
	int64_t note_due_ms;
	bool pg_was_ready, redis_was_ready, queue_redis_was_ready;
	struct shard **shards;
	unsigned shard_count;
};

static void check_topics(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, topics);
	char why[340];

	switch (kafka_topics_needed(&d->config, TOPICS_WAIT_MS, why, sizeof why)) {
	case KAFKA_TOPICS_THERE: return;
	case KAFKA_TOPICS_MISSING:
	case KAFKA_TOPICS_REFUSED: daemon_refuse_start(why);
	case KAFKA_TOPICS_UNKNOWN: timer_arm(d->loop, t, loop_now_ms(d->loop) + TOPICS_EVERY_MS);
	}
}

static void stop(struct daemon_signals *s)
{
	LOG(stopping);
	loop_stop(container_of(s, struct daemon, signals)->loop);
}

/* 20,000 connections need as many descriptors. */
static void raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0) return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void start_producer(struct daemon *d)
{
	char why[200];
	struct kafka_producer_settings s = {
		.brokers = d->config.kafka_brokers,
		.client_id = "ticket-api",
		.topic_payment = d->config.topic_payment,
		.topic_reservation = d->config.topic_reservation,
		.linger_ms = 1, /* what can wait has waited (api/app/payment_events.c) */
		.failed = log_producer_failed,
		.reachable_changed = log_server_changed,
		.ctx = "kafka",
	};

	d->producer = kafka_producer_create(&s, why, sizeof why);
	if (!d->producer) daemon_refuse_start(why);
}

static void wire_queue(struct daemon *d)
{
	struct backstage_ports *p = &d->stage;
	const struct config *c = &d->config;
	struct redis_settings redis = {.url = c->queue_redis_url, .timeout_ms = c->redis_timeout_ms};

	pg_queue_books_init(&d->books, d->pg);
	p->books = &d->books.port;
	if (c->role == ROLE_BOOKING) return;
	if (!config_one_redis(c) && !(d->queue_redis = redis_create(p->loop, &redis, p->metrics)))
		daemon_refuse_start("TICKET_QUEUE_REDIS_URL is no redis:// address");
	redis_queue_store_init(&d->queue, d->queue_redis ? d->queue_redis : d->redis);
	p->queue = &d->queue.port;
}

/* Backstage's connections speak for the process. */
static void note_servers(struct daemon *d, int64_t now_ms)
{
	if (now_ms < d->note_due_ms) return;
	d->note_due_ms = now_ms + NOTE_MS;
	log_server("postgresql", pg_ready(d->pg), &d->pg_was_ready, pg_complaint(d->pg));
	log_server("redis", redis_ready(d->redis), &d->redis_was_ready, redis_last_error(d->redis));
	if (!d->queue_redis) return;
	log_server("queue redis", redis_ready(d->queue_redis), &d->queue_redis_was_ready, redis_last_error(d->queue_redis));
}

static void look_at_stage(struct timer *t)
{
	struct daemon *d = container_of(t, struct daemon, stage_look);

	readiness_tell(
		&d->stage_ready, pg_ready(d->pg), redis_ready(d->redis) && (!d->queue_redis || redis_ready(d->queue_redis)));
	note_servers(d, loop_now_ms(d->stage.loop));
	timer_arm(d->stage.loop, t, loop_now_ms(d->stage.loop) + LOOK_MS);
}

static void wire_backstage(struct daemon *d)
{
	struct backstage_ports *p = &d->stage;
	struct pg_settings pg = {
		.url = d->config.database_url,
		.application_name = "ticket-api",
		.connections = {[PG_FAST] = 1, [PG_SLOW] = BACKSTAGE_CONNECTIONS - 1},
		.timeout_ms = d->config.database_timeout_ms,
	};
	struct redis_settings redis = {.url = d->config.redis_url, .timeout_ms = d->config.redis_timeout_ms};

	p->config = &d->config;
	p->loop = loop_create();
	p->metrics = metrics_sheet_create();
	d->pg = p->loop ? pg_create(p->loop, &pg, p->metrics) : NULL;
	d->redis = p->loop ? redis_create(p->loop, &redis, p->metrics) : NULL;
	if (!d->redis || !d->pg) daemon_refuse_start(strerror(errno));
	redis_seat_lock_init(&d->seats, d->redis);
	p->seats = &d->seats.port;
	p->catalogue = pg_catalogue_create(d->pg);
	p->outbox = pg_outbox_create(d->pg);
	p->events = kafka_event_out_create(d->producer, p->loop);
	wire_queue(d);
	d->backstage = backstage_create(p);
	metrics_collector(backstage_collect, d->backstage);
	readiness_join(&d->stage_ready, &d->readiness);
	d->pg_was_ready = d->redis_was_ready = d->queue_redis_was_ready = true;
	d->note_due_ms = loop_now_ms(p->loop) + NOTE_MS;
	d->stage_look.fired = look_at_stage;
	timer_arm(p->loop, &d->stage_look, loop_now_ms(p->loop) + LOOK_MS);
}

static int listen_or_refuse(const struct addr *a, bool exclusive_probe)
{
	char why[200];
	int fd = listener_open(a, exclusive_probe);

	if (fd >= 0) return fd;
	snprintf(why, sizeof why, "TICKET_HTTP_ADDR %s:%u: %s", a->host, a->port, strerror(errno));
	daemon_refuse_start(why);
	return -1;
}

static void wire_shards(struct daemon *d)
{
	unsigned n = (unsigned)d->config.http_shards;
	int each = ((int)d->config.database_connections - BACKSTAGE_CONNECTIONS) / (int)n;

	close(listen_or_refuse(&d->config.http_addr, true));
	d->shards = mem_must(calloc(n, sizeof(struct shard *)));
	d->rate_limit = rate_limit_create(d->config.rate_limit_per_s);
	d->bypass.per_s = d->config.queue_bypass_per_s;
	for (; d->shard_count < n; d->shard_count++) {
		struct shard_settings s = {
			.config = &d->config,
			.backstage = d->backstage,
			.readiness = &d->readiness,
			.producer = d->producer,
			.rate_limit = d->rate_limit,
			.bypass = &d->bypass,
			.listen_fd = listen_or_refuse(&d->config.http_addr, false),
			.database_connections = each,
			.misfit = daemon_refuse_start,
		};
		d->shards[d->shard_count] = shard_create(&s);
		if (!d->shards[d->shard_count]) daemon_refuse_start(strerror(errno));
	}
}

static void start_all(struct daemon *d)
{
	bool ok = backstage_start(d->backstage);

	for (unsigned i = 0; ok && i < d->shard_count; i++) ok = shard_start(d->shards[i]);
	if (!ok) daemon_refuse_start("no threads to be had");
}

static void stop_all(struct daemon *d)
{
	for (unsigned i = 0; i < d->shard_count; i++) shard_stop(d->shards[i]);
	for (unsigned i = 0; i < d->shard_count; i++) shard_join(d->shards[i]);
	backstage_stop(d->backstage);
	kafka_producer_stop(d->producer, FLUSH_MS);
	for (unsigned i = 0; i < d->shard_count; i++) shard_destroy(d->shards[i]);
	free(d->shards);
	timer_stop(d->stage.loop, &d->stage_look);
	redis_destroy(d->queue_redis);
	redis_destroy(d->redis);
	pg_destroy(d->pg);
	kafka_event_out_destroy(d->stage.events);
	backstage_destroy(d->backstage);
	pg_catalogue_destroy(d->stage.catalogue);
	pg_outbox_destroy(d->stage.outbox);
	loop_destroy(d->stage.loop);
	kafka_producer_destroy(d->producer);
	rate_limit_destroy(d->rate_limit);
}

static void announce(const struct config *c)
{
	char addr[80];

	snprintf(addr, sizeof addr, "%s:%u", c->http_addr.host, c->http_addr.port);
	if (c->gateway == GATEWAY_MOCK) LOG(payment_gateway_mock, LF_S("gateway", "mock"));
	if (c->auth == AUTH_OFF) LOG(auth_off);
	LOG(started, LF_S("version", TICKET_VERSION), LF_S("addr", addr), LF_I("shards", c->http_shards));
}

static int serve(struct daemon *d)
{
	d->loop = loop_create();
	d->signals.stop = stop;
	if (!d->loop || !daemon_signals_take(&d->signals, d->loop)) return 1;
	raise_limits();
	bool asks_queue = d->config.role == ROLE_BOOKING; /* of another daemon; else libcurl would only cost memory */
	if (asks_queue) curl_global_init(CURL_GLOBAL_DEFAULT);
	start_producer(d);
	wire_backstage(d);
	wire_shards(d);
	start_all(d);
	announce(&d->config);
	d->topics.fired = check_topics;
	timer_arm(d->loop, &d->topics, loop_now_ms(d->loop));
	loop_run(d->loop);
	stop_all(d);
	daemon_signals_leave(&d->signals, d->loop);
	loop_destroy(d->loop);
	if (asks_queue) curl_global_cleanup();
	http_metrics_finish();
	metrics_finish();
	LOG(stopped);
	return 0;
}

int main(int argc, char **argv)
{
	struct command cmd = {0};
	struct daemon d = {0};
	const struct daemon_program program = {
		.name = "ticket-api",
		.doc = "The ticketing core's HTTP daemon.",
		.settings = FOR_API,
		.check = settings_check,
		.help_paths = help_paths,
		.options = &ARGP,
		.options_input = &cmd,
	};
	int rc;

	if (!daemon_begin(&program, argc, argv, &d.config, &rc)) return rc;
	rc = cmd.issue_for ? issue_token(&d.config, &cmd) : serve(&d);
	config_finish(&d.config);
	return rc;
}
