/* The fake keeps the same contract as the real one, and its faults are what they say. */
#include "contract/seat_lock_suite.h"

#include <stdlib.h>

#include "fake/fake_seat_lock.h"

struct fake_world {
	struct seat_world world;
	struct fake_seat_lock fake;
	struct loop *loop;
};

static struct fake_world *of(struct seat_world *w)
{
	return container_of(w, struct fake_world, world);
}

static void turn(struct seat_world *w)
{
	if (of(w)->loop) loop_turn(of(w)->loop, 0);
}
static void pass(struct seat_world *w, int64_t ms)
{
	of(w)->fake.now_ms += ms;
}
static void lose(struct seat_world *w)
{
	fake_seat_lock_lose(&of(w)->fake);
}
static void delete_key(struct seat_world *w, const struct seat_no *seat)
{
	fake_seat_lock_delete(&of(w)->fake, w->schedule, seat);
}
static void set_key(struct seat_world *w, const struct seat_no *seat, int64_t user, int64_t ttl_ms)
{
	fake_seat_lock_set(&of(w)->fake, w->schedule, seat, user, ttl_ms);
}
static int64_t left_ms(struct seat_world *w, const struct seat_no *seat)
{
	return fake_seat_lock_left_ms(&of(w)->fake, w->schedule, seat);
}

static int setup(void **state, struct loop *l)
{
	struct fake_world *f = calloc(1, sizeof *f);
	fake_seat_lock_init(&f->fake, l);
	f->loop = l;
	f->world = (struct seat_world){.lock = &f->fake.port,
		.turn = turn,
		.pass = pass,
		.lose = lose,
		.delete_key = delete_key,
		.set_key = set_key,
		.left_ms = left_ms};
	*state = &f->world;
	return 0;
}
static int answers_at_once(void **state)
{
	return setup(state, NULL);
}
static int answers_later(void **state)
{
	return setup(state, loop_create());
}

static int teardown(void **state)
{
	struct fake_world *f = of(*state);
	fake_seat_lock_finish(&f->fake);
	if (f->loop) loop_destroy(f->loop);
	free(f);
	return 0;
}

static struct tk_err hold(struct seat_world *w, const struct seat_no *seat)
{
	struct seat_hold h = {.schedule = w->schedule, .user = 7, .ttl_ms = 1000, .limit = 4, .seats = seat, .count = 1};
	return SEAT_CALL(w, hold, &h);
}

static void the_nth_call_fails_and_does_nothing(void **state)
{
	struct seat_world *w = *state;
	struct seat_no a1 = suite_seat("A-1");
	fake_seat_lock_load(&of(w)->fake, w->schedule);
	of(w)->fake.fault[FAKE_HOLD] = (struct fake_fault){.countdown = 2, .err = TK_ERR(TK_UNAVAILABLE, "test")};
	struct seat_no a2 = suite_seat("A-2");
	assert_int_equal(hold(w, &a1).kind, TK_OK);
	assert_int_equal(hold(w, &a2).kind, TK_UNAVAILABLE);
	assert_int_equal(left_ms(w, &a2), -2);
	assert_int_equal(hold(w, &a2).kind, TK_OK);
	assert_int_equal(of(w)->fake.calls[FAKE_HOLD], 3);
}

static void a_reply_can_be_lost_after_acting(void **state)
{
	struct seat_world *w = *state;
	struct seat_no b1 = suite_seat("B-1");
	fake_seat_lock_load(&of(w)->fake, w->schedule);
	of(w)->fake.fault[FAKE_HOLD] =
		(struct fake_fault){.countdown = 1, .err = TK_ERR(TK_UNAVAILABLE, "test"), .after_acting = true};
	assert_int_equal(hold(w, &b1).kind, TK_UNAVAILABLE);
	assert_int_equal(left_ms(w, &b1), 1000);
}

int main(void)
{
	const struct CMUnitTest faults[] = {
		cmocka_unit_test(the_nth_call_fails_and_does_nothing),
		cmocka_unit_test(a_reply_can_be_lost_after_acting),
	};
	int failed = seat_lock_suite("seat_lock: the fake, answering at once", answers_at_once, teardown);
	failed += seat_lock_suite("seat_lock: the fake, answering later", answers_later, teardown);
	return failed + cmocka_run_group_tests_name("fake_seat_lock: faults", faults, answers_later, teardown);
}
