#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "runtime/err.h"
#include "runtime/loop.h"

enum { MANY = 2000 };

/* A timer that notes its firing and may do something about itself or another. */
struct alarm {
	struct timer timer;
	struct loop *loop;
	int fired, order;
	struct alarm *stops, *arms;
	int64_t arms_in_ms;
};

static int next_order;

static void alarm_fired(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired++;
	a->order = next_order++;
	if (a->stops) timer_stop(a->loop, &a->stops->timer);
	if (a->arms) timer_arm(a->loop, &a->arms->timer, loop_now_ms(a->loop) + a->arms_in_ms);
}

static struct alarm alarm_of(struct loop *l)
{
	return (struct alarm){.timer = {.fired = alarm_fired}, .loop = l};
}

static void arm_in(struct alarm *a, int64_t ms)
{
	timer_arm(a->loop, &a->timer, loop_now_ms(a->loop) + ms);
}

static void turn_for(struct loop *l, int64_t ms)
{
	int64_t end = loop_now_us() / 1000 + ms;

	while (loop_now_us() / 1000 <= end) loop_turn(l, 1);
}

static int make(void **state)
{
	next_order = 0;
	*state = loop_create();
	return *state ? 0 : -1;
}

static int discard(void **state)
{
	loop_destroy(*state);
	return 0;
}

static void a_timer_fires_once_and_not_before_it_is_due(void **state)
{
	struct alarm a = alarm_of(*state);
	int64_t armed = loop_now_us();

	timer_arm(*state, &a.timer, armed / 1000 + 20);
	while (!a.fired) loop_turn(*state, -1);
	assert_true(loop_now_us() / 1000 >= armed / 1000 + 20);
	turn_for(*state, 5);
	assert_int_equal(a.fired, 1);
	assert_int_equal(a.timer.slot, 0);
}

static void a_timer_ends_the_sleep_that_would_last_longer(void **state)
{
	struct alarm a = alarm_of(*state);

	arm_in(&a, 5);
	loop_turn(*state, 60000);
	assert_int_equal(a.fired, 1);
}

static void a_sleep_lasts_no_longer_than_it_may(void **state)
{
	struct alarm a = alarm_of(*state);
	int64_t before = loop_now_us();

	timer_arm(*state, &a.timer, INT64_MAX - 1); /* farther than epoll can count */
	loop_turn(*state, 1);
	assert_true(loop_now_us() - before < 10 * 1000000);
	assert_int_equal(a.fired, 0);
	timer_stop(*state, &a.timer);
}

static void a_timer_in_the_past_fires_in_the_next_turn(void **state)
{
	struct alarm a = alarm_of(*state);

	timer_arm(*state, &a.timer, INT64_MIN);
	loop_turn(*state, 60000);
	assert_int_equal(a.fired, 1);
	assert_int_equal(a.timer.due_ms, INT64_MIN);
}

static void a_timer_moved_while_armed_fires_once(void **state)
{
	struct alarm a = alarm_of(*state), b = alarm_of(*state);

	arm_in(&a, 1);
	arm_in(&b, 4);
	arm_in(&a, 8);
	arm_in(&b, 2);
	turn_for(*state, 15);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 1);
	assert_true(b.order < a.order);
}

static void a_stopped_timer_stays_silent_and_may_be_stopped_again(void **state)
{
	struct alarm a = alarm_of(*state);

	timer_stop(*state, &a.timer);
	arm_in(&a, 1);
	timer_stop(*state, &a.timer);
	timer_stop(*state, &a.timer);
	turn_for(*state, 5);
	assert_int_equal(a.fired, 0);
}

static void equal_timers_fire_in_the_order_they_were_armed(void **state)
{
	struct alarm a[MANY];

	for (int i = 0; i < MANY; i++) {
		a[i] = alarm_of(*state);
		timer_arm(*state, &a[i].timer, loop_now_ms(*state) + 1);
	}
	turn_for(*state, 5);
	for (int i = 0; i < MANY; i++) assert_int_equal(a[i].order, i);
}

