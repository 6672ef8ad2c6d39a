/* The waiting room when Redis is emptied, killed, or comes back from an old snapshot, in mid-queue; its keys; the draw
 * of many. */
#include "contract/queue_store_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/redis/client.h"
#include "adapter/redis/queue_store.h"
#include "adapter/redis/seat_lock.h"
#include "runtime/loop.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/redis_world.h"

enum { DAEMON = 1 };

struct rig {
	struct queue_world world;
	struct redis_world redis;
	struct redis_queue_store store;
};

static void turn(struct queue_world *w)
{
	loop_turn(container_of(w, struct rig, world)->redis.loop, 10);
}

static int setup_with(void **state, const char *const *args)
{
	struct rig *r = calloc(1, sizeof *r);
	*state = r;
	redis_world_own(&r->redis, args);
	redis_queue_store_init(&r->store, r->redis.redis);
	r->world = (struct queue_world){.store = &r->store.port,
		.schedule = 42,
		.turn = turn,
		.rules = {.opens_at_ms = TIME_NONE, .active_ttl_ms = 120000, .claim_ttl_ms = 30000, .grace_ms = 300000}};
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_durable(void **state)
{
	static const char *const ARGS[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
	return setup_with(state, ARGS);
}

static int teardown(void **state)
{
	struct rig *r = *state;
	redis_world_close(&r->redis);
	free(r);
	return 0;
}

static struct rig *rig(void **state)
{
	struct rig *r = *state;
	if (!r->redis.redis) skip();
	return r;
}

static void assert_waiting(struct queue_world *w, int64_t user, int64_t number, int64_t rank)
{
	struct queue_place p = room_status(w, user);
	assert_int_equal(p.status, QUEUE_WAITING);
	assert_int_equal(p.number, number);
	assert_int_equal(p.rank, rank);
}

static void the_line_is_the_contracts(void **state)
{
	struct rig *r = rig(state);
	char text[64];
	room_revive(&r->world, 0, 0);
	for (int64_t user = 5; user < 8; user++) room_enter(&r->world, user);
	assert_true(redis_server_text(&r->redis.server, text, sizeof text, "TYPE", "queue:{42}", NULL));
	assert_string_equal(text, "zset");
	assert_int_equal(redis_server_do(&r->redis.server, "ZCARD", "queue:{42}", NULL), 3);
	assert_int_equal(redis_server_do(&r->redis.server, "ZRANK", "queue:{42}", "7", NULL), 2);
	room_tick(&r->world, 1);
	assert_int_equal(redis_server_do(&r->redis.server, "ZRANK", "queue:{42}", "7", NULL), 1);
	assert_int_equal(redis_server_do(&r->redis.server, "ZRANK", "queue:active:{42}", "5", NULL), 0);
	assert_int_equal(redis_server_do(&r->redis.server, "STRLEN", "queue:heard:{42}:0", NULL), 4 * 4);
}

/* One script judges the place and takes the seat, where both share this Redis. */
struct gated {
	struct asker asker;
	struct seat_hold hold;
	struct redis_seat_lock lock;
	struct seat_no seat;
};

static void start_gated(struct rig *r, struct gated *g, int64_t user, int64_t number, const char *seat)
{
	*g = (struct gated){.hold = {.schedule = 42,
							.user = user,
							.ttl_ms = 1000,
							.limit = 4,
							.seats = &g->seat,
							.count = 1,
							.gate = {.number = number, .active_ttl_ms = r->world.rules.active_ttl_ms}}};
	assert_true(seat_no_parse(seat, strlen(seat), &g->seat));
	redis_seat_lock_init(&g->lock, r->redis.redis);
	asker_init(&g->asker, &g->hold.call);
	g->lock.port.hold(&g->lock.port, &g->hold);
}

static void await_well(struct rig *r, struct asker *a)
{
	assert_true(asker_wait(a, r->redis.loop));
	assert_false(tk_failed(a->err));
}

static enum hold_verdict await_gated(struct rig *r, struct gated *g)
{
	await_well(r, &g->asker);
	return g->hold.verdict;
}

static enum hold_verdict gated_hold(struct rig *r, int64_t user, int64_t number)
{
	struct gated g;
	start_gated(r, &g, user, number, "A-1");
	return await_gated(r, &g);
}

static void load_seats(struct rig *r)
{
	struct redis_seat_lock lock;
	struct seat_birth birth = {.schedule = 42};
	struct asker a;
	redis_seat_lock_init(&lock, r->redis.redis);
	ASKER_ASK(&a, &lock.port, birth, &birth);
	await_well(r, &a);
	struct seat_apply load = {.load_birth = birth.birth, .load_schedule = 42};
	ASKER_ASK(&a, &lock.port, apply, &load);
	await_well(r, &a);
}

static void a_hold_passes_the_gate_with_an_admitted_place_only(void **state)
{
	struct rig *r = rig(state);
	assert_int_equal(gated_hold(r, 1, 1), HOLD_NO_ENTRY); /* no queue at all */
	room_revive(&r->world, 0, 0);
	r->world.rules.claim_ttl_ms = 300;
	for (int64_t user = 1; user <= 3; user++) room_enter(&r->world, user);
	room_tick(&r->world, 2);
	assert_int_equal(gated_hold(r, 3, 3), HOLD_NO_ENTRY);
	assert_int_equal(gated_hold(r, 1, 2), HOLD_NO_ENTRY);
	assert_int_equal(gated_hold(r, 1, 1), HOLD_NOT_LOADED); /* through the gate, and that counts as claimed */
	for (int i = 0; i < 35; i++) loop_turn(r->redis.loop, 10);
	assert_int_equal(gated_hold(r, 2, 2), HOLD_NO_ENTRY); /* not claimed in time */
	assert_int_equal(room_tick(&r->world, 2).active, 2);
	assert_int_equal(gated_hold(r, 1, 1), HOLD_NOT_LOADED);
	assert_int_equal(gated_hold(r, 3, 3), HOLD_NOT_LOADED);
}

static void the_gate_judges_each_of_those_that_come_at_once(void **state)
{
	enum { ALL = 6 };
	static const struct {
		int64_t user, number;
		const char *seat;
		enum hold_verdict verdict;
	} ASKED[ALL] = {
		{1, 1, "A-1", HOLD_PLACED},
		{3, 3, "A-2", HOLD_NO_ENTRY}, /* waits */
		{2, 2, "A-1", HOLD_HELD},
		{1, 1, "A-3", HOLD_PLACED},
		{3, 2, "A-4", HOLD_NO_ENTRY}, /* somebody else's place */
		{2, 2, "A-2", HOLD_PLACED},
	};
	struct rig *r = rig(state);
	struct gated g[ALL];
	char text[16];
	room_revive(&r->world, 0, 0);
	load_seats(r);
	for (int64_t user = 1; user <= 3; user++) room_enter(&r->world, user);
	room_tick(&r->world, 2);
	for (int i = 0; i < ALL; i++) start_gated(r, &g[i], ASKED[i].user, ASKED[i].number, ASKED[i].seat);
	for (int i = 0; i < ALL; i++) assert_int_equal(await_gated(r, &g[i]), ASKED[i].verdict);
	assert_true(redis_server_text(&r->redis.server, text, sizeof text, "HGET", "queue:place:{42}", "2", NULL));
	assert_string_equal(text, "2:1"); /* claimed */
	assert_int_equal(redis_server_do(&r->redis.server, "EXISTS", "seat:lock:{42}:A-4", NULL), 0);
}

static void flushall_in_mid_queue_loses_nobodys_place(void **state)
{
	enum { USERS = 300 };
	struct rig *r = rig(state);
	struct queue_world *w = &r->world;
	room_revive(w, 0, 0);
	for (int64_t user = 1; user <= USERS; user++) room_enter(w, user);
	room_tick(w, 10);
	redis_server_do(&r->redis.server, "FLUSHALL", NULL);
	assert_int_equal(room_verdict(w, 50), QUEUE_NEW_LIFE);
	room_revive(w, 1, 0);
	assert_int_equal(room_enter(w, 900).number, QUEUE_EPOCH_NUMBERS + 1);
	for (int64_t i = 0; i < USERS; i++) { /* in whatever order */
		int64_t user = 1 + i * 77 % USERS;
		assert_int_equal(room_enter_with(w, user, user).number, user);
	}
	for (int64_t user = 1; user <= USERS; user++) assert_waiting(w, user, user, user);
	assert_waiting(w, 900, QUEUE_EPOCH_NUMBERS + 1, USERS + 1);
	assert_int_equal(room_tick(w, 10).active, 10);
}

static void a_killed_redis_with_a_log_forgets_nothing(void **state)
{
	struct rig *r = rig(state);
	struct queue_world *w = &r->world;
	room_revive(w, 0, 0);
	for (int64_t user = 1; user <= 20; user++) room_enter(w, user);
	room_tick(w, 3);
	room_status(w, 1);
	room_leave(w, 7);
	redis_world_restart(&r->redis);
	assert_int_equal(room_verdict(w, 5), QUEUE_NEW_LIFE);
	room_revive(w, 1, 0);
	assert_int_equal(room_status(w, 1).status, QUEUE_ACTIVE);
	assert_waiting(w, 4, 4, 1);
	assert_waiting(w, 20, 20, 16);
	struct queue_tick t = room_tick(w, 3); /* the lease is ours still */
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.active, 3);
	assert_int_equal(room_enter(w, 21).number, QUEUE_EPOCH_NUMBERS + 1);
}

static void an_old_snapshot_is_known_for_what_it_is(void **state)
{
	struct rig *r = rig(state);
	struct queue_world *w = &r->world;
	room_revive(w, 0, 0);
	for (int64_t user = 1; user <= 10; user++) room_enter(w, user);
	room_tick(w, 2);
	assert_true(redis_server_do(&r->redis.server, "SAVE", NULL) >= 0);
	for (int64_t user = 11; user <= 20; user++) room_enter(w, user);
	room_tick(w, 5); /* 3, 4, 5: forgotten again */
	redis_world_restart(&r->redis);
	assert_int_equal(redis_server_do(&r->redis.server, "ZCARD", "queue:{42}", NULL), 8);
	assert_int_equal(room_verdict(w, 15), QUEUE_NEW_LIFE);
	room_revive(w, 1, 20);
	assert_int_equal(room_status(w, 1).status, QUEUE_ACTIVE);
	assert_waiting(w, 3, 3, 1);
	assert_int_equal(room_enter(w, 30).number, QUEUE_EPOCH_NUMBERS + 1);
	for (int64_t user = 20; user >= 11; user--) assert_int_equal(room_enter_with(w, user, user).number, user);
	for (int64_t user = 3; user <= 20; user++) assert_waiting(w, user, user, user - 2);
	assert_waiting(w, 30, QUEUE_EPOCH_NUMBERS + 1, 19);
	struct queue_tick t = room_tick(w, 5);
	assert_int_equal(t.admitted, 3);
	assert_int_equal(t.active, 5);
	assert_int_equal(room_status(w, 5).status, QUEUE_ACTIVE);
}

static void a_killed_redis_is_unavailable(void **state)
{
	struct rig *r = rig(state);
	struct queue_place_call k = {.schedule = 42, .user = 1, .rules = r->world.rules};
	room_revive(&r->world, 0, 0);
	redis_server_kill(&r->redis.server);
	assert_int_equal(ROOM_CALL(&r->world, enter, &k).kind, TK_UNAVAILABLE);
}

/* --- what it costs --- */

/* All commands, those of scripts too; the one that asks is not counted yet. */
static long long commands(struct rig *r)
{
	return redis_server_do(&r->redis.server, "EVAL",
		"local n = 0 for calls in string.gmatch(redis.call('INFO', 'commandstats'), 'calls=(%d+)') do n = n + calls "
		"end "
		"return n",
		"0", NULL);
}

static long long commands_of_rounds(struct rig *r, int rounds)
{
	long long before = commands(r);
	for (int i = 0; i < rounds; i++) {
		assert_true(room_tick(&r->world, 10000).admitted > 0);
		for (int wait = 0; wait < 2; wait++) loop_turn(r->redis.loop, 10);
	}
	return commands(r) - before;
}

static void a_round_costs_few_commands_however_many_it_lets_in(void **state)
{
	enum { USERS = 4000, ROUNDS = 10 };
	struct rig *r = rig(state);
	room_revive(&r->world, 0, 0);
	for (int64_t user = 1; user <= USERS; user++) room_enter(&r->world, user);
	commands_of_rounds(r, 1);
	long long n = commands_of_rounds(r, ROUNDS);
	print_message("%.1f commands a round\n", (double)n / ROUNDS);
	assert_true(n <= 18 * ROUNDS);
}

static void streams_are_heard_of_with_few_commands(void **state)
{
	enum { USERS = 400, ADMITTED = 100 };
	struct rig *r = rig(state);
	struct queue_world *w = &r->world;
	int64_t users[USERS], ends[USERS];
	uint8_t status[USERS];
	struct queue_hear k = {
		.schedule = 42, .users = users, .count = USERS, .rules = w->rules, .status = status, .ends_ms = ends};
	room_revive(w, 0, 0);
	for (int i = 0; i < USERS; i++) room_enter(w, users[i] = i + 1);
	room_tick(w, ADMITTED);
	long long before = commands(r);
	assert_int_equal(ROOM_CALL(w, hear, &k).kind, TK_OK);
	assert_true(commands(r) - before <= 12);
	for (int i = 0; i < USERS; i++) assert_int_equal(status[i], i < ADMITTED ? QUEUE_ACTIVE : QUEUE_WAITING);
	assert_int_equal(ends[0], ends[ADMITTED - 1]);
	assert_int_equal(room_status(w, 1).expires_ms, ends[0]); /* claimed */
}

/* --- the draw of many --- */

enum { EARLY = 100000 };

static void enter_early(struct rig *r)
{
	r->world.rules.opens_at_ms = INT64_MAX;
	assert_int_equal(room_enter(&r->world, 1).status, QUEUE_PRE);
	redis_server_do(&r->redis.server, "EVAL",
		"for i = 2, 100000 do redis.call('SADD', KEYS[1], "
		"string.format('%.0f', 9007199254740991 - i * 7)) end",
		"1", "queue:pre:{42}", NULL);
}

static void scan(struct rig *r, int64_t *users)
{
	int64_t found[QUEUE_SCAN_MAX];
	struct queue_scan_pre k = {.schedule = 42, .users = found};
	unsigned n = 0;
	do {
		assert_int_equal(ROOM_CALL(&r->world, scan_pre, &k).kind, TK_OK);
		for (unsigned i = 0; i < k.count && n < EARLY; i++) users[n++] = found[i];
	} while (k.cursor);
	assert_int_equal(n, EARLY);
}

/* Calls that took longer than `us`. The clock of the wall: on a busy machine a few are interrupted. */
static long long slower_than(struct rig *r, const char *us)
{
	const char *count = "local n = 0 for _, e in ipairs(redis.call('SLOWLOG', 'GET', 10000)) do "
						"if e[4][1] ~= 'EVAL' and e[3] > ARGV[1] + 0 then n = n + 1 end end return n";
	return redis_server_do(&r->redis.server, "EVAL", count, "0", us, NULL);
}

static void a_hundred_thousand_are_numbered_in_pieces(void **state)
{
	struct rig *r = rig(state);
	struct queue_world *w = &r->world;
	int64_t *users = calloc(EARLY, sizeof *users);
	room_revive(w, 0, 0);
	enter_early(r);
	w->rules.opens_at_ms = 1; /* long ago */
	redis_server_do(&r->redis.server, "CONFIG", "SET", "slowlog-log-slower-than", "500", NULL);
	redis_server_do(&r->redis.server, "CONFIG", "SET", "slowlog-max-len", "10000", NULL);
	int64_t began = loop_now_us();
	struct queue_tick t = room_tick(w, 1000);
	assert_true(t.draw_due);
	assert_int_equal(t.pre, EARLY);
	scan(r, users);
	for (int64_t at = 0; at < EARLY; at += QUEUE_BATCH_MAX) {
		struct queue_number_pre k = {.schedule = 42,
			.daemon = DAEMON,
			.users = users + at,
			.count = QUEUE_BATCH_MAX,
			.first_number = at + 1,
			.finish = at + QUEUE_BATCH_MAX == EARLY,
			.rules = w->rules};
		assert_int_equal(ROOM_CALL(w, number_pre, &k).kind, TK_OK);
		assert_true(k.mine);
		if (at % 10000 == 0 && !k.finish)
			assert_true(room_tick(w, 1000).draw_due); /* the lease goes on, as admission's */
	}
	double seconds = (double)(loop_now_us() - began) / 1e6;
	print_message("%d numbered in %.2f s, %lld calls of 400 over 2 ms\n", EARLY, seconds, slower_than(r, "2000"));
	assert_true(seconds < 5);
	/* Not one piece that holds Redis up for long by its size; single ones may be the machine's. */
	assert_true(slower_than(r, "5000") < 200);
	assert_waiting(w, users[0], 1, 1);
	assert_waiting(w, users[EARLY - 1], EARLY, EARLY);
	assert_waiting(w, users[777], 778, 778);
	assert_int_equal(room_enter(w, 5).number, EARLY + 1);
	free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_line_is_the_contracts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hold_passes_the_gate_with_an_admitted_place_only, setup, teardown),
		cmocka_unit_test_setup_teardown(the_gate_judges_each_of_those_that_come_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(flushall_in_mid_queue_loses_nobodys_place, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_redis_with_a_log_forgets_nothing, setup_durable, teardown),
		cmocka_unit_test_setup_teardown(an_old_snapshot_is_known_for_what_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_redis_is_unavailable, setup, teardown),
		cmocka_unit_test_setup_teardown(a_round_costs_few_commands_however_many_it_lets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(streams_are_heard_of_with_few_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_are_numbered_in_pieces, setup, teardown),
	};
	return cmocka_run_group_tests_name("queue_store: Redis restarted", tests, NULL, NULL);
}
