/* See client_inside.h. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "adapter/redis/client_inside.h"
#include "runtime/metrics.h"

enum { FLUSH_AT = 32 }; /* calls: so many leave before the turn ends, and Redis works beside us */

/* --- the queue of calls under way --- */

static void ring_grow(struct redis *r)
{
	unsigned size = r->mask + 1;
	struct redis_pending *wide = malloc(2 * size * sizeof *wide);
	if (!wide) abort();
	for (unsigned i = 0; i < r->count; i++) wide[i] = r->ring[(r->head + i) & r->mask];
	free(r->ring);
	r->ring = wide;
	r->head = 0;
	r->mask = 2 * size - 1;
}

static void ring_push(struct redis *r, struct redis_pending p)
{
	if (r->count == r->mask + 1) ring_grow(r);
	r->ring[(r->head + r->count++) & r->mask] = p;
}

static struct redis_pending ring_pop(struct redis *r)
{
	struct redis_pending p = r->ring[r->head];
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
void redis_flush(struct redis *r)
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

void redis_send_waiting(struct redis *r)
{
	struct redis_batch *b, *next;
	for (b = TAILQ_FIRST(&r->batches.waiting); b; b = next) {
		next = TAILQ_NEXT(b, waiting);
		if (b->under_way == 0) send_batch(r, b);
	}
}

static void write_columns(struct redis_args *a, const struct redis_pending *p)
{
	for (unsigned i = 0; i < REDIS_COLUMNS_MAX && p->op->batch->column[i]; i++) {
		for (struct port_call *c = p->calls; c; c = c->next) p->op->batch->column[i](a, c);
	}
}

static void write_command(struct redis *r, const struct redis_pending *p)
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
		redis_arg(a, r->sha[p->op->script], REDIS_SHA);
		redis_arg_int(a, p->op->keys);
	}
	if (p->op->bind) p->op->bind(a, p->calls);
	if (p->op->batch) write_columns(a, p);
	redis_args_end(a);
	for (const struct port_call *c = p->calls; c; c = c->next) r->unsent++;
}

static void send_pending(struct redis *r, struct redis_pending p)
{
	write_command(r, &p);
	ring_push(r, p);
	if (r->unsent >= FLUSH_AT && !r->broken) redis_flush(r);
}

static void send_batch(struct redis *r, struct redis_batch *b)
{
	send_pending(r, (struct redis_pending){.op = b->op, .calls = redis_batch_leave(&r->batches, b), .batch = b});
}

static void join_batch(struct redis *r, const struct redis_op *op, struct port_call *c)
{
	struct redis_batch *b = redis_batch_of(&r->batches, op, c);
	if (!redis_batch_takes(b, c)) send_batch(r, b);
	redis_batch_add(&r->batches, b, c);
	if (redis_batch_full(b)) send_batch(r, b);
}

void redis_send(struct redis *r, const struct redis_op *op, struct port_call *c, int64_t deadline_ms)
{
	begin(r, c, deadline_ms);
	if (op->batch) join_batch(r, op, c);
	else send_pending(r, (struct redis_pending){.op = op, .calls = c});
}

void redis_call(struct redis *r, const struct redis_op *op, struct port_call *c)
{
	if (r->state != READY || r->broken) {
		op->replied(c, TK_ERR(TK_UNAVAILABLE, "Redis is away"), NULL);
	} else if (r->inflight >= r->inflight_max) {
		op->replied(c, TK_ERR(TK_UNAVAILABLE, "too many Redis calls under way"), NULL);
	} else {
		redis_send(r, op, c, loop_now_ms(r->loop) + r->timeout_ms);
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

/* An element a call, or the one for all. */
static void answer_each(struct redis *r, const struct redis_pending *p, const redisReply *reply)
{
	bool array = reply->type == REDIS_REPLY_ARRAY;
	struct port_call *c = p->calls;
	for (size_t i = 0; c && (!array || i < reply->elements); i++) {
		struct port_call *next = c->next;
		answer(r, p->op, c, TK_NONE, array ? reply->element[i] : reply);
		c = next;
	}
	answer_all(r, p->op, c, REDIS_ODD_REPLY);
}

static void send_singly(struct redis *r, struct redis_pending p)
{
	for (struct port_call *c = p.calls, *next; c; c = next) {
		next = c->next;
		c->next = NULL;
		if (p.batch) p.batch->under_way++;
		send_pending(r, (struct redis_pending){.op = p.op, .calls = c, .batch = p.batch});
	}
}

static void on_error(struct redis *r, struct redis_pending p, const redisReply *reply)
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

static void on_reply(struct redis *r, struct redis_pending p, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) on_error(r, p, reply);
	else if (p.batch) answer_each(r, &p, reply);
	else answer(r, p.op, p.calls, TK_NONE, reply);
	if (p.batch) redis_batch_back(&r->batches, p.batch);
}

void redis_read_replies(struct redis *r)
{
	if (redisBufferRead(r->ctx) != REDIS_OK) {
		redis_drop(r, "lost");
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
	if (r->broken) redis_drop(r, "unusable");
}

void redis_fail_all(struct redis *r, const char *why)
{
	struct redis_batch *b;
	while (r->count > 0) {
		struct redis_pending p = ring_pop(r);
		answer_all(r, p.op, p.calls, TK_ERR(TK_UNAVAILABLE, why));
		if (p.batch) redis_batch_back(&r->batches, p.batch);
	}
	while ((b = TAILQ_FIRST(&r->batches.waiting))) {
		answer_all(r, b->op, redis_batch_leave(&r->batches, b), TK_ERR(TK_UNAVAILABLE, why));
		redis_batch_back(&r->batches, b);
	}
}

/* Not simply that of the first: what waited in a batch, or was sent again,
 * stands behind younger calls. */
int64_t redis_first_deadline(const struct redis *r)
{
	int64_t first = INT64_MAX;
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
