/* The Redis client against a server of the test's own that is killed, stopped, filled up and brought back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/redis/client.h"
#include "runtime/loop.h"
#include "support/redis_server.h"

enum { TIMEOUT_MS = 200, SLACK_MS = 3000, WAIT_MS = 5000 };

struct rig {
	struct redis_server server;
	struct loop *loop;
	struct redis *redis;
};

/* A call with words of its own, and what came of it. */
struct probe {
	struct port_call call;
	const char *word[10];
	const char *big;
	size_t big_len;
	unsigned answers;
	struct tk_err err;
	int type;
	long long integer;
	size_t len;
	char text[64];
	bool big_same;
	int64_t at_us;
};

static void bind_words(struct redis_args *a, struct port_call *c)
{
	struct probe *p = container_of(c, struct probe, call);
	for (int i = 0; i < 10 && p->word[i]; i++) redis_arg(a, p->word[i], strlen(p->word[i]));
	if (p->big) redis_arg(a, p->big, p->big_len);
}

static void keep_reply(struct port_call *c, struct tk_err err, const redisReply *r)
{
	struct probe *p = container_of(c, struct probe, call);
	p->answers++;
	p->err = err;
	p->at_us = loop_now_us();
	if (tk_failed(err)) return;
	p->type = r->type;
	p->integer = r->type == REDIS_REPLY_ARRAY ? redis_reply_int(r, 0) : r->integer;
	p->len = r->len;
	if (r->str) snprintf(p->text, sizeof p->text, "%s", r->str);
	p->big_same = p->big && r->len == p->big_len && memcmp(r->str, p->big, r->len) == 0;
}

static const struct redis_op ECHO = {.command = "ECHO", .bind = bind_words, .replied = keep_reply};
static const struct redis_op INCR = {.command = "INCR", .bind = bind_words, .replied = keep_reply};
static const struct redis_op EXISTS = {.command = "EXISTS", .bind = bind_words, .replied = keep_reply};
static const struct redis_op SLEEP = {.command = "DEBUG", .bind = bind_words, .replied = keep_reply};
static const struct redis_op RELEASE = {
	.script = SCRIPT_SEAT_RELEASE, .keys = 2, .bind = bind_words, .replied = keep_reply};
static const struct redis_op HOLD = {.script = SCRIPT_SEAT_HOLD, .keys = 3, .bind = bind_words, .replied = keep_reply};

/* A hold that shares its script: of this schedule, loaded in the life "here"; its words are user and seat. */
struct shared_probe {
	struct probe probe;
	int64_t schedule;
	const char *limit;
};

static struct shared_probe *shared_of(const struct port_call *c)
{
	return container_of((struct port_call *)(uintptr_t)c, struct shared_probe, probe.call);
}
static int64_t shared_schedule(const struct port_call *c)
{
	return shared_of(c)->schedule;
}
static bool shared_alike(const struct port_call *a, const struct port_call *b)
{
	return strcmp(shared_of(a)->limit, shared_of(b)->limit) == 0;
}
static void bind_shared(struct redis_args *a, struct port_call *c)
{
	const struct shared_probe *p = shared_of(c);
	redis_arg_key(a, "seat:state:{", p->schedule, "}");
	redis_arg_key(a, "seat:users:{", p->schedule, "}");
	redis_arg_key(a, "seat:lock:{", p->schedule, "}:");
	redis_arg(a, "here", 4);
	redis_arg(a, "60000", 5);
	redis_arg(a, p->limit, strlen(p->limit));
	redis_arg(a, "0", 1);
	redis_arg(a, "1", 1);
}
static void keep_verdict(struct port_call *c, struct tk_err err, const redisReply *r)
{
	keep_reply(c, err, r);
	if (!tk_failed(err) && r->type == REDIS_REPLY_INTEGER) shared_of(c)->probe.integer = 0; /* the time: placed */
}

