/* The half of the port that the jobs and the streams call: admission, sights, the draw, a queue's life. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "adapter/redis/queue_store_inside.h"
#include "runtime/when.h"

/* --- tick, look --- */

static void arg_daemon(struct redis_args *a, uint64_t daemon)
{
	char text[17];
	redis_arg(a, text, (size_t)snprintf(text, sizeof text, "%016" PRIx64, daemon));
}

static void bind_tick(struct redis_args *a, struct port_call *c)
{
	const struct queue_tick *k = container_of(c, struct queue_tick, call);
	key_head(a, k->schedule);
	key_lease(a, k->schedule);
	key_meta(a, k->schedule);
	redis_arg_run(a);
	arg_daemon(a, k->daemon);
	redis_arg_int(a, k->lease_ms);
	redis_arg_int(a, k->max_active);
	redis_arg_int(a, k->admit_per_s);
	redis_arg_int(a, k->paused);
	redis_arg_int(a, k->sold_out);
	redis_arg_int(a, k->drawn);
	redis_arg_int(a, k->rules.opens_at_ms);
	redis_arg_int(a, k->rules.opens_at_ms != TIME_NONE);
	redis_arg_int(a, k->rules.grace_ms);
	redis_arg_int(a, k->rules.claim_ttl_ms);
	redis_arg_int(a, k->uses_end);
}

static bool read_tick(struct queue_tick *k, const redisReply *r)
{
	k->mine = k->new_life = k->draw_due = k->more = false;
	k->uses = k->admitted = k->waiting = k->active = k->pre = k->serving = k->rate_milli = 0;
	k->waited_ms = -1;
	k->new_life = is_int(r, NEW_LIFE);
	if (k->new_life) return true;
	if (!is_array(r, 1)) return false;
	k->uses = redis_reply_int(r, 0);
	k->mine = r->elements == 10;
	if (!k->mine) return r->elements == 1;
	k->draw_due = redis_reply_int(r, 1) == 1;
	k->admitted = redis_reply_int(r, 2);
	k->waiting = redis_reply_int(r, 3);
	k->active = redis_reply_int(r, 4);
	k->pre = redis_reply_int(r, 5);
	k->serving = redis_reply_int(r, 6);
	k->rate_milli = redis_reply_int(r, 7);
	k->waited_ms = redis_reply_int(r, 8);
	k->more = redis_reply_int(r, 9) == 1;
	return true;
}

