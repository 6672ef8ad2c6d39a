#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "runtime/err.h"
#include "runtime/pace.h"

enum { CALM_MS = 10, BUSY_MS = 40, CROWD = 3, ENOUGH = 8 };

static const struct pace_terms TERMS = {.calm_ms = CALM_MS, .busy_ms = BUSY_MS, .crowd = CROWD, .enough = ENOUGH};

struct platform {
	struct loop *loop;
	struct pace pace;
	unsigned waiting, departures, fired;
	unsigned went; /* with the last */
};

static void go(struct platform *p)
{
	if (p->waiting == 0 || !pace_is_time(&p->pace, p->waiting)) return;
	pace_went(&p->pace, p->waiting);
	p->went = p->waiting;
	p->waiting = 0;
	p->departures++;
}

static void fired(struct timer *t)
{
	struct platform *p = container_of(t, struct platform, pace.timer);

	p->fired++;
	go(p);
}

static void come(struct platform *p, unsigned count)
{
	while (count--) {
		p->waiting++;
		go(p);
	}
}

/* Until the next departure; how long it took, in ms. */
static int64_t wait_departure(struct platform *p)
{
	int64_t from = loop_now_us(), until = from + 2000000;
	unsigned before = p->departures;

	while (p->departures == before && loop_now_us() < until) loop_turn(p->loop, 1);
	assert_int_equal(p->departures, before + 1);
	return (loop_now_us() - from + 999) / 1000;
}

static void rest(struct platform *p, int64_t ms)
{
	int64_t until = loop_now_us() + ms * 1000;

	while (loop_now_us() < until) loop_turn(p->loop, 1);
}

static int open_platform(void **state)
{
	struct platform *p = calloc(1, sizeof *p);

	if (!p || !(p->loop = loop_create())) return -1;
	pace_init(&p->pace, p->loop, TERMS, fired);
	loop_turn(p->loop, 0);
	*state = p;
	return 0;
}

static int close_platform(void **state)
{
	struct platform *p = *state;

	pace_stop(&p->pace);
	loop_destroy(p->loop);
	free(p);
	return 0;
}

static void the_first_goes_at_once(void **state)
{
	struct platform *p = *state;

	come(p, 1);
	assert_int_equal(p->departures, 1);
	rest(p, CALM_MS + 1);
	come(p, 1);
	assert_int_equal(p->departures, 2);
	assert_int_equal(p->fired, 0); /* nobody waited: no timer */
}

static void what_follows_closely_goes_together(void **state)
{
	struct platform *p = *state;

	come(p, 1 + 2);
	assert_int_equal(p->departures, 1);
	assert_in_range(wait_departure(p), CALM_MS - 1, BUSY_MS - 1);
	assert_int_equal(p->went, 2);
}

static void a_crowd_makes_the_next_wait_longer(void **state)
{
	struct platform *p = *state;

	come(p, 1 + CROWD);
	wait_departure(p);
	assert_int_equal(p->went, CROWD);
	come(p, 1);
	assert_true(wait_departure(p) >= BUSY_MS - 1);
	come(p, 1); /* there was no crowd any more */
	assert_in_range(wait_departure(p), CALM_MS - 1, BUSY_MS - 1);
}

static void enough_wait_no_longer(void **state)
{
	struct platform *p = *state;

	come(p, 1 + ENOUGH);
	assert_int_equal(p->departures, 2);
	assert_int_equal(p->went, ENOUGH);
	rest(p, BUSY_MS + 5);
	assert_int_equal(p->fired, 0); /* its timer went with them */
}

static void nobody_is_woken_after_a_stop(void **state)
{
	struct platform *p = *state;

	come(p, 2);
	pace_stop(&p->pace);
	rest(p, CALM_MS + 5);
	assert_int_equal(p->fired, 0);
	assert_int_equal(p->waiting, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_goes_at_once, open_platform, close_platform),
		cmocka_unit_test_setup_teardown(what_follows_closely_goes_together, open_platform, close_platform),
		cmocka_unit_test_setup_teardown(a_crowd_makes_the_next_wait_longer, open_platform, close_platform),
		cmocka_unit_test_setup_teardown(enough_wait_no_longer, open_platform, close_platform),
		cmocka_unit_test_setup_teardown(nobody_is_woken_after_a_stop, open_platform, close_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