static void column_user(struct redis_args *a, struct port_call *c)
{
	const char *user = shared_of(c)->probe.word[0];
	redis_arg(a, user, strlen(user));
}
static void column_seat(struct redis_args *a, struct port_call *c)
{
	const char *seat = shared_of(c)->probe.word[1];
	redis_arg(a, seat, strlen(seat));
}

enum { BATCH = 64 };
static const struct redis_call_batch TOGETHER = {
	.schedule = shared_schedule, .alike = shared_alike, .column = {column_user, column_seat}, .max = BATCH};
static const struct redis_op SHARED = {
	.script = SCRIPT_SEAT_HOLD, .keys = 3, .bind = bind_shared, .replied = keep_verdict, .batch = &TOGETHER};

static struct probe probe(const char *word)
{
	return (struct probe){.word = {word}};
}
static struct probe release_probe(void)
{
	return (struct probe){.word = {"seat:users:{1}", "seat:lock:{1}:A-1", "7", "A-1", "0"}};
}
/* Of a schedule that is marked as loaded in the life "here". */
static struct probe hold_probe(struct rig *r)
{
	redis_server_do(&r->server, "HSET", "seat:state:{1}", "#run", "here", NULL);
	return (struct probe){
		.word = {"seat:state:{1}", "seat:users:{1}", "seat:lock:{1}:", "here", "60000", "4", "0", "1", "7", "A-1"}};
}

static struct shared_probe shared_probe(int64_t schedule, const char *user, const char *seat)
{
	return (struct shared_probe){.probe.word = {user, seat}, .schedule = schedule, .limit = "4"};
}
static void load_schedules(struct rig *r)
{
	redis_server_do(&r->server, "HSET", "seat:state:{1}", "#run", "here", NULL);
	redis_server_do(&r->server, "HSET", "seat:state:{2}", "#run", "here", NULL);
}

/* How many scripts have been called by their hash since the server's start. */
static int scripts(struct rig *r)
{
	char text[16000];
	const char *at;
	assert_true(redis_server_text(&r->server, text, sizeof text, "INFO", "commandstats", NULL));
	at = strstr(text, "cmdstat_evalsha:calls=");
	return at ? atoi(at + strlen("cmdstat_evalsha:calls=")) : 0;
}

static void await(struct rig *r, const struct probe *p)
{
	int64_t until = loop_now_us() + WAIT_MS * 1000;
	while (p->answers == 0 && loop_now_us() < until) loop_turn(r->loop, 10);
	assert_int_equal(p->answers, 1);
}

static void call(struct rig *r, const struct redis_op *op, struct probe *p)
{
	redis_call(r->redis, op, &p->call);
	await(r, p);
}

static void await_ready(struct rig *r)
{
	int64_t until = loop_now_us() + WAIT_MS * 1000;
	while (!redis_ready(r->redis) && loop_now_us() < until) loop_turn(r->loop, 10);
	assert_true(redis_ready(r->redis));
}

static void turn_for(struct rig *r, int64_t ms)
{
	int64_t until = loop_now_us() + ms * 1000;
	while (loop_now_us() < until) loop_turn(r->loop, 10);
}

static void connect_to(struct rig *r, const char *url, unsigned inflight_max)
{
	r->redis = redis_create(
		r->loop, &(struct redis_settings){.url = url, .timeout_ms = TIMEOUT_MS, .inflight_max = inflight_max}, NULL);
	assert_non_null(r->redis);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	*state = r;
	r->loop = loop_create();
	if (redis_server_start(&r->server, NULL)) connect_to(r, r->server.url, 0);
	return 0;
}
static int setup_locked(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	*state = r;
	r->loop = loop_create();
	/* The fixture's own PING is refused there: started open, and locked afterwards. */
	if (redis_server_start(&r->server, NULL))
		redis_server_do(&r->server, "CONFIG", "SET", "requirepass", "pass:word@1", NULL);
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;
	redis_destroy(r->redis);
	loop_destroy(r->loop);
	redis_server_finish(&r->server);
	free(r);
	return 0;
}

