#include "adapter/redis/queue_store.h"

#include <assert.h>

#include "adapter/redis/queue_store_inside.h"
#include "runtime/when.h"

/* --- enter, status --- */

#define PLACE_CALL(c) container_of(c, const struct queue_place_call, call)

static int64_t place_schedule(const struct port_call *c)
{
	return PLACE_CALL(c)->schedule;
}

static bool places_alike(const struct port_call *a, const struct port_call *b)
{
	const struct queue_rules *x = &PLACE_CALL(a)->rules, *y = &PLACE_CALL(b)->rules;
	return x->opens_at_ms == y->opens_at_ms && x->grace_ms == y->grace_ms && x->active_ttl_ms == y->active_ttl_ms;
}

static void bind_enter(struct redis_args *a, struct port_call *c)
{
	const struct queue_place_call *k = PLACE_CALL(c);
	key_head(a, k->schedule);
	key_seq(a, k->schedule);
	key_queue(a, k->schedule);
	key_place(a, k->schedule);
	key_heard(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, k->rules.opens_at_ms);
	redis_arg_int(a, k->rules.grace_ms);
	redis_arg_int(a, k->rules.active_ttl_ms);
}

static void arg_place_user(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, PLACE_CALL(c)->user);
}

static void arg_place_token(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, PLACE_CALL(c)->token_number);
}

static void bind_status(struct redis_args *a, struct port_call *c)
{
	const struct queue_place_call *k = PLACE_CALL(c);
	key_head(a, k->schedule);
	key_queue(a, k->schedule);
	key_heard(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, k->rules.grace_ms);
	redis_arg_int(a, k->rules.active_ttl_ms);
}

/* Two shapes, the commonest the shortest: {number, rank, total, rate} of who waits, {status, number, rank, total, rate,
 * ends} of all others. */
static bool read_place(struct queue_place *p, const redisReply *r)
{
	if (!is_array(r, 4)) return false;
	size_t at = r->elements > 4;
	*p = (struct queue_place){
		.status = at ? (enum queue_status)redis_reply_int(r, 0) : QUEUE_WAITING,
		.number = redis_reply_int(r, at),
		.rank = redis_reply_int(r, at + 1),
		.total = redis_reply_int(r, at + 2),
		.rate_milli = redis_reply_int(r, at + 3),
		.expires_ms = TIME_NONE,
	};
	p->epoch = queue_epoch_of(p->number);
	if (p->status == QUEUE_ACTIVE) p->expires_ms = redis_reply_int(r, 5);
	return at == 0 || (r->elements == 6 && p->status > QUEUE_NOBODY && p->status < QUEUE_STATUSES);
}

static void place_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_place_call *k = container_of(c, struct queue_place_call, call);
	if (!tk_failed(err)) {
		if (is_int(reply, NEW_LIFE)) k->verdict = QUEUE_NEW_LIFE;
		else if (is_int(reply, 0)) k->verdict = QUEUE_NO_PLACE;
		else if (read_place(&k->place, reply)) k->verdict = QUEUE_PLACED;
		else err = REDIS_ODD_REPLY;
	}
	port_answer(c, err);
}

/* 64 take Redis 0.3 ms where they wait or are new, up to 1 ms where each has an earlier place to be looked into. */
enum { PLACES_A_SCRIPT = 64 };

static void enter(struct queue_store *s, struct queue_place_call *k)
{
	static const struct redis_call_batch BATCH = {.schedule = place_schedule,
		.alike = places_alike,
		.column = {arg_place_user, arg_place_token},
		.max = PLACES_A_SCRIPT};
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_ENTER, .keys = 5, .bind = bind_enter, .replied = place_replied, .batch = &BATCH};
	redis_call(redis_of(s), &OP, &k->call);
}

static void status(struct queue_store *s, struct queue_place_call *k)
{
	static const struct redis_call_batch BATCH = {
		.schedule = place_schedule, .alike = places_alike, .column = {arg_place_user}, .max = PLACES_A_SCRIPT};
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_STATUS, .keys = 3, .bind = bind_status, .replied = place_replied, .batch = &BATCH};
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- leave, used --- */

static void bind_leave(struct redis_args *a, struct port_call *c)
{
	const struct queue_leave *k = container_of(c, struct queue_leave, call);
	key_head(a, k->schedule);
	redis_arg_int(a, k->user);
	redis_arg_int(a, k->number);
	redis_arg_int(a, k->expire);
}

static void bind_used(struct redis_args *a, struct port_call *c)
{
	const struct queue_used *k = container_of(c, struct queue_used, call);
	key_head(a, k->schedule);
	key_place(a, k->schedule);
	key_meta(a, k->schedule);
	arg_users(a, k->users, k->count);
}

static void leave(struct queue_store *s, struct queue_leave *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_LEAVE, .keys = 1, .bind = bind_leave, .replied = just_answer};
	redis_call(redis_of(s), &OP, &k->call);
}

static void used(struct queue_store *s, struct queue_used *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_USED, .keys = 3, .bind = bind_used, .replied = just_answer};
	assert(k->count > 0 && k->count <= QUEUE_BATCH_MAX);
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- verify --- */

static void bind_verify(struct redis_args *a, struct port_call *c)
{
	const struct queue_verify *k = container_of(c, struct queue_verify, call);
	key_head(a, k->schedule);
	key_place(a, k->schedule);
	key_active(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, k->user);
	redis_arg_int(a, k->number);
	redis_arg_int(a, k->rules.grace_ms);
	redis_arg_int(a, k->rules.active_ttl_ms);
}

static bool read_verify(struct queue_verify *k, const redisReply *reply)
{
	k->expires_in_ms = 0;
	if (reply->type == REDIS_REPLY_INTEGER) {
		if (reply->integer < VERIFY_WAITING || reply->integer > VERIFY_NEW_LIFE) return false;
		k->verdict = (__typeof__(k->verdict))reply->integer;
		return true;
	}
	k->verdict = VERIFY_ACTIVE;
	k->expires_in_ms = redis_reply_int(reply, 1);
	return is_array(reply, 2);
}

static void verify_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_verify *k = container_of(c, struct queue_verify, call);
	if (!tk_failed(err) && !read_verify(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void verify(struct queue_store *s, struct queue_verify *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_VERIFY, .keys = 3, .bind = bind_verify, .replied = verify_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

void redis_queue_store_init(struct redis_queue_store *s, struct redis *r)
{
	*s = (struct redis_queue_store){
		.port = {.enter = enter, .status = status, .leave = leave, .verify = verify, .used = used},
		.redis = r,
	};
	redis_queue_jobs_init(&s->port);
}
