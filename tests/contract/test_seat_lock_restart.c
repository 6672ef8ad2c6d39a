/* Holds and sold seats when Redis is emptied, restarted, or comes back from an old snapshot, in mid-sale. */
#include "contract/seat_lock_suite.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/redis/client.h"
#include "adapter/redis/seat_lock.h"
#include "runtime/loop.h"
#include "support/redis_world.h"

enum { ANNA = 7, BERT = 8 };

struct rig {
	struct seat_world world;
	struct redis_world redis;
	struct redis_seat_lock lock;
};

static void turn(struct seat_world *w)
{
	loop_turn(container_of(w, struct rig, world)->redis.loop, 10);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	*state = r;
	redis_world_own(&r->redis, NULL);
	redis_seat_lock_init(&r->lock, r->redis.redis);
	r->world = (struct seat_world){.lock = &r->lock.port, .schedule = 42, .turn = turn};
	return 0;
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

static void the_keys_are_the_contracts(void **state)
{
	struct rig *r = rig(state);
	char text[64];
	suite_load(&r->world, NULL, 0);
	assert_int_equal(suite_hold(&r->world, ANNA, "A-1"), HOLD_PLACED);
	assert_true(redis_server_text(&r->redis.server, text, sizeof text, "GET", "seat:lock:{42}:A-1", NULL));
	assert_string_equal(text, "7");
	long long ttl = redis_server_do(&r->redis.server, "PTTL", "seat:lock:{42}:A-1", NULL);
	assert_in_range(ttl, 50000, 60000);
	struct seat_change sold = suite_change(&r->world, "A-1", 12, CLAIM_SOLD, ANNA);
	suite_apply(&r->world, &sold, 1);
	assert_true(redis_server_text(&r->redis.server, text, sizeof text, "HGET", "seat:state:{42}", "A-1", NULL));
	assert_string_equal(text, "12:S:7");
	assert_int_equal(redis_server_do(&r->redis.server, "EXISTS", "seat:lock:{42}:A-1", NULL), 0);
}

static void flushall_in_mid_sale_sells_nothing_twice(void **state)
{
	struct rig *r = rig(state);
	struct seat_world *w = &r->world;
	struct seat_change sold = suite_change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	suite_load(w, &sold, 1);
	assert_int_equal(suite_hold(w, ANNA, "A-2"), HOLD_PLACED);
	redis_server_do(&r->redis.server, "FLUSHALL", NULL);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_NOT_LOADED);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_LOADED);
	suite_load(w, &sold, 1);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_SOLD);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_OWNED);
	assert_int_equal(suite_hold(w, BERT, "A-2"), HOLD_PLACED);
}

static void an_old_snapshot_is_known_for_what_it_is(void **state)
{
	struct rig *r = rig(state);
	struct seat_world *w = &r->world;
	struct seat_change before = suite_change(w, "A-2", 5, CLAIM_SOLD, BERT);
	suite_load(w, &before, 1);
	assert_int_equal(suite_hold(w, ANNA, "A-9"), HOLD_PLACED);
	assert_true(redis_server_do(&r->redis.server, "SAVE", NULL) >= 0);
	struct seat_change since[] = {
		suite_change(w, "A-1", 6, CLAIM_SOLD, ANNA),
		suite_change(w, "A-2", 7, CLAIM_FREE, BERT),
	};
	suite_apply(w, since, 2);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_SOLD);
	redis_world_restart(
		&r->redis); /* kill -9: what was sold since the snapshot is forgotten, the mark of the load is not */
	assert_int_equal(redis_server_do(&r->redis.server, "HEXISTS", "seat:state:{42}", "#run", NULL), 1);
	assert_int_equal(redis_server_do(&r->redis.server, "HEXISTS", "seat:state:{42}", "A-1", NULL), 0);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_NOT_LOADED);
	assert_int_equal(suite_claim(w, ANNA, "A-9"), CLAIM_NOT_LOADED);
	suite_load(w, since, 2);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_SOLD);
	assert_int_equal(suite_status(w, "A-2"), SEAT_AVAILABLE); /* the snapshot's older sale is beaten */
	assert_int_equal(suite_claim(w, ANNA, "A-9"), CLAIM_OWN); /* a hold that survived is a hold */
}

static void a_load_that_began_before_a_restart_does_not_count(void **state)
{
	struct rig *r = rig(state);
	struct seat_world *w = &r->world;
	struct seat_birth b = {.schedule = w->schedule};
	assert_int_equal(SEAT_CALL(w, birth, &b).kind, TK_OK); /* ... and the database is read ... */
	assert_true(redis_server_do(&r->redis.server, "SAVE", NULL) >= 0);
	redis_world_restart(&r->redis); /* the snapshot knows the birth */
	struct seat_apply a = {.load_birth = b.birth, .load_schedule = w->schedule};
	assert_int_equal(SEAT_CALL(w, apply, &a).kind, TK_UNAVAILABLE);
	assert_int_equal(suite_hold(w, ANNA, "A-1"), HOLD_NOT_LOADED);
}

static void a_load_that_is_cut_off_does_not_count(void **state)
{
	enum { MANY = 2000 };
	struct rig *r = rig(state);
	struct seat_world *w = &r->world;
	struct seat_change *all = calloc(MANY, sizeof *all);
	for (int i = 0; i < MANY; i++) {
		all[i] = suite_change(w, "A-1", i + 1, CLAIM_SOLD, ANNA);
		all[i].seat.len = (uint8_t)snprintf(all[i].seat.s, sizeof all[i].seat.s, "C-%d", i);
	}
	struct seat_birth b = {.schedule = w->schedule};
	assert_int_equal(SEAT_CALL(w, birth, &b).kind, TK_OK);
	struct seat_apply a = {.changes = all, .count = MANY, .load_birth = b.birth, .load_schedule = w->schedule};
	redis_server_kill(&r->redis.server);
	assert_int_equal(SEAT_CALL(w, apply, &a).kind, TK_UNAVAILABLE);
	redis_world_restart(&r->redis);
	assert_int_equal(suite_hold(w, BERT, "C-1"), HOLD_NOT_LOADED);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_keys_are_the_contracts, setup, teardown),
		cmocka_unit_test_setup_teardown(flushall_in_mid_sale_sells_nothing_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_snapshot_is_known_for_what_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_load_that_began_before_a_restart_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(a_load_that_is_cut_off_does_not_count, setup, teardown),
	};
	return cmocka_run_group_tests_name("seat_lock: Redis restarted", tests, NULL, NULL);
}
