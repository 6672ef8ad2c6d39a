/* One connection at a time, in one of these states:
 *
 *     AWAY ──retry timer──▶ CONNECTING ──writable──▶ GREETING ──all answered──▶ READY
 *      ▲                        │                        │                        │
 *      └────────── drop: refused, deadline, lost, an error reply that says so ────┘
 *
 * hiredis does the connecting, reading and parsing (redisContext in non-blocking mode); the send buffer and the queue
 * of calls are ours, because hiredis' asynchronous half allocates for every call, copies every command once more and
 * has no deadlines. A context that has failed in any way is freed, never used again (hiredis 0.14 demands it). */
#include "adapter/redis/client.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "adapter/redis/client_inside.h"
#include "adapter/redis/script_text.h"

enum {
	INFLIGHT_MAX = 20000,
	RING_MIN = 64,
	BACKOFF_MIN_MS = 20,
	BACKOFF_MAX_MS = 500,
	STEADY_MS = 1000, /* a connection that lived shorter than this is not built again at once */
};

/* --- connecting and losing --- */

static void connected(struct redis *r)
{
	int err = 0;
	socklen_t n = sizeof err;
	if (getsockopt(r->ctx->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err != 0) {
		redis_drop(r, "refused");
		return;
	}
	redis_greet(r);
	if (!r->broken) redis_flush(r);
	if (r->broken) redis_drop(r, "lost while greeting");
}

static void on_socket(struct watch *w, uint32_t events)
{
	struct redis *r = container_of(w, struct redis, watch);
	if (r->state == CONNECTING) {
		connected(r);
		return;
	}
	if ((events & EPOLLOUT) && !r->broken) redis_flush(r);
	if (r->broken) redis_drop(r, "lost while writing");
	else if (events & ~(uint32_t)EPOLLOUT) redis_read_replies(r);
}

static void connect_now(struct timer *t)
{
	struct redis *r = container_of(t, struct redis, retry);
	r->state = CONNECTING;
	r->greet_by_ms = loop_now_ms(r->loop) + r->timeout_ms;
	r->ctx = redisConnectNonBlock(r->url.host, r->url.port);
	r->watch = (struct watch){.fd = r->ctx ? r->ctx->fd : -1, .events = EPOLLIN | EPOLLOUT, .ready = on_socket};
	if (!r->ctx || r->ctx->err || watch_add(r->loop, &r->watch) != 0) {
		r->watch.fd = -1;
		redis_drop(r, "can't connect");
		return;
	}
	timer_arm(r->loop, &r->deadline, r->greet_by_ms);
}

/* Comes about once a deadline's length however many calls there are, and is armed again by the next call. */
static void deadline_passed(struct timer *t)
{
	struct redis *r = container_of(t, struct redis, deadline);
	if (r->state == AWAY) return;
	int64_t due = r->state == CONNECTING ? r->greet_by_ms : redis_first_deadline(r);
	if (due <= loop_now_ms(r->loop)) redis_drop(r, "beyond the deadline");
	else if (due < INT64_MAX) timer_arm(r->loop, &r->deadline, due);
}

/* Sooner for a connection that was good for a while; one that breaks at once must not spin. */
static void retry_later(struct redis *r, bool was_ready)
{
	int64_t now = loop_now_ms(r->loop);
	if (was_ready && now - r->ready_since_ms >= STEADY_MS) r->backoff_ms = 0;
	timer_arm(r->loop, &r->retry, now + r->backoff_ms);
	r->backoff_ms = r->backoff_ms ? 2 * r->backoff_ms : BACKOFF_MIN_MS;
	if (r->backoff_ms > BACKOFF_MAX_MS) r->backoff_ms = BACKOFF_MAX_MS;
}

static void disconnect(struct redis *r)
{
	if (r->watch.fd >= 0) watch_remove(r->loop, &r->watch);
	r->watch.fd = -1;
	if (r->ctx) redisFree(r->ctx);
	r->ctx = NULL;
	timer_stop(r->loop, &r->deadline);
	r->state = AWAY; /* first: calls made by those who are answered now are refused, not sent */
	r->broken = false;
	r->args.out.len = r->sent = 0;
	r->unsent = 0;
}

void redis_drop(struct redis *r, const char *why)
{
	bool was_ready = r->state == READY;
	disconnect(r);
	redis_fail_all(r, why);
	r->broken = false; /* a greeting that failed just now said so again */
	retry_later(r, was_ready);
}

static bool before_sleep(struct hook *h)
{
	struct redis *r = container_of(h, struct redis, hook);
	if (r->state == READY && !r->broken) redis_send_waiting(r);
	if (r->state < GREETING || (r->unsent == 0 && !r->broken)) return false;
	if (!r->broken) redis_flush(r);
	if (r->broken) redis_drop(r, "lost while writing");
	return true;
}

/* --- outside --- */

bool redis_url_ok(const char *url)
{
	struct redis_url u;
	return redis_url_parse(url, &u);
}

struct redis *redis_create(struct loop *l, const struct redis_settings *s, struct metrics_sheet *m)
{
	struct redis_url url;
	if (!redis_url_parse(s->url, &url)) return NULL;
	struct redis *r = calloc(1, sizeof *r);
	struct redis_pending *ring = malloc(RING_MIN * sizeof *ring);
	if (!r || !ring) abort();
	*r = (struct redis){.loop = l,
		.metrics = m,
		.url = url,
		.timeout_ms = s->timeout_ms,
		.ring = ring,
		.mask = RING_MIN - 1,
		.inflight_max = s->inflight_max ? s->inflight_max : INFLIGHT_MAX,
		.watch.fd = -1,
		.hook.before_sleep = before_sleep,
		.deadline.fired = deadline_passed,
		.retry.fired = connect_now};
	for (int i = 0; i < SCRIPT_COUNT; i++) r->text[i] = script_text((enum script)i);
	redis_batches_init(&r->batches);
	buf_init(&r->args.out, NULL);
	r->args.run_id = r->run_id;
	hook_add(l, &r->hook);
	timer_arm(l, &r->retry, loop_now_ms(l));
	return r;
}

void redis_close(struct redis *r)
{
	if (!r) return;
	disconnect(r);
	redis_fail_all(r, "shutting down");
	timer_stop(r->loop, &r->retry);
}

void redis_destroy(struct redis *r)
{
	if (!r) return;
	redis_close(r);
	hook_remove(r->loop, &r->hook);
	redis_batches_finish(&r->batches);
	buf_finish(&r->args.out);
	for (int i = 0; i < SCRIPT_COUNT; i++) free(r->text[i]);
	free(r->ring);
	free(r);
}

bool redis_ready(const struct redis *r)
{
	return r->state == READY && !r->broken;
}
uint32_t redis_life(const struct redis *r)
{
	return redis_ready(r) ? r->life : 0;
}
unsigned redis_inflight(const struct redis *r)
{
	return r->inflight;
}
const char *redis_last_error(const struct redis *r)
{
	return r->last_error;
}

int64_t redis_reply_int(const redisReply *r, size_t i)
{
	if (r->type != REDIS_REPLY_ARRAY || i >= r->elements) return 0;
	return r->element[i]->type == REDIS_REPLY_INTEGER ? r->element[i]->integer : 0;
}

const char *redis_reply_str(const redisReply *r, size_t i, size_t *ret_len)
{
	bool fits = r->type == REDIS_REPLY_ARRAY && i < r->elements && r->element[i]->type == REDIS_REPLY_STRING;
	*ret_len = fits ? r->element[i]->len : 0;
	return fits ? r->element[i]->str : "";
}