static struct rig *rig(void **state)
{
	struct rig *r = *state;
	if (r->server.pid == 0) skip();
	if (r->redis) await_ready(r);
	return r;
}

static void calls_are_answered_in_order(void **state)
{
	enum { MANY = 1000 };
	struct rig *r = rig(state);
	struct probe *p = calloc(MANY, sizeof *p);
	for (int i = 0; i < MANY; i++) {
		p[i] = probe("counter");
		redis_call(r->redis, &INCR, &p[i].call);
	}
	assert_int_equal(redis_inflight(r->redis), MANY);
	for (int i = 0; i < MANY; i++) {
		await(r, &p[i]);
		assert_int_equal(p[i].integer, i + 1);
	}
	assert_int_equal(redis_inflight(r->redis), 0);
	free(p);
}

static void bytes_pass_as_they_are(void **state)
{
	struct rig *r = rig(state);
	struct probe p = {.big = "a\0b\r\n$5%s\xff", .big_len = 11};
	call(r, &ECHO, &p);
	assert_true(p.big_same);
	struct probe empty = {.big = "", .big_len = 0};
	call(r, &ECHO, &empty);
	assert_true(empty.big_same);
	struct probe huge = {.big = calloc(1, 4000000), .big_len = 4000000}; /* more than any socket takes at once */
	for (int i = 0; i < 10 && !huge.big_same; i++) { /* on a busy machine it may miss its deadline */
		huge.answers = 0;
		await_ready(r);
		call(r, &ECHO, &huge);
	}
	assert_true(huge.big_same);
	free((void *)(uintptr_t)huge.big);
}

static void bind_many(struct redis_args *a, struct port_call *c)
{
	int n = atoi(container_of(c, struct probe, call)->word[0]);
	for (int i = 0; i < n; i++) redis_arg_key(a, "many:", i - 5, "}");
}

static void any_number_of_arguments_is_sent(void **state)
{
	static const struct redis_op MANY = {.command = "EXISTS", .bind = bind_many, .replied = keep_reply};
	static const char *const COUNT[] = {"1", "8", "9", "98", "99", "998", "999", "20000"};
	struct rig *r = rig(state);
	redis_server_do(&r->server, "SET", "many:-5}", "1", NULL);
	for (size_t i = 0; i < sizeof COUNT / sizeof *COUNT; i++) {
		struct probe p = probe(COUNT[i]), after = probe("after");
		redis_call(r->redis, &MANY, &p.call);
		call(r, &ECHO, &after);
		assert_int_equal(p.err.kind, TK_OK);
		assert_int_equal(p.integer, 1);
		assert_string_equal(after.text, "after");
	}
}

static void a_killed_server_fails_what_is_under_way_and_is_found_again(void **state)
{
	struct rig *r = rig(state);
	uint32_t life = redis_life(r->redis);
	struct probe under_way = probe("x"), meanwhile = probe("y"), later = probe("z");
	redis_call(r->redis, &ECHO, &under_way.call);
	redis_server_kill(&r->server);
	await(r, &under_way); /* sent or not: nobody answered */
	assert_int_equal(under_way.err.kind, TK_UNAVAILABLE);
	assert_false(redis_ready(r->redis));
	assert_int_equal(redis_life(r->redis), 0);
	int64_t asked = loop_now_us();
	call(r, &ECHO, &meanwhile);
	assert_int_equal(meanwhile.err.kind, TK_UNAVAILABLE);
	assert_true(meanwhile.at_us - asked < 10000); /* at once */
	turn_for(r, 300);
	redis_server_restart(&r->server);
	await_ready(r); /* without being asked anything */
	assert_int_not_equal(redis_life(r->redis), life);
	call(r, &ECHO, &later);
	assert_string_equal(later.text, "z");
}

