#include "api/shard.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/kafka/producer.h"
#include "adapter/pg/catalogue.h"
#include "adapter/pg/orders.h"
#include "adapter/pg/outbox.h"
#include "adapter/pg/pg.h"
#include "adapter/redis/client.h"
#include "adapter/redis/seat_lock.h"
#include "api/app/after_payment.h"
#include "api/app/seating.h"
#include "api/app/services.h"
#include "api/http/http.h"
#include "api/jobs/backstage.h"
#include "port/event_out.h"
#include "runtime/loop.h"
#include "runtime/mem.h"
#include "runtime/metrics.h"

enum {
	WATCH_MS = 100,		  /* how often a stopping or starting shard looks at itself */
	STOP_BOUND_MS = 15000 /* requests end by their adapters' deadlines long before */
};

struct shard {
	struct shard_settings settings;
	struct services services;
	struct loop *loop;
	struct mailbox mailbox;
	struct mail stop_mail;
	struct timer watch;
	struct pg *pg;
	struct redis *redis;
	struct redis_seat_lock seats;
	struct http *http;
	pthread_t thread;
	int64_t stop_by_ms; /* 0: not stopping */
	bool started, fitted;
};

static struct shard *shard_of(const struct services *s)
{
	return container_of(s, struct shard, services);
}

/* --- readiness --- */

static void away(const struct services *services, char *ret, size_t n, bool *ret_fatal)
{
	struct shard *s = shard_of(services);
	bool pg = pg_ready(s->pg), redis = redis_ready(s->redis), kafka = kafka_producer_reachable(s->settings.producer);

	*ret_fatal = !pg || !redis;
	snprintf(ret, n, "%s%s%s%s%s", pg ? "" : "postgresql", !pg && !redis ? ", " : "", redis ? "" : "redis",
		(!pg || !redis) && !kafka ? ", " : "", kafka ? "" : "kafka");
}

/* --- the shard's own rounds: does the database fit; may a stopping shard end --- */

static bool may_end(struct shard *s)
{
	bool finished = http_busy(s->http) == 0 && http_open(s->http) == 0 && after_payment_idle(s->services.after_payment);
	return finished || loop_now_ms(s->loop) >= s->stop_by_ms;
}

static void look(struct timer *t)
{
	struct shard *s = container_of(t, struct shard, watch);

	if (!s->fitted && pg_misfit(s->pg)) s->settings.misfit(pg_misfit(s->pg));
	s->fitted = s->fitted || pg_ready(s->pg);
	if (s->stop_by_ms && may_end(s)) loop_stop(s->loop);
	else timer_arm(s->loop, t, loop_now_ms(s->loop) + WATCH_MS);
}

static void begin_stop(struct mail *m, void *ctx)
{
	struct shard *s = ctx;

	(void)m;
	if (s->stop_by_ms) return;
	s->stop_by_ms = loop_now_ms(s->loop) + STOP_BOUND_MS;
	http_drain(s->http);
}

/* --- wiring --- */

static bool wire_adapters(struct shard *s)
{
	const struct config *c = s->settings.config;
	int slow = s->settings.database_connections / 2;
	struct pg_settings pg = {
		.url = c->database_url,
		.application_name = "ticket-api",
		.connections = {[PG_FAST] = s->settings.database_connections - slow, [PG_SLOW] = slow},
		.timeout_ms = c->database_timeout_ms,
	};
	struct redis_settings redis = {.url = c->redis_url, .timeout_ms = c->redis_timeout_ms};

	s->pg = pg_create(s->loop, &pg, s->services.metrics);
	s->redis = redis_create(s->loop, &redis, s->services.metrics);
	if (!s->pg || !s->redis) return false;
	redis_seat_lock_init(&s->seats, s->redis);
	s->services.seats = &s->seats.port;
	s->services.orders = pg_orders_create(s->pg);
	s->services.outbox = pg_outbox_create(s->pg);
	s->services.catalogue = pg_catalogue_create(s->pg);
	s->services.events = kafka_event_out_create(s->settings.producer, s->loop);
	return s->services.events != NULL;
}

static bool wire(struct shard *s)
{
	struct services *v = &s->services;

	v->config = s->settings.config;
	v->loop = s->loop = loop_create();
	v->backlog = backstage_backlog(s->settings.backstage);
	v->rate_limit = s->settings.rate_limit;
	v->metrics = metrics_sheet_create();
	v->away = away;
	if (!s->loop || mailbox_init(&s->mailbox, s->loop, s) != 0 || !wire_adapters(s)) return false;
	v->seating = seating_create(s->settings.backstage, s->loop);
	v->after_payment = after_payment_create(v);
	s->http = http_create(v, s->settings.listen_fd, (unsigned)v->config->http_max_connections);
	s->watch.fired = look;
	timer_arm(s->loop, &s->watch, loop_now_ms(s->loop) + WATCH_MS);
	return s->http != NULL;
}

struct shard *shard_create(const struct shard_settings *settings)
{
	struct shard *s = mem_must(calloc(1, sizeof *s));

	s->settings = *settings;
	s->stop_mail.deliver = begin_stop;
	return wire(s) ? s : NULL;
}

static void *run(void *arg)
{
	struct shard *s = arg;
	loop_run(s->loop);
	return NULL;
}

bool shard_start(struct shard *s)
{
	s->started = pthread_create(&s->thread, NULL, run, s) == 0;
	if (s->started) pthread_setname_np(s->thread, "shard");
	return s->started;
}

void shard_stop(struct shard *s)
{
	mailbox_post(&s->mailbox, &s->stop_mail);
}

void shard_join(struct shard *s)
{
	if (s->started) pthread_join(s->thread, NULL);
	s->started = false;
}

void shard_destroy(struct shard *s)
{
	timer_stop(s->loop, &s->watch);
	if (s->services.events)
		s->services.events->delivered = NULL; /* its rows stay for the relay: nobody clears them now */
	/* Calls are answered by their adapters' end; whoever they wake may ask the other, and is refused. */
	redis_close(s->redis);
	pg_destroy(s->pg);
	redis_destroy(s->redis);
	http_destroy(s->http);
	kafka_event_out_destroy(s->services.events);
	after_payment_destroy(s->services.after_payment);
	seating_destroy(s->services.seating);
	pg_orders_destroy(s->services.orders);
	pg_outbox_destroy(s->services.outbox);
	pg_catalogue_destroy(s->services.catalogue);
	arena_pool_finish(&s->services.arenas);
	mailbox_finish(&s->mailbox);
	loop_destroy(s->loop);
	free(s);
}
