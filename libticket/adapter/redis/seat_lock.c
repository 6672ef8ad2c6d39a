#include "adapter/redis/seat_lock.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/redis/seat_copy.h"
#include "adapter/redis/queue_keys.h"
#include "adapter/redis/seat_keys.h"

static struct redis *redis_of(struct seat_lock *s)
{
	return container_of(s, struct redis_seat_lock, port)->redis;
}

static void arg_seat(struct redis_args *a, const struct seat_no *no)
{
	redis_arg(a, no->s, no->len);
}

/* --- hold --- */

/* Of one script; Redis serves nobody else meanwhile (about 5 µs a seat), and with twice as many it and the shard wait for
 * each other more than they work side by side. */
enum { HOLD_SEATS_A_SCRIPT = 32 };

static struct seat_hold *hold_of(const struct port_call *c)
{
	return container_of((struct port_call *)(uintptr_t)c, struct seat_hold, call);
}

static int64_t hold_schedule(const struct port_call *c)
{
	return hold_of(c)->schedule;
}
static unsigned hold_seats(const struct port_call *c)
{
	return hold_of(c)->count;
}

static bool holds_alike(const struct port_call *a, const struct port_call *b)
{
	const struct seat_hold *x = hold_of(a), *y = hold_of(b);
	return x->ttl_ms == y->ttl_ms && x->limit == y->limit && x->opens_at_ms == y->opens_at_ms &&
		(x->count == 1) == (y->count == 1) && x->gate.active_ttl_ms == y->gate.active_ttl_ms;
}

static void bind_hold_keys(struct redis_args *a, const struct seat_hold *h)
{
	key_state(a, h->schedule);
	key_users(a, h->schedule);
	key_lock(a, h->schedule, "");
}

static void bind_hold_terms(struct redis_args *a, const struct seat_hold *h)
{
	redis_arg_run(a);
	redis_arg_int(a, h->ttl_ms);
	redis_arg_int(a, h->limit);
	redis_arg_int(a, h->opens_at_ms > 0 ? h->opens_at_ms : 0);
	redis_arg_int(a, h->count == 1);
}

static void bind_holds_open(struct redis_args *a, struct port_call *c)
{
	bind_hold_keys(a, hold_of(c));
	bind_hold_terms(a, hold_of(c));
}

static void bind_holds_gated(struct redis_args *a, struct port_call *c)
{
	const struct seat_hold *h = hold_of(c);
	bind_hold_keys(a, h);
	key_head(a, h->schedule);
	key_place(a, h->schedule);
	key_active(a, h->schedule);
	bind_hold_terms(a, h);
	redis_arg_int(a, h->gate.active_ttl_ms);
}

static void column_user(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, hold_of(c)->user);
}

/* Blanks between them. */
static void column_seats(struct redis_args *a, struct port_call *c)
{
	const struct seat_hold *h = hold_of(c);
	char text[HOLD_SEATS_MAX * sizeof h->seats->s], *at = text;
	for (unsigned i = 0; i < h->count; i++) {
		if (i) *at++ = ' ';
		memcpy(at, h->seats[i].s, h->seats[i].len);
		at += h->seats[i].len;
	}
	redis_arg(a, text, (size_t)(at - text));
}

static void column_number(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, hold_of(c)->gate.number);
}

static void placed_now(struct seat_hold *h, int64_t now_ms)
{
	h->verdict = HOLD_PLACED;
	h->now_ms = now_ms;
	for (unsigned i = 0; i < h->count; i++) {
		h->expires_ms[i] = now_ms + h->ttl_ms;
		h->own[i] = false;
	}
}

static bool read_hold(struct seat_hold *h, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return false;
	h->verdict = (enum hold_verdict)redis_reply_int(reply, 0);
	h->culprit = (unsigned)redis_reply_int(reply, 1);
	h->now_ms = redis_reply_int(reply, 2);
	if (h->verdict != HOLD_PLACED) return h->verdict <= HOLD_NO_ENTRY && h->culprit < h->count;
	if (reply->elements != 3 + (size_t)h->count) return false;
	for (unsigned i = 0; i < h->count; i++) {
		int64_t ends = redis_reply_int(reply, 3 + i);
		h->own[i] = ends < 0; /* negated: was the user's before */
		h->expires_ms[i] = ends < 0 ? -ends : ends;
	}
	return true;
}