static void a_lost_idle_connection_is_replaced_before_it_is_used(void **state)
{
	struct rig *r = rig(state);
	uint32_t life = redis_life(r->redis);
	turn_for(r, 1100); /* a steady connection is replaced at once */
	redis_server_do(&r->server, "CLIENT", "KILL", "TYPE", "normal", NULL);
	turn_for(r, 50); /* notices */
	await_ready(r);
	assert_int_not_equal(redis_life(r->redis), life);
}

static void a_hung_server_is_given_up_at_the_deadline(void **state)
{
	struct rig *r = rig(state);
	redis_server_pause(&r->server);
	struct probe first = probe("first"), second = probe("second"), third = probe("third");
	int64_t asked = loop_now_us();
	redis_call(r->redis, &ECHO, &first.call);
	redis_call(r->redis, &ECHO, &second.call);
	await(r, &first);
	assert_int_equal(first.err.kind, TK_UNAVAILABLE);
	assert_in_range(first.at_us - asked, (TIMEOUT_MS - 5) * 1000, (TIMEOUT_MS + SLACK_MS) * 1000);
	assert_int_equal(second.answers, 1); /* everything on that connection */
	asked = loop_now_us();
	call(r, &ECHO, &third);
	assert_int_equal(third.err.kind, TK_UNAVAILABLE);
	assert_true(third.at_us - asked < (TIMEOUT_MS + SLACK_MS) * 1000);
	turn_for(r, 2 * TIMEOUT_MS); /* it accepts connections and greets nobody */
	assert_false(redis_ready(r->redis));
	redis_server_resume(&r->server);
	await_ready(r);
}

static void a_late_reply_finds_nobody(void **state)
{
	struct rig *r = rig(state);
	redis_server_pause(&r->server);
	struct probe lost = probe("lost"), mine = probe("mine");
	call(r, &ECHO, &lost);
	assert_int_equal(lost.err.kind, TK_UNAVAILABLE);
	redis_server_resume(&r->server); /* and answers "lost", to a connection that is gone */
	await_ready(r);
	call(r, &ECHO, &mine);
	assert_string_equal(mine.text, "mine");
	turn_for(r, 50);
	assert_int_equal(lost.answers, 1);
	assert_int_equal(mine.answers, 1);
}

static void a_slow_call_takes_those_behind_it_along(void **state)
{
	struct rig *r = rig(state);
	struct probe slow = {.word = {"SLEEP", "0.6"}}, behind = probe("behind"), after = probe("after");
	redis_call(r->redis, &SLEEP, &slow.call);
	call(r, &ECHO, &behind);
	assert_int_equal(behind.err.kind, TK_UNAVAILABLE);
	assert_int_equal(slow.err.kind, TK_UNAVAILABLE);
	await_ready(r);
	call(r, &ECHO, &after);
	assert_string_equal(after.text, "after");
}

static void forgotten_scripts_are_brought_back(void **state)
{
	struct rig *r = rig(state);
	struct probe p[20];
	uint32_t life = redis_life(r->redis);
	assert_true(redis_server_do(&r->server, "SCRIPT", "FLUSH", NULL) >= 0);
	for (int i = 0; i < 20; i++) {
		p[i] = release_probe();
		redis_call(r->redis, &RELEASE, &p[i].call);
	}
	for (int i = 0; i < 20; i++) {
		await(r, &p[i]);
		assert_int_equal(p[i].err.kind, TK_OK);
		assert_int_equal(p[i].integer, 1); /* not held */
	}
	assert_int_equal(redis_life(r->redis), life);
}

/* --- batches --- */

enum { ASKED = 10 };

