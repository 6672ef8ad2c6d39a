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

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "adapter/redis/args.h"
#include "adapter/redis/batch.h"
#include "adapter/redis/script_text.h"
#include "adapter/redis/url.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

enum {
	INFLIGHT_MAX = 20000,
	FLUSH_AT = 32, /* calls: so many leave before the turn ends, and Redis works beside us */
	BACKOFF_MIN_MS = 20,
	BACKOFF_MAX_MS = 500,
	STEADY_MS = 1000, /* a connection that lived shorter than this is not built again at once */
	RUN_ID = 40,
	SHA = 40,
};

enum state { AWAY, CONNECTING, GREETING, READY };

/* A command without a reply yet. */
struct pending {
	const struct redis_op *op;
	struct port_call *calls; /* whose it is: one, or those of a batch, linked by `next` */
	struct redis_batch *batch;
	bool again; /* sent a second time, with the script's text */
};

struct redis {
	struct loop *loop;
	struct metrics_sheet *metrics;
	struct redis_url url;
	int64_t timeout_ms;
	unsigned inflight_max;

	enum state state;
	bool broken; /* seen while replies were being read: drop when they are done */
	redisContext *ctx;
	struct watch watch;
	struct hook hook;
	struct timer deadline, retry;
	int64_t backoff_ms, ready_since_ms, greet_by_ms;
	uint32_t life;

	struct redis_args args; /* .out: what has to be sent, from `sent` on */
	size_t sent;
	unsigned unsent; /* calls since the last send */

	struct pending *ring; /* in order of sending; the replies come in the same order */
	unsigned head, count, mask;
	struct redis_batches batches;
	unsigned inflight; /* calls: those of the ring, and those that wait in batches */

	struct port_call greeting;
	unsigned greeted; /* scripts whose hash is known */
	char sha[SCRIPT_COUNT + 1][SHA];
	char *text[SCRIPT_COUNT + 1];
	char run_id[RUN_ID + 1];
	char last_error[160];
};

static void drop(struct redis *r, const char *why);

/* --- the queue of calls under way --- */

static void ring_grow(struct redis *r)
{
	unsigned size = r->mask + 1;
	struct pending *wide = malloc(2 * size * sizeof *wide);
	if (!wide) abort();
	for (unsigned i = 0; i < r->count; i++) wide[i] = r->ring[(r->head + i) & r->mask];
	free(r->ring);
	r->ring = wide;
	r->head = 0;
	r->mask = 2 * size - 1;
}

static void ring_push(struct redis *r, struct pending p)
{
	if (r->count == r->mask + 1) ring_grow(r);
	r->ring[(r->head + r->count++) & r->mask] = p;
}

static struct pending ring_pop(struct redis *r)
{
	struct pending p = r->ring[r->head];
	r->head = (r->head + 1) & r->mask;
	r->count--;
	return p;
}

static void count_call(struct redis *r, int by)
{
	r->inflight += (unsigned)by;
	if (r->metrics) metrics_add(r->metrics, METRIC_REDIS_INFLIGHT, 0, by);
}

static void begin(struct redis *r, struct port_call *c, int64_t deadline_ms)
{
	c->next = NULL;
	c->deadline_ms = deadline_ms;
	count_call(r, 1);
	if (r->deadline.slot == 0) timer_arm(r->loop, &r->deadline, deadline_ms);
}

static void answer(
	struct redis *r, const struct redis_op *op, struct port_call *c, struct tk_err err, const redisReply *reply)
{
	count_call(r, -1);
	op->replied(c, err, reply);
}

static void answer_all(struct redis *r, const struct redis_op *op, struct port_call *calls, struct tk_err err)
{
	while (calls) {
		struct port_call *c = calls;
		calls = c->next; /* now: who is answered may be gone */
		answer(r, op, c, err, NULL);
	}
}

/* --- sending --- */

static void want(struct redis *r, uint32_t events)
{
	if (watch_change(r->loop, &r->watch, events) != 0) r->broken = true;
}

