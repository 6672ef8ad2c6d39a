#include "api/shard.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/crypto/queue_token.h"
#include "adapter/kafka/producer.h"
#include "adapter/pg/catalogue.h"
#include "adapter/pg/orders.h"
#include "adapter/pg/outbox.h"
#include "adapter/pg/pg.h"
#include "adapter/pg/queue_books.h"
#include "adapter/queue_http/admission.h"
#include "adapter/redis/client.h"
#include "adapter/redis/queue_store.h"
#include "adapter/redis/seat_lock.h"
#include "api/app/after_payment.h"
#include "api/app/queue_pulse.h"
#include "api/app/seating.h"
#include "api/app/services.h"
#include "api/http/http.h"
#include "api/jobs/backstage.h"
#include "api/readiness.h"
#include "port/event_out.h"
#include "runtime/loop.h"
#include "runtime/mem.h"
#include "runtime/metrics.h"

enum {
	ARENAS_KEPT = 256,	  /* blocks, for as many requests at work at the same moment */
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
	struct readiness_part ready;
	struct pg *pg;
	struct redis *redis;
	struct redis_seat_lock seats;
	struct redis *queue_redis; /* NULL: the same as `redis` */
	struct redis_queue_store queue;
	struct pg_queue_books books;
	struct hmac_queue_token *tokens;
	struct queue_http *queue_http; /* NULL: the queue is our own */
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

static void tell_readiness(struct shard *s)
{
	/* Where the queue is another daemon's, its Redis is only looked into for administrators. */
	bool queue = s->queue_http || !s->queue_redis || redis_ready(s->queue_redis);

	readiness_tell(&s->ready, pg_ready(s->pg), redis_ready(s->redis) && queue);
}

static void away(const struct services *services, char *ret, size_t n, bool *ret_fatal)
{
	struct shard *s = shard_of(services);
	struct readiness *all = s->settings.readiness;

	tell_readiness(s);
	bool pg = atomic_load(&all->pg_away) == 0, redis = atomic_load(&all->redis_away) == 0;
	bool kafka = kafka_producer_reachable(s->settings.producer);

	*ret_fatal = !pg || !redis;
	snprintf(ret, n, "%s%s%s%s%s", pg ? "" : "postgresql", !pg && !redis ? ", " : "", redis ? "" : "redis",
		(!pg || !redis) && !kafka ? ", " : "", kafka ? "" : "kafka");
}

/* --- the shard's own rounds: does the database fit; may a stopping shard end --- */

static bool may_end(struct shard *s)
{
	queue_pulse_stop(s->services.pulse);
	bool finished = http_busy(s->http) == 0 && http_open(s->http) == 0 && after_payment_idle(s->services.after_payment);
	return finished || loop_now_ms(s->loop) >= s->stop_by_ms;
}

static void look(struct timer *t)
{
	struct shard *s = container_of(t, struct shard, watch);

	if (!s->fitted && pg_misfit(s->pg)) s->settings.misfit(pg_misfit(s->pg));
	s->fitted = s->fitted || pg_ready(s->pg);
	tell_readiness(s);
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

/* The waiting room: our own, unless it is another daemon's; on a Redis of its own where the settings say so. */
static bool wire_queue(struct shard *s)
{
	const struct config *c = s->settings.config;
	struct redis_settings redis = {.url = c->queue_redis_url, .timeout_ms = c->redis_timeout_ms};

	pg_queue_books_init(&s->books, s->pg);
	s->services.books = &s->books.port;
	s->tokens = hmac_queue_token_create(c->queue_secret ? c->queue_secret : c->jwt_secret);
	s->services.tokens = hmac_queue_token_port(s->tokens);
	s->services.bypass = s->settings.bypass;
	if (!config_one_redis(c) && !(s->queue_redis = redis_create(s->loop, &redis, s->services.metrics))) return false;
	redis_queue_store_init(&s->queue, s->queue_redis ? s->queue_redis : s->redis);
	s->services.queue = &s->queue.port;
	if (c->role == ROLE_BOOKING) {
		s->queue_http = queue_http_create(s->loop, &(struct queue_http_settings){c->queue_url, c->queue_timeout_ms});
		s->services.admission = queue_http_port(s->queue_http);
	}
	/* A queue on the holds' Redis lives and dies with the holds. */
	if (s->queue_http || s->queue_redis) s->services.pulse = queue_pulse_create(&s->services);
	s->services.board = queue_board_create(s->settings.backstage, s->loop, s->services.queue);
	return s->services.board != NULL;
}

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
	v->arenas.cap = ARENAS_KEPT;
	v->away = away;
	if (!s->loop || mailbox_init(&s->mailbox, s->loop, s) != 0 || !wire_adapters(s)) return false;
	if (!wire_queue(s)) return false;
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
	readiness_join(&s->ready, settings->readiness);
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
	queue_pulse_stop(s->services.pulse);
	queue_http_close(s->queue_http);
	redis_close(s->queue_redis);
	redis_close(s->redis);
	pg_destroy(s->pg);
	queue_http_destroy(s->queue_http);
	redis_destroy(s->queue_redis);
	redis_destroy(s->redis);
	http_destroy(s->http);
	kafka_event_out_destroy(s->services.events);
	after_payment_destroy(s->services.after_payment);
	seating_destroy(s->services.seating);
	queue_pulse_destroy(s->services.pulse);
	queue_board_destroy(s->services.board);
	hmac_queue_token_destroy(s->tokens);
	pg_orders_destroy(s->services.orders);
	pg_outbox_destroy(s->services.outbox);
	pg_catalogue_destroy(s->services.catalogue);
	arena_pool_finish(&s->services.arenas);
	mailbox_finish(&s->mailbox);
	loop_destroy(s->loop);
	free(s);
}