static void calls_of_one_schedule_share_a_script(void **state)
{
	static const char *const SEATS[ASKED] = {"A-0", "A-1", "A-0", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8", "A-9"};
	static const char *const USERS[ASKED] = {"10", "11", "12", "13", "14", "15", "16", "17", "18", "19"};
	struct rig *r = rig(state);
	struct shared_probe here[ASKED], there[ASKED];
	load_schedules(r);
	for (int i = 0; i < ASKED; i++) {
		here[i] = shared_probe(1, USERS[i], SEATS[i]);
		there[i] = shared_probe(2, USERS[ASKED - 1 - i], SEATS[i]);
		redis_call(r->redis, &SHARED, &here[i].probe.call);
		redis_call(r->redis, &SHARED, &there[i].probe.call);
	}
	assert_int_equal(redis_inflight(r->redis), 2 * ASKED);
	for (int i = 0; i < ASKED; i++) {
		await(r, &here[i].probe);
		await(r, &there[i].probe);
		assert_int_equal(here[i].probe.integer, i == 2 ? 2 : 0); /* held by the first of the batch */
		assert_int_equal(there[i].probe.integer, i == 2 ? 2 : 0);
	}
	assert_int_equal(redis_inflight(r->redis), 0);
	assert_int_equal(scripts(r), 2);
	char text[16];
	assert_true(redis_server_text(&r->server, text, sizeof text, "GET", "seat:lock:{2}:A-0", NULL));
	assert_string_equal(text, "19");
}

static void what_comes_while_a_batch_is_under_way_leaves_together(void **state)
{
	static const char *const USERS[] = {"10", "11", "12", "13"};
	struct rig *r = rig(state);
	struct shared_probe p[4];
	load_schedules(r);
	for (int tries = 0; tries < 10; tries++) { /* on a busy machine it may miss its deadline */
		int before = scripts(r);
		redis_server_pause(&r->server);
		for (int i = 0; i < 4; i++) {
			p[i] = shared_probe(1, USERS[i], "A-1");
			redis_call(r->redis, &SHARED, &p[i].probe.call);
			loop_turn(r->loop, 0);
		}
		redis_server_resume(&r->server);
		for (int i = 0; i < 4; i++) await(r, &p[i].probe);
		await_ready(r);
		if (!tk_failed(p[0].probe.err)) {
			assert_int_equal(scripts(r), before + 2);
			return;
		}
	}
	fail_msg("never in time");
}

static void a_full_batch_waits_for_nobody(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[2 * BATCH + 1];
	load_schedules(r);
	for (int i = 0; i < 2 * BATCH + 1; i++) {
		p[i] = shared_probe(1, "7", "A-1");
		redis_call(r->redis, &SHARED, &p[i].probe.call);
	}
	for (int i = 0; i < 2 * BATCH + 1; i++) {
		await(r, &p[i].probe);
		assert_int_equal(p[i].probe.integer, 0);
	}
	assert_int_equal(scripts(r), 3);
}

static void calls_with_other_terms_have_a_script_of_their_own(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[3];
	load_schedules(r);
	for (int i = 0; i < 3; i++) {
		p[i] = shared_probe(1, "7", "A-1");
		if (i == 1) p[i].limit = "0";
		redis_call(r->redis, &SHARED, &p[i].probe.call);
	}
	for (int i = 0; i < 3; i++) await(r, &p[i].probe);
	assert_int_equal(p[0].probe.integer, 0);
	assert_int_equal(p[1].probe.integer, 0); /* own */
	assert_int_equal(p[2].probe.integer, 0);
	assert_int_equal(scripts(r), 3);
}

static void a_batch_brings_its_script_back(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[ASKED];
	uint32_t life = redis_life(r->redis);
	load_schedules(r);
	assert_true(redis_server_do(&r->server, "SCRIPT", "FLUSH", NULL) >= 0);
	for (int i = 0; i < ASKED; i++) {
		p[i] = shared_probe(1 + i % 2, i < 2 ? "7" : "8", "A-1");
		redis_call(r->redis, &SHARED, &p[i].probe.call);
	}
	for (int i = 0; i < ASKED; i++) {
		await(r, &p[i].probe);
		assert_int_equal(p[i].probe.err.kind, TK_OK);
		assert_int_equal(p[i].probe.integer, i < 2 ? 0 : 2);
	}
	assert_int_equal(redis_life(r->redis), life);
}

static void a_bad_call_takes_no_other_of_its_batch_along(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[] = {shared_probe(1, "7", "A-1"), shared_probe(1, "8", "A-2"), shared_probe(1, "9", "A-3"),
		shared_probe(1, "6", "A-1")};
	load_schedules(r);
	redis_server_do(&r->server, "RPUSH", "seat:lock:{1}:A-2", "1", NULL);
	for (int i = 0; i < 4; i++) redis_call(r->redis, &SHARED, &p[i].probe.call);
	for (int i = 0; i < 4; i++) await(r, &p[i].probe);
	assert_int_equal(p[1].probe.err.kind, TK_INTERNAL);
	assert_true(p[0].probe.err.kind == TK_OK && p[0].probe.integer == 0);
	assert_true(p[2].probe.err.kind == TK_OK && p[2].probe.integer == 0);
	assert_true(p[3].probe.err.kind == TK_OK && p[3].probe.integer == 2);
	assert_int_equal(redis_inflight(r->redis), 0);
}

/* Two under way and two that wait for them, when the connection ends in one way or another. */
static void start_two_and_two(struct rig *r, struct shared_probe *p)
{
	load_schedules(r);
	redis_server_pause(&r->server);
	for (int i = 0; i < 4; i++) {
		p[i] = shared_probe(1, "7", "A-1");
		redis_call(r->redis, &SHARED, &p[i].probe.call);
		if (i == 1) loop_turn(r->loop, 0);
	}
	assert_int_equal(redis_inflight(r->redis), 4);
}

static void a_lost_batch_and_who_waits_behind_it_are_answered_once(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[4], later = shared_probe(1, "7", "A-1");
	start_two_and_two(r, p);
	redis_server_kill(&r->server);
	for (int i = 0; i < 4; i++) {
		await(r, &p[i].probe);
		assert_int_equal(p[i].probe.err.kind, TK_UNAVAILABLE);
	}
	assert_int_equal(redis_inflight(r->redis), 0);
	redis_server_restart(&r->server);
	await_ready(r);
	load_schedules(r);
	redis_call(r->redis, &SHARED, &later.probe.call);
	await(r, &later.probe);
	assert_int_equal(later.probe.err.kind, TK_OK);
	for (int i = 0; i < 4; i++) assert_int_equal(p[i].probe.answers, 1);
}

static void a_hung_batch_and_who_waits_behind_it_end_at_the_deadline(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[4];
	int64_t asked = loop_now_us();
	start_two_and_two(r, p);
	for (int i = 0; i < 4; i++) {
		await(r, &p[i].probe);
		assert_int_equal(p[i].probe.err.kind, TK_UNAVAILABLE);
		assert_true(p[i].probe.at_us - asked < (TIMEOUT_MS + SLACK_MS) * 1000);
	}
	redis_server_resume(&r->server);
	await_ready(r);
	turn_for(r, 50);
	for (int i = 0; i < 4; i++) assert_int_equal(p[i].probe.answers, 1);
}

static void the_end_answers_batches_too(void **state)
{
	struct rig *r = rig(state);
	struct shared_probe p[4];
	start_two_and_two(r, p);
	redis_destroy(r->redis);
	r->redis = NULL;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(p[i].probe.answers, 1);
		assert_int_equal(p[i].probe.err.kind, TK_UNAVAILABLE);
	}
}