/* Never drops by itself: it runs in the middle of callers that still use the connection. */
static void flush(struct redis *r)
{
	struct buf *out = &r->args.out;
	r->unsent = 0;
	while (r->sent < out->len) {
		ssize_t n = send(r->ctx->fd, out->data + r->sent, out->len - r->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			want(r, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0) {
			r->broken = true;
			return;
		}
		r->sent += (size_t)n;
	}
	out->len = r->sent = 0;
	want(r, EPOLLIN);
}

static void send_batch(struct redis *r, struct redis_batch *b);

static void send_waiting(struct redis *r)
{
	struct redis_batch *b, *next;
	for (b = TAILQ_FIRST(&r->batches.waiting); b; b = next) {
		next = TAILQ_NEXT(b, waiting);
		if (b->under_way == 0) send_batch(r, b);
	}
}

static bool before_sleep(struct hook *h)
{
	struct redis *r = container_of(h, struct redis, hook);
	if (r->state == READY && !r->broken) send_waiting(r);
	if (r->state < GREETING || (r->unsent == 0 && !r->broken)) return false;
	if (!r->broken) flush(r);
	if (r->broken) drop(r, "lost while writing");
	return true;
}

static void write_columns(struct redis_args *a, const struct pending *p)
{
	for (unsigned i = 0; i < REDIS_COLUMNS_MAX && p->op->batch->column[i]; i++) {
		for (struct port_call *c = p->calls; c; c = c->next) p->op->batch->column[i](a, c);
	}
}

static void write_command(struct redis *r, const struct pending *p)
{
	struct redis_args *a = &r->args;
	redis_args_begin(a);
	if (p->op->command) {
		redis_arg(a, p->op->command, strlen(p->op->command));
	} else if (p->again) { /* the server has forgotten the scripts: EVAL brings this one back */
		redis_arg(a, "EVAL", 4);
		redis_arg(a, r->text[p->op->script], strlen(r->text[p->op->script]));
		redis_arg_int(a, p->op->keys);
	} else {
		redis_arg(a, "EVALSHA", 7);
		redis_arg(a, r->sha[p->op->script], SHA);
		redis_arg_int(a, p->op->keys);
	}
	if (p->op->bind) p->op->bind(a, p->calls);
	if (p->op->batch) write_columns(a, p);
	redis_args_end(a);
	for (const struct port_call *c = p->calls; c; c = c->next) r->unsent++;
}

static void send_pending(struct redis *r, struct pending p)
{
	write_command(r, &p);
	ring_push(r, p);
	if (r->unsent >= FLUSH_AT && !r->broken) flush(r);
}

static void send_batch(struct redis *r, struct redis_batch *b)
{
	send_pending(r, (struct pending){.op = b->op, .calls = redis_batch_leave(&r->batches, b), .batch = b});
}

static void join_batch(struct redis *r, const struct redis_op *op, struct port_call *c)
{
	struct redis_batch *b = redis_batch_of(&r->batches, op, c);
	if (!redis_batch_takes(b, c)) send_batch(r, b);
	redis_batch_add(&r->batches, b, c);
	if (redis_batch_full(b)) send_batch(r, b);
}

void redis_call(struct redis *r, const struct redis_op *op, struct port_call *c)
{
	if (r->state != READY || r->broken) {
		op->replied(c, TK_ERR(TK_UNAVAILABLE, "Redis is away"), NULL);
	} else if (r->inflight >= r->inflight_max) {
		op->replied(c, TK_ERR(TK_UNAVAILABLE, "too many Redis calls under way"), NULL);
	} else {
		begin(r, c, loop_now_ms(r->loop) + r->timeout_ms);
		if (op->batch) join_batch(r, op, c);
		else send_pending(r, (struct pending){.op = op, .calls = c});
	}
}

/* --- replies --- */

static bool says(const redisReply *reply, const char *code)
{
	size_t n = strlen(code);
	return reply->len >= n && memcmp(reply->str, code, n) == 0;
}

/* What an error reply means to the caller. Errors of the script or of our own command are bugs; everything else (OOM,
 * MISCONF, BUSY, NOPERM, MASTERDOWN, ...) is the server's condition. */
static struct tk_err judge(struct redis *r, const redisReply *reply)
{
	size_t n = reply->len < sizeof r->last_error ? reply->len : sizeof r->last_error - 1;
	memcpy(r->last_error, reply->str, n);
	r->last_error[n] = 0;
	if (says(reply, "ERR ") || says(reply, "WRONGTYPE ")) return TK_ERR(TK_INTERNAL, "Redis refused the call");
	/* Someone else is the primary now, or the data is not there yet: find out by connecting again. */
	if (says(reply, "READONLY") || says(reply, "LOADING") || says(reply, "MASTERDOWN")) r->broken = true;
	return TK_ERR(TK_UNAVAILABLE, says(reply, "OOM") ? "Redis is full" : "Redis refuses calls now");
}

/* An element a call. */
static void answer_each(struct redis *r, const struct pending *p, const redisReply *reply)
{
	struct port_call *c = p->calls;
	for (size_t i = 0; c && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		struct port_call *next = c->next;
		answer(r, p->op, c, TK_NONE, reply->element[i]);
		c = next;
	}
	answer_all(r, p->op, c, TK_ERR(TK_INTERNAL, "a script's reply is not as agreed"));
}

static void send_singly(struct redis *r, struct pending p)
{
	for (struct port_call *c = p.calls, *next; c; c = next) {
		next = c->next;
		c->next = NULL;
		if (p.batch) p.batch->under_way++;
		send_pending(r, (struct pending){.op = p.op, .calls = c, .batch = p.batch});
	}
}

static void on_error(struct redis *r, struct pending p, const redisReply *reply)
{
	if (says(reply, "NOSCRIPT") && !p.again && !p.op->command) {
		p.again = true;
		if (p.batch) p.batch->under_way++;
		send_pending(r, p);
		return;
	}
	struct tk_err err = judge(r, reply);
	if (err.kind == TK_INTERNAL && p.calls->next) send_singly(r, p);
	else answer_all(r, p.op, p.calls, err);
}

static void on_reply(struct redis *r, struct pending p, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) on_error(r, p, reply);
	else if (p.batch) answer_each(r, &p, reply);
	else answer(r, p.op, p.calls, TK_NONE, reply);
	if (p.batch) redis_batch_back(&r->batches, p.batch);
}