static void hold_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_hold *h = hold_of(c);
	h->culprit = 0;
	if (tk_failed(err)) port_answer(c, err);
	else if (reply->type == REDIS_REPLY_INTEGER) placed_now(h, reply->integer), port_answer(c, TK_NONE);
	else port_answer(c, read_hold(h, reply) ? TK_NONE : REDIS_ODD_REPLY);
}

static void hold(struct seat_lock *s, struct seat_hold *h)
{
	static const struct redis_call_batch TOGETHER = {
		.schedule = hold_schedule,
		.alike = holds_alike,
		.column = {column_user, column_seats},
		.weight = hold_seats,
		.max = HOLD_SEATS_A_SCRIPT,
	};
	static const struct redis_call_batch GATED_TOGETHER = {
		.schedule = hold_schedule,
		.alike = holds_alike,
		.column = {column_user, column_seats, column_number},
		.weight = hold_seats,
		.max = HOLD_SEATS_A_SCRIPT,
	};
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_HOLD, .keys = 3, .bind = bind_holds_open, .replied = hold_replied, .batch = &TOGETHER};
	static const struct redis_op GATED = {
		.script = SCRIPT_SEAT_HOLD,
		.keys = 6,
		.bind = bind_holds_gated,
		.replied = hold_replied,
		.batch = &GATED_TOGETHER,
	};
	assert(h->count > 0 && h->count <= HOLD_SEATS_MAX);
	redis_call(redis_of(s), h->gate.number ? &GATED : &OP, &h->call);
}

/* --- claim --- */

/* Nil: the empty string. */
static void arg_order(struct redis_args *a, const struct uuid *order_no)
{
	char text[UUID_TEXT];

	uuid_text(text, order_no);
	redis_arg(a, text, uuid_is_nil(order_no) ? 0 : UUID_TEXT - 1);
}

enum { CLAIMS_A_SCRIPT = 64 };

static struct seat_claim *claim_of(const struct port_call *c)
{
	return container_of((struct port_call *)(uintptr_t)c, struct seat_claim, call);
}

static int64_t claim_schedule(const struct port_call *c)
{
	return claim_of(c)->schedule;
}
static bool claims_alike(const struct port_call *a, const struct port_call *b)
{
	return claim_of(a)->at_least_ms == claim_of(b)->at_least_ms;
}

static void bind_claims(struct redis_args *a, struct port_call *c)
{
	const struct seat_claim *k = claim_of(c);
	key_state(a, k->schedule);
	key_users(a, k->schedule);
	key_lock(a, k->schedule, "");
	redis_arg_run(a);
	redis_arg_int(a, k->at_least_ms);
}

static void column_claimant(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, claim_of(c)->user);
}
static void column_seat(struct redis_args *a, struct port_call *c)
{
	arg_seat(a, &claim_of(c)->seat);
}
static void column_order(struct redis_args *a, struct port_call *c)
{
	arg_order(a, &claim_of(c)->order_no);
}
static void column_ended(struct redis_args *a, struct port_call *c)
{
	arg_order(a, &claim_of(c)->ended);
}

static void claimed_first(struct seat_claim *k, int64_t remaining_ms)
{
	k->verdict = CLAIM_OWN;
	k->first = true;
	k->remaining_ms = remaining_ms;
}

static bool read_claim(struct seat_claim *k, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) return false;
	k->verdict = (enum claim_verdict)redis_reply_int(reply, 0);
	if (k->verdict != CLAIM_OWN) return k->verdict <= CLAIM_NOT_LOADED;
	size_t n;
	const char *order = redis_reply_str(reply, 2, &n);
	k->remaining_ms = redis_reply_int(reply, 1);
	return uuid_parse(order, n, &k->order_no);
}

static void claim_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_claim *k = claim_of(c);
	if (tk_failed(err)) port_answer(c, err);
	else if (reply->type == REDIS_REPLY_INTEGER) claimed_first(k, reply->integer), port_answer(c, TK_NONE);
	else port_answer(c, read_claim(k, reply) ? TK_NONE : REDIS_ODD_REPLY);
}

static void claim(struct seat_lock *s, struct seat_claim *k)
{
	static const struct redis_call_batch TOGETHER = {
		.schedule = claim_schedule,
		.alike = claims_alike,
		.column = {column_claimant, column_seat, column_order, column_ended},
		.max = CLAIMS_A_SCRIPT,
	};
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_CLAIM, .keys = 3, .bind = bind_claims, .replied = claim_replied, .batch = &TOGETHER};
	k->first = false;
	k->remaining_ms = 0;
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- release --- */