static int by_order(const void *a, const void *b)
{
	return ((const struct alarm *)a)->order - ((const struct alarm *)b)->order;
}

static void thousands_moved_and_stopped_at_random_fire_in_order(void **state)
{
	static struct alarm a[MANY];
	int64_t now = loop_now_ms(*state), last = 0;
	int expected = 0, fired = 0;

	srand(1);
	for (int i = 0; i < MANY; i++) a[i] = alarm_of(*state);
	for (int i = 0; i < 10 * MANY; i++) {
		struct alarm *one = &a[rand() % MANY];

		if (rand() % 4) timer_arm(*state, &one->timer, now + 1 + rand() % 20);
		else timer_stop(*state, &one->timer);
	}
	for (int i = 0; i < MANY; i++) expected += a[i].timer.slot != 0;
	turn_for(*state, 40);
	qsort(a, MANY, sizeof *a, by_order);
	for (int i = 0; i < MANY; i++) {
		if (!a[i].fired) continue;
		fired++;
		assert_int_equal(a[i].fired, 1);
		assert_true(a[i].timer.due_ms >= last);
		last = a[i].timer.due_ms;
	}
	assert_int_equal(fired, expected);
}

static void a_timer_may_arm_itself_again(void **state)
{
	struct alarm a = alarm_of(*state);

	a.arms = &a;
	a.arms_in_ms = 2;
	arm_in(&a, 2);
	turn_for(*state, 40);
	assert_in_range(a.fired, 2, 21);
	timer_stop(*state, &a.timer);
}

static void a_timer_that_arms_itself_in_the_past_fires_once_a_turn(void **state)
{
	struct alarm a = alarm_of(*state), b = alarm_of(*state);

	a.arms = &a;
	a.arms_in_ms = -1000;
	arm_in(&a, -1000);
	arm_in(&b, 0);
	loop_turn(*state, 0);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 1); /* not overtaken for ever */
	loop_turn(*state, 60000);
	assert_int_equal(a.fired, 2);
	timer_stop(*state, &a.timer);
}

static void a_timer_stopped_by_one_that_fires_before_it_stays_silent(void **state)
{
	struct alarm a = alarm_of(*state), b = alarm_of(*state), c = alarm_of(*state);

	a.stops = &b;
	arm_in(&a, 0);
	arm_in(&b, 0);
	arm_in(&c, 0);
	loop_turn(*state, 0);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 0);
	assert_int_equal(c.fired, 1);
}

static void a_due_timer_moved_by_one_that_fires_before_it_waits(void **state)
{
	struct alarm a = alarm_of(*state), b = alarm_of(*state);

	a.arms = &b;
	a.arms_in_ms = 3;
	arm_in(&a, 0);
	arm_in(&b, 0);
	loop_turn(*state, 0);
	assert_int_equal(b.fired, 0);
	turn_for(*state, 10);
	assert_int_equal(b.fired, 1);
}

static void a_timer_may_stop_itself_while_it_fires(void **state)
{
	struct alarm a = alarm_of(*state);

	a.stops = &a;
	arm_in(&a, 0);
	loop_turn(*state, 0);
	assert_int_equal(a.fired, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_fires_once_and_not_before_it_is_due),
		TEST(a_timer_ends_the_sleep_that_would_last_longer),
		TEST(a_sleep_lasts_no_longer_than_it_may),
		TEST(a_timer_in_the_past_fires_in_the_next_turn),
		TEST(a_timer_moved_while_armed_fires_once),
		TEST(a_stopped_timer_stays_silent_and_may_be_stopped_again),
		TEST(equal_timers_fire_in_the_order_they_were_armed),
		TEST(thousands_moved_and_stopped_at_random_fire_in_order),
		TEST(a_timer_may_arm_itself_again),
		TEST(a_timer_that_arms_itself_in_the_past_fires_once_a_turn),
		TEST(a_timer_stopped_by_one_that_fires_before_it_stays_silent),
		TEST(a_due_timer_moved_by_one_that_fires_before_it_waits),
		TEST(a_timer_may_stop_itself_while_it_fires),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