static void calls_that_wait_count_as_under_way(void **state)
{
	struct rig *r = rig(state);
	redis_destroy(r->redis);
	connect_to(r, r->server.url, 3);
	await_ready(r);
	load_schedules(r);
	struct shared_probe p[4];
	for (int i = 0; i < 4; i++) {
		p[i] = shared_probe(1, "7", "A-1");
		redis_call(r->redis, &SHARED, &p[i].probe.call);
	}
	assert_int_equal(p[3].probe.answers, 1);
	assert_int_equal(p[3].probe.err.kind, TK_UNAVAILABLE);
	for (int i = 0; i < 3; i++) {
		await(r, &p[i].probe);
		assert_int_equal(p[i].probe.err.kind, TK_OK);
	}
}

static void a_full_server_is_unavailable_until_there_is_room(void **state)
{
	struct rig *r = rig(state);
	uint32_t life = redis_life(r->redis);
	struct probe full = hold_probe(r), again = full, fine = probe("x");
	redis_server_do(&r->server, "CONFIG", "SET", "maxmemory", "1", NULL);
	call(r, &HOLD, &full);
	assert_int_equal(full.err.kind, TK_UNAVAILABLE);
	assert_int_equal(redis_server_do(&r->server, "EXISTS", "seat:lock:{1}:A-1", NULL), 0);
	call(r, &ECHO, &fine);
	assert_string_equal(fine.text, "x");
	redis_server_do(&r->server, "CONFIG", "SET", "maxmemory", "0", NULL);
	call(r, &HOLD, &again);
	assert_int_equal(again.err.kind, TK_OK);
	assert_int_equal(redis_life(r->redis), life); /* nothing wrong with the connection */
}