static void read_replies(struct redis *r)
{
	if (redisBufferRead(r->ctx) != REDIS_OK) {
		drop(r, "lost");
		return;
	}
	void *reply = NULL;
	while (!r->broken) {
		if (redisGetReplyFromReader(r->ctx, &reply) != REDIS_OK) r->broken = true;
		if (r->broken || !reply) break;
		if (r->count > 0) on_reply(r, ring_pop(r), reply);
		else r->broken = true; /* nobody asked: not a server to trust */
		freeReplyObject(reply);
	}
	if (r->broken) drop(r, "unusable");
}

/* --- the greeting: AUTH, SELECT, INFO, SCRIPT LOAD --- */

static void bind_auth(struct redis_args *a, struct port_call *c)
{
	struct redis *r = container_of(c, struct redis, greeting);
	if (r->url.user[0]) redis_arg(a, r->url.user, strlen(r->url.user));
	redis_arg(a, r->url.password, strlen(r->url.password));
}

static void bind_select(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, container_of(c, struct redis, greeting)->url.db);
}

static void bind_info(struct redis_args *a, struct port_call *c)
{
	(void)c;
	redis_arg(a, "server", 6);
}

static void bind_load(struct redis_args *a, struct port_call *c)
{
	struct redis *r = container_of(c, struct redis, greeting);
	const char *text = r->text[r->greeted++];
	redis_arg(a, "LOAD", 4);
	redis_arg(a, text, strlen(text));
}

static void greeted_simply(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	(void)reply;
	if (tk_failed(err)) container_of(c, struct redis, greeting)->broken = true;
}

static void greeted_info(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct redis *r = container_of(c, struct redis, greeting);
	const char *at = NULL;
	if (!tk_failed(err) && reply->type == REDIS_REPLY_STRING) at = strstr(reply->str, "\nrun_id:");
	if (!at || strlen(at += strlen("\nrun_id:")) < RUN_ID) {
		r->broken = true;
		return;
	}
	memcpy(r->run_id, at, RUN_ID);
	r->run_id[RUN_ID] = 0;
}

static void become_ready(struct redis *r)
{
	r->state = READY;
	r->ready_since_ms = loop_now_ms(r->loop);
	if (++r->life == 0) r->life = 1;
}

static void greeted_load(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct redis *r = container_of(c, struct redis, greeting);
	if (tk_failed(err) || reply->type != REDIS_REPLY_STRING || reply->len != SHA) {
		r->broken = true;
		return;
	}
	memcpy(r->sha[r->greeted++], reply->str, SHA);
	if (r->greeted == SCRIPT_COUNT) become_ready(r);
}

