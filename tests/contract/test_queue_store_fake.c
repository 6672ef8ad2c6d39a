/* The fake keeps the same contract as the real one, and its faults are what they say. */
#include "contract/queue_store_suite.h"

#include <stdlib.h>

#include "fake/fake_queue_store.h"

struct fake_world {
	struct queue_world world;
	struct fake_queue_store fake;
	struct loop *loop;
};

static struct fake_world *of(struct queue_world *w)
{
	return container_of(w, struct fake_world, world);
}

static void turn(struct queue_world *w)
{
	if (of(w)->loop) loop_turn(of(w)->loop, 0);
}
static void pass(struct queue_world *w, int64_t ms)
{
	of(w)->fake.now_ms += ms;
}
static int64_t now_ms(struct queue_world *w)
{
	return of(w)->fake.now_ms;
}
static void lose(struct queue_world *w)
{
	fake_queue_store_lose(&of(w)->fake);
}
static void restart(struct queue_world *w)
{
	fake_queue_store_restart(&of(w)->fake);
}

static int setup(void **state, struct loop *l)
{
	struct fake_world *f = calloc(1, sizeof *f);
	fake_queue_store_init(&f->fake, l);
	f->loop = l;
	f->world = (struct queue_world){
		.store = &f->fake.port, .turn = turn, .pass = pass, .now_ms = now_ms, .lose = lose, .restart = restart};
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
	fake_queue_store_finish(&f->fake);
	if (f->loop) loop_destroy(f->loop);
	free(f);
	return 0;
}

static struct tk_err enter(struct queue_world *w, int64_t user)
{
	struct queue_place_call k = {.schedule = 1, .user = user};
	return ROOM_CALL(w, enter, &k);
}

static void the_nth_call_fails_and_does_nothing(void **state)
{
	struct queue_world *w = *state;
	w->schedule = 1;
	room_revive(w, 0, 0);
	of(w)->fake.fault[FAKE_ENTER] = (struct fake_fault){.countdown = 2, .err = TK_ERR(TK_UNAVAILABLE, "test")};
	assert_int_equal(enter(w, 7).kind, TK_OK);
	assert_int_equal(enter(w, 8).kind, TK_UNAVAILABLE);
	assert_int_equal(room_verdict(w, 8), QUEUE_NO_PLACE);
	assert_int_equal(enter(w, 8).kind, TK_OK);
	assert_int_equal(of(w)->fake.calls[FAKE_ENTER], 3);
}

static void a_reply_can_be_lost_after_acting(void **state)
{
	struct queue_world *w = *state;
	of(w)->fake.fault[FAKE_ENTER] =
		(struct fake_fault){.countdown = 1, .err = TK_ERR(TK_UNAVAILABLE, "test"), .after_acting = true};
	assert_int_equal(enter(w, 9).kind, TK_UNAVAILABLE);
	assert_int_equal(room_verdict(w, 9), QUEUE_PLACED);
}

int main(void)
{
	const struct CMUnitTest faults[] = {
		cmocka_unit_test(the_nth_call_fails_and_does_nothing),
		cmocka_unit_test(a_reply_can_be_lost_after_acting),
	};
	int failed = queue_store_suite("queue_store: the fake, answering at once", answers_at_once, teardown);
	failed += queue_store_suite("queue_store: the fake, answering later", answers_later, teardown);
	return failed + cmocka_run_group_tests_name("fake_queue_store: faults", faults, answers_later, teardown);
}