static void a_read_only_server_is_left(void **state)
{
	struct rig *r = rig(state);
	uint32_t life = redis_life(r->redis);
	struct probe refused = hold_probe(r), again = refused;
	redis_server_do(&r->server, "REPLICAOF", "127.0.0.1", "1", NULL);
	call(r, &HOLD, &refused);
	assert_int_equal(refused.err.kind, TK_UNAVAILABLE);
	redis_server_do(&r->server, "REPLICAOF", "NO", "ONE", NULL);
	await_ready(r);
	assert_int_not_equal(redis_life(r->redis), life);
	call(r, &HOLD, &again);
	assert_int_equal(again.err.kind, TK_OK);
}

static void a_key_of_another_type_is_a_bug_and_harms_no_other(void **state)
{
	struct rig *r = rig(state);
	struct probe bad = probe("list"), fine = probe("x");
	redis_server_do(&r->server, "RPUSH", "list", "1", NULL);
	redis_call(r->redis, &INCR, &bad.call);
	call(r, &ECHO, &fine);
	assert_int_equal(bad.err.kind, TK_INTERNAL);
	assert_non_null(strstr(redis_last_error(r->redis), "WRONGTYPE"));
	assert_string_equal(fine.text, "x");
}

static void a_loading_server_is_waited_for(void **state)
{
	static const char *const SLOW[] = {
		"--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024", NULL};
	struct rig *r = rig(state);
	for (int i = 0; i < 60; i++) {
		char key[16], value[2000] = "";
		snprintf(key, sizeof key, "k%d", i);
		for (size_t j = 0; j < sizeof value - 1; j++) value[j] = (char)('!' + rand() % 90);
		redis_server_do(&r->server, "SET", key, value, NULL);
	}
	redis_server_do(&r->server, "SAVE", NULL);
	uint32_t life = redis_life(r->redis);
	r->server.args = SLOW;
	redis_server_respawn(&r->server);
	int64_t until = loop_now_us() + WAIT_MS * 1000;
	while (!strstr(redis_last_error(r->redis), "LOADING") && loop_now_us() < until) loop_turn(r->loop, 10);
	assert_non_null(strstr(redis_last_error(r->redis), "LOADING"));
	assert_false(redis_ready(r->redis));
	await_ready(r);
	assert_int_not_equal(redis_life(r->redis), life);
	struct probe p = probe("k59");
	call(r, &EXISTS, &p);
	assert_int_equal(p.integer, 1);
}