static void tick_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_tick *k = container_of(c, struct queue_tick, call);
	if (!tk_failed(err) && !read_tick(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void tick(struct queue_store *s, struct queue_tick *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_TICK, .keys = 3, .bind = bind_tick, .replied = tick_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_look(struct redis_args *a, struct port_call *c)
{
	const struct queue_look *k = container_of(c, struct queue_look, call);
	key_head(a, k->schedule);
	key_meta(a, k->schedule);
	key_queue(a, k->schedule);
	key_active(a, k->schedule);
	key_pre(a, k->schedule);
	redis_arg_run(a);
}

static bool read_look(struct queue_look *k, const redisReply *r)
{
	k->new_life = is_int(r, NEW_LIFE);
	if (k->new_life) return true;
	if (!is_array(r, 7)) return false;
	k->waiting = redis_reply_int(r, 0);
	k->active = redis_reply_int(r, 1);
	k->pre = redis_reply_int(r, 2);
	k->serving = redis_reply_int(r, 3);
	k->rate_milli = redis_reply_int(r, 4);
	k->shift_ms = redis_reply_int(r, 5);
	k->sold_out = redis_reply_int(r, 6) == 1;
	return true;
}

static void look_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_look *k = container_of(c, struct queue_look, call);
	if (!tk_failed(err) && !read_look(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void look(struct queue_store *s, struct queue_look *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_LOOK, .keys = 5, .bind = bind_look, .replied = look_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- slice, hear --- */

static void bind_slice(struct redis_args *a, struct port_call *c)
{
	const struct queue_slice *k = container_of(c, struct queue_slice, call);
	key_queue(a, k->schedule);
	redis_arg_int(a, k->offset);
	redis_arg_int(a, k->offset + QUEUE_SLICE_MAX - 1);
	redis_arg(a, "WITHSCORES", 10);
}

static bool read_slice(struct queue_slice *k, const redisReply *r)
{
	k->count = 0;
	if (!is_array(r, 0) || r->elements > 2 * QUEUE_SLICE_MAX) return false;
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		int64_t user = number_in(r->element[i]), number = number_in(r->element[i + 1]);
		if (user < 0) continue; /* somebody else's member */
		k->users_numbers[k->count][0] = user;
		k->users_numbers[k->count++][1] = number;
	}
	return true;
}

static void slice_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_slice *k = container_of(c, struct queue_slice, call);
	if (!tk_failed(err) && !read_slice(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void slice(struct queue_store *s, struct queue_slice *k)
{
	static const struct redis_op OP = {.command = "ZRANGE", .bind = bind_slice, .replied = slice_replied};
	assert(k->offset >= 0);
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_hear(struct redis_args *a, struct port_call *c)
{
	const struct queue_hear *k = container_of(c, struct queue_hear, call);
	key_head(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, k->rules.grace_ms);
	redis_arg_int(a, k->rules.active_ttl_ms);
	arg_users(a, k->users, k->count);
}

static bool read_hear(struct queue_hear *k, const redisReply *r)
{
	k->new_life = is_int(r, NEW_LIFE);
	if (k->new_life) return true;
	const redisReply *digits = is_array(r, 3) ? r->element[0] : r;
	size_t admitted = 0;
	if (digits->type != REDIS_REPLY_STRING || digits->len != k->count) return false;
	for (unsigned i = 0; i < k->count; i++) {
		k->status[i] = (uint8_t)(digits->str[i] - '0');
		if (k->status[i] >= QUEUE_STATUSES) return false;
		bool active = k->status[i] == QUEUE_ACTIVE;
		if (k->ends_ms) k->ends_ms[i] = active ? redis_reply_int(r, 2 * admitted + 1) : TIME_NONE;
		if (k->numbers) k->numbers[i] = active ? redis_reply_int(r, 2 * admitted + 2) : 0;
		admitted += active;
	}
	return true;
}

static void hear_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_hear *k = container_of(c, struct queue_hear, call);
	if (!tk_failed(err) && !read_hear(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void hear(struct queue_store *s, struct queue_hear *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_HEAR, .keys = 1, .bind = bind_hear, .replied = hear_replied};
	assert(k->count > 0 && k->count <= QUEUE_BATCH_MAX);
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- the draw --- */

static void bind_scan(struct redis_args *a, struct port_call *c)
{
	const struct queue_scan_pre *k = container_of(c, struct queue_scan_pre, call);
	char text[24];
	key_pre(a, k->schedule);
	redis_arg(a, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, k->cursor));
	redis_arg(a, "COUNT", 5);
	redis_arg_int(a, QUEUE_BATCH_MAX);
}

static bool read_scan(struct queue_scan_pre *k, const redisReply *r)
{
	k->count = 0;
	if (!is_array(r, 2) || r->element[0]->type != REDIS_REPLY_STRING) return false;
	const redisReply *found = r->element[1];
	if (found->type != REDIS_REPLY_ARRAY || found->elements > QUEUE_SCAN_MAX) return false;
	for (size_t i = 0; i < found->elements; i++) {
		int64_t user = number_in(found->element[i]);
		if (user >= 0) k->users[k->count++] = user;
	}
	k->cursor = strtoull(r->element[0]->str, NULL, 10);
	return true;
}

static void scan_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_scan_pre *k = container_of(c, struct queue_scan_pre, call);
	if (!tk_failed(err) && !read_scan(k, reply)) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void scan_pre(struct queue_store *s, struct queue_scan_pre *k)
{
	static const struct redis_op OP = {.command = "SSCAN", .bind = bind_scan, .replied = scan_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_number(struct redis_args *a, struct port_call *c)
{
	const struct queue_number_pre *k = container_of(c, struct queue_number_pre, call);
	key_head(a, k->schedule);
	key_lease(a, k->schedule);
	redis_arg_run(a);
	arg_daemon(a, k->daemon);
	redis_arg_int(a, k->first_number);
	redis_arg_int(a, k->finish);
	redis_arg_int(a, k->rules.grace_ms);
	arg_users(a, k->users, k->count);
}

static void number_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_number_pre *k = container_of(c, struct queue_number_pre, call);
	k->mine = !tk_failed(err) && is_int(reply, 1);
	if (!tk_failed(err) && reply->type != REDIS_REPLY_INTEGER) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void number_pre(struct queue_store *s, struct queue_number_pre *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_NUMBER_PRE, .keys = 2, .bind = bind_number, .replied = number_replied};
	assert(k->count <= QUEUE_BATCH_MAX && k->first_number >= 1);
	redis_call(redis_of(s), &OP, &k->call);
}

/* --- birth, revive, wake, open --- */

static void bind_birth(struct redis_args *a, struct port_call *c)
{
	const struct queue_birth *k = container_of(c, struct queue_birth, call);
	key_head(a, k->schedule);
	key_birth(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, k->candidate);
}

static void birth_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_birth *k = container_of(c, struct queue_birth, call);
	k->birth = tk_failed(err) ? 0 : number_in(reply);
	if (k->birth < 0) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

static void birth(struct queue_store *s, struct queue_birth *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_BIRTH, .keys = 2, .bind = bind_birth, .replied = birth_replied};
	assert(k->candidate > 0);
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_revive(struct redis_args *a, struct port_call *c)
{
	const struct queue_revive *k = container_of(c, struct queue_revive, call);
	int64_t above = k->epoch * QUEUE_EPOCH_NUMBERS;
	key_head(a, k->schedule);
	key_seq(a, k->schedule);
	key_meta(a, k->schedule);
	key_birth(a, k->schedule);
	redis_arg_run(a);
	redis_arg_int(a, above > k->number_seen ? above : k->number_seen);
	redis_arg_int(a, k->birth);
}

static void revive_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_revive *k = container_of(c, struct queue_revive, call);
	k->revived = !tk_failed(err) && is_int(reply, 1);
	port_answer(c, err);
}

static void revive(struct queue_store *s, struct queue_revive *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_QUEUE_REVIVE, .keys = 4, .bind = bind_revive, .replied = revive_replied};
	assert(k->epoch >= 0 && k->number_seen >= 0);
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_wake(struct redis_args *a, struct port_call *c)
{
	const struct queue_wake *k = container_of(c, struct queue_wake, call);
	redis_arg(a, "queue:open", 10);
	for (unsigned i = 0; i < k->count; i++) redis_arg_int(a, k->schedules[i]);
}

static void wake(struct queue_store *s, struct queue_wake *k)
{
	static const struct redis_op OP = {.command = "SADD", .bind = bind_wake, .replied = just_answer};
	assert(k->count > 0);
	redis_call(redis_of(s), &OP, &k->call);
}

static void bind_open(struct redis_args *a, struct port_call *c)
{
	redis_arg(a, "queue:open", 10);
	redis_arg_int(a, container_of(c, struct queue_open, call)->max);
}

static void open_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct queue_open *k = container_of(c, struct queue_open, call);
	k->count = 0;
	if (!tk_failed(err) && !is_array(reply, 0)) err = REDIS_ODD_REPLY;
	for (size_t i = 0; !tk_failed(err) && i < reply->elements && k->count < k->max; i++) {
		int64_t schedule = number_in(reply->element[i]);
		if (schedule > 0) k->schedules[k->count++] = schedule;
	}
	port_answer(c, err);
}

static void open_schedules(struct queue_store *s, struct queue_open *k)
{
	static const struct redis_op OP = {.command = "SRANDMEMBER", .bind = bind_open, .replied = open_replied};
	redis_call(redis_of(s), &OP, &k->call);
}

void redis_queue_jobs_init(struct queue_store *port)
{
	port->tick = tick;
	port->look = look;
	port->slice = slice;
	port->hear = hear;
	port->scan_pre = scan_pre;
	port->number_pre = number_pre;
	port->birth = birth;
	port->revive = revive;
	port->wake = wake;
	port->open = open_schedules;
}