static const struct redis_op GREET_AUTH = {.command = "AUTH", .bind = bind_auth, .replied = greeted_simply};
static const struct redis_op GREET_SELECT = {.command = "SELECT", .bind = bind_select, .replied = greeted_simply};
static const struct redis_op GREET_INFO = {.command = "INFO", .bind = bind_info, .replied = greeted_info};
static const struct redis_op GREET_LOAD = {.command = "SCRIPT", .bind = bind_load, .replied = greeted_load};

static void send_greeting(struct redis *r, const struct redis_op *op)
{
	begin(r, &r->greeting, r->greet_by_ms);
	send_pending(r, (struct pending){.op = op, .calls = &r->greeting});
}

static void greet(struct redis *r)
{
	r->state = GREETING;
	if (r->url.password[0]) send_greeting(r, &GREET_AUTH);
	if (r->url.db) send_greeting(r, &GREET_SELECT);
	send_greeting(r, &GREET_INFO);
	r->greeted = 0; /* counts the texts sent, then the hashes received */
	for (int i = 0; i < SCRIPT_COUNT; i++) send_greeting(r, &GREET_LOAD);
	r->greeted = 0;
}

/* --- connecting and losing --- */

static void connected(struct redis *r)
{
	int err = 0;
	socklen_t n = sizeof err;
	if (getsockopt(r->ctx->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err != 0) {
		drop(r, "refused");
		return;
	}
	greet(r);
	if (!r->broken) flush(r);
	if (r->broken) drop(r, "lost while greeting");
}

static void on_socket(struct watch *w, uint32_t events)
{
	struct redis *r = container_of(w, struct redis, watch);
	if (r->state == CONNECTING) {
		connected(r);
		return;
	}
	if ((events & EPOLLOUT) && !r->broken) flush(r);
	if (r->broken) drop(r, "lost while writing");
	else if (events & ~(uint32_t)EPOLLOUT) read_replies(r);
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
		drop(r, "can't connect");
		return;
	}
	timer_arm(r->loop, &r->deadline, r->greet_by_ms);
}

/* Of what is under way, and of what waits. Not simply that of the first: what waited in a batch, or was sent again,
 * stands behind younger calls. */
static int64_t first_deadline(const struct redis *r)
{
	int64_t first = r->state == CONNECTING ? r->greet_by_ms : INT64_MAX;
	const struct redis_batch *b;
	for (unsigned i = 0; i < r->count; i++) {
		int64_t due = r->ring[(r->head + i) & r->mask].calls->deadline_ms;
		if (due < first) first = due;
	}
	TAILQ_FOREACH(b, &r->batches.waiting, waiting)
	{
		if (b->first->deadline_ms < first) first = b->first->deadline_ms;
	}
	return first;
}

/* Comes about once a deadline's length however many calls there are, and is armed again by the next call. */
static void deadline_passed(struct timer *t)
{
	struct redis *r = container_of(t, struct redis, deadline);
	if (r->state == AWAY) return;
	int64_t due = first_deadline(r);
	if (due <= loop_now_ms(r->loop)) drop(r, "beyond the deadline");
	else if (due < INT64_MAX) timer_arm(r->loop, &r->deadline, due);
}

static void fail_all(struct redis *r, const char *why)
{
	struct redis_batch *b;
	while (r->count > 0) {
		struct pending p = ring_pop(r);
		answer_all(r, p.op, p.calls, TK_ERR(TK_UNAVAILABLE, why));
		if (p.batch) redis_batch_back(&r->batches, p.batch);
	}
	while ((b = TAILQ_FIRST(&r->batches.waiting))) {
		answer_all(r, b->op, redis_batch_leave(&r->batches, b), TK_ERR(TK_UNAVAILABLE, why));
		redis_batch_back(&r->batches, b);
	}
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

static void drop(struct redis *r, const char *why)
{
	bool was_ready = r->state == READY;
	disconnect(r);
	fail_all(r, why);
	r->broken = false; /* a greeting that failed just now said so again */
	retry_later(r, was_ready);
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
	struct pending *ring = malloc(64 * sizeof *ring);
	if (!r || !ring) abort();
	*r = (struct redis){.loop = l,
		.metrics = m,
		.url = url,
		.timeout_ms = s->timeout_ms,
		.ring = ring,
		.mask = 63,
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
	fail_all(r, "shutting down");
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