static void too_many_calls_are_refused_at_once(void **state)
{
	struct rig *r = rig(state);
	redis_destroy(r->redis);
	connect_to(r, r->server.url, 3);
	await_ready(r);
	struct probe p[4];
	for (int i = 0; i < 4; i++) {
		p[i] = probe("x");
		redis_call(r->redis, &ECHO, &p[i].call);
	}
	assert_int_equal(p[3].answers, 1);
	assert_int_equal(p[3].err.kind, TK_UNAVAILABLE);
	for (int i = 0; i < 3; i++) {
		await(r, &p[i]);
		assert_int_equal(p[i].err.kind, TK_OK);
	}
	struct probe after = probe("after");
	call(r, &ECHO, &after);
	assert_int_equal(after.err.kind, TK_OK);
}

static void the_end_answers_everybody(void **state)
{
	struct rig *r = rig(state);
	struct probe p = probe("x");
	redis_call(r->redis, &ECHO, &p.call);
	redis_destroy(r->redis);
	r->redis = NULL;
	assert_int_equal(p.answers, 1);
	assert_int_equal(p.err.kind, TK_UNAVAILABLE);
}

static void a_server_that_comes_late_is_found(void **state)
{
	struct rig *r = rig(state);
	redis_destroy(r->redis);
	redis_server_kill(&r->server);
	connect_to(r, r->server.url, 0);
	turn_for(r, 200);
	assert_false(redis_ready(r->redis));
	redis_server_restart(&r->server);
	await_ready(r);
}

static void password_and_database_come_from_the_url(void **state)
{
	struct rig *r = rig(state);
	char url[128];
	snprintf(url, sizeof url, "redis://:pass%%3Aword%%401@127.0.0.1:%d/3", r->server.port);
	connect_to(r, url, 0);
	await_ready(r);
	struct probe set = probe("counter"), missing = probe("counter");
	call(r, &INCR, &set);
	assert_int_equal(set.integer, 1);
	redis_destroy(r->redis);
	snprintf(url, sizeof url, "redis://default:pass%%3Aword%%401@127.0.0.1:%d", r->server.port);
	connect_to(r, url, 0);
	await_ready(r);
	call(r, &EXISTS, &missing); /* database 0 */
	assert_int_equal(missing.integer, 0);
}

static void a_wrong_password_never_gets_ready(void **state)
{
	struct rig *r = rig(state);
	char url[128];
	snprintf(url, sizeof url, "redis://:wrong@127.0.0.1:%d", r->server.port);
	connect_to(r, url, 0);
	turn_for(r, 500);
	assert_false(redis_ready(r->redis));
	assert_non_null(strstr(redis_last_error(r->redis), "WRONGPASS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_are_answered_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_pass_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(any_number_of_arguments_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_server_fails_what_is_under_way_and_is_found_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_idle_connection_is_replaced_before_it_is_used, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hung_server_is_given_up_at_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(a_late_reply_finds_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slow_call_takes_those_behind_it_along, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten_scripts_are_brought_back, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_of_one_schedule_share_a_script, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_while_a_batch_is_under_way_leaves_together, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_batch_waits_for_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_with_other_terms_have_a_script_of_their_own, setup, teardown),
		cmocka_unit_test_setup_teardown(a_batch_brings_its_script_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_call_takes_no_other_of_its_batch_along, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_batch_and_who_waits_behind_it_are_answered_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hung_batch_and_who_waits_behind_it_end_at_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_answers_batches_too, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_that_wait_count_as_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_server_is_unavailable_until_there_is_room, setup, teardown),
		cmocka_unit_test_setup_teardown(a_read_only_server_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_of_another_type_is_a_bug_and_harms_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_loading_server_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_calls_are_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_answers_everybody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_comes_late_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(password_and_database_come_from_the_url, setup_locked, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_password_never_gets_ready, setup_locked, teardown),
	};
	return cmocka_run_group_tests_name("redis client", tests, NULL, NULL);
}