static void bind_release(struct redis_args *a, struct port_call *c)
{
	const struct seat_release *k = container_of(c, struct seat_release, call);
	key_users(a, k->schedule);
	key_lock(a, k->schedule, k->seat.s);
	redis_arg_int(a, k->user);
	arg_seat(a, &k->seat);
	arg_order(a, &k->ended);
	redis_arg_int(a, k->only_ended);
}

static bool read_release(struct seat_release *k, const redisReply *reply)
{
	size_t n;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return false;
	const char *order = redis_reply_str(reply, 1, &n);
	k->verdict = (enum release_verdict)redis_reply_int(reply, 0);
	if (!uuid_parse(order, n, &k->order_no)) k->order_no = (struct uuid){0};
	return k->verdict <= RELEASE_ORDERED;
}

static void release_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_release *k = container_of(c, struct seat_release, call);
	if (!tk_failed(err) && !read_release(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void release(struct seat_lock *s, struct seat_release *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_RELEASE, .keys = 2, .bind = bind_release, .replied = release_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- holds --- */

static void bind_holds(struct redis_args *a, struct port_call *c)
{
	const struct seat_holds *k = container_of(c, struct seat_holds, call);
	key_users(a, k->schedule);
	key_lock(a, k->schedule, "");
	redis_arg_int(a, k->user);
}

/* By seat number, numbers by value: A-2 before A-10. */
static void insert(struct seat_holds *k, const struct seat_no *no, int64_t expires_ms)
{
	unsigned at = k->count++;
	for (; at > 0 && strverscmp(k->seats[at - 1].s, no->s) > 0; at--) {
		k->seats[at] = k->seats[at - 1];
		k->expires_ms[at] = k->expires_ms[at - 1];
	}
	k->seats[at] = *no;
	k->expires_ms[at] = expires_ms;
}

static bool read_holds(struct seat_holds *k, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) return false;
	k->now_ms = redis_reply_int(reply, 0);
	for (size_t i = 1; i + 1 < reply->elements && k->count < HOLD_SEATS_MAX; i += 2) {
		struct seat_no no;
		size_t n;
		const char *s = redis_reply_str(reply, i, &n);
		if (seat_no_parse(s, n, &no)) insert(k, &no, redis_reply_int(reply, i + 1));
	}
	return true;
}

static void holds_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_holds *k = container_of(c, struct seat_holds, call);
	if (!tk_failed(err) && !read_holds(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void holds(struct seat_lock *s, struct seat_holds *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_HOLDS, .keys = 2, .bind = bind_holds, .replied = holds_replied};
	k->count = 0;
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- prune --- */

static void bind_prune(struct redis_args *a, struct port_call *c)
{
	const struct seat_prune *k = container_of(c, struct seat_prune, call);
	char text[24];
	key_users(a, k->schedule);
	key_lock(a, k->schedule, "");
	redis_arg(a, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, k->cursor));
}

static void prune_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_prune *k = container_of(c, struct seat_prune, call);
	if (!tk_failed(err)) {
		size_t n;
		const char *cursor = redis_reply_str(reply, 0, &n);
		k->cursor = strtoull(cursor, NULL, 10);
		k->forgotten = (unsigned)redis_reply_int(reply, 1);
		if (n == 0) err = REDIS_ODD_REPLY;
	}
	port_answer(c, err);
}

static void prune(struct seat_lock *s, struct seat_prune *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_PRUNE, .keys = 2, .bind = bind_prune, .replied = prune_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- the copy --- */

static void birth(struct seat_lock *s, struct seat_birth *k)
{
	seat_copy_birth(redis_of(s), k);
}
static void apply(struct seat_lock *s, struct seat_apply *k)
{
	seat_copy_apply(redis_of(s), k);
}
static void read_all(struct seat_lock *s, struct seat_read *k)
{
	seat_copy_read(redis_of(s), k);
}

void redis_seat_lock_init(struct redis_seat_lock *s, struct redis *r)
{
	*s = (struct redis_seat_lock){
		.port = {.hold = hold,
			.claim = claim,
			.release = release,
			.holds = holds,
			.birth = birth,
			.apply = apply,
			.read = read_all,
			.prune = prune},
		.redis = r,
	};
}
