#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/waiting_room.h"

static void every_status_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < QUEUE_STATUSES; i++) assert_non_null(QUEUE_STATUS_NAME[i]);
	assert_string_equal(QUEUE_STATUS_NAME[QUEUE_PRE], "PRE_QUEUE");
	assert_string_equal(QUEUE_STATUS_NAME[QUEUE_SOLD_OUT], "SOLD_OUT");
}

static void the_grid_is_the_contracts(void **state)
{
	static const enum queue_status WANTED[QUEUE_STATUSES][QUEUE_MOVES] = {
		/*                  OPEN           ADMIT         USE         EXPIRE         SELL_OUT        REOPEN */
		[QUEUE_PRE] = {QUEUE_WAITING},
		[QUEUE_WAITING] = {0, QUEUE_ACTIVE, 0, QUEUE_EXPIRED, QUEUE_SOLD_OUT, 0},
		[QUEUE_ACTIVE] = {0, 0, QUEUE_USED, QUEUE_EXPIRED, QUEUE_ACTIVE, 0},
		[QUEUE_USED] = {0, 0, QUEUE_USED, 0, 0, 0},
		[QUEUE_EXPIRED] = {0, 0, 0, QUEUE_EXPIRED, 0, 0},
		[QUEUE_SOLD_OUT] = {0, 0, 0, QUEUE_EXPIRED, QUEUE_SOLD_OUT, QUEUE_WAITING},
	};
	(void)state;
	for (int s = 0; s < QUEUE_STATUSES; s++) {
		for (int m = 0; m < QUEUE_MOVES; m++) assert_int_equal(QUEUE_NEXT[s][m], WANTED[s][m]);
	}
}

static void the_epoch_of_a_number_is_its_billion(void **state)
{
	(void)state;
	assert_int_equal(queue_epoch_of(0), 0);
	assert_int_equal(queue_epoch_of(999999999), 0);
	assert_int_equal(queue_epoch_of(3000000001), 3);
}

static void the_wait_is_the_rank_over_the_measured_rate(void **state)
{
	(void)state;
	assert_int_equal(queue_eta_s(10000, 500000, 1), 20);
	assert_int_equal(queue_eta_s(1, 500000, 1), 1); /* rounded up */
	assert_int_equal(queue_eta_s(0, 500000, 1), 0);
	assert_int_equal(queue_eta_s(10, 500, 1), 20);
}

static void without_a_measured_rate_the_configured_one_counts(void **state)
{
	(void)state;
	assert_int_equal(queue_eta_s(10000, -1, 500), 20);
	assert_int_equal(queue_eta_s(10000, -1, 0), -1);
	assert_int_equal(queue_eta_s(10000, -1, INT64_MAX), 1);
}

static void nobody_can_say_when_nobody_is_admitted(void **state)
{
	(void)state;
	assert_int_equal(queue_eta_s(10000, 0, 500), -1);
	assert_int_equal(queue_eta_s(-1, 500000, 500), -1);
	assert_int_equal(queue_eta_s(INT64_MAX, 500000, 500), -1);
}

static int64_t poll(enum queue_status s, int64_t number, int64_t eta_s, int64_t grace_ms)
{
	struct queue_place p = {.status = s, .number = number};
	return queue_poll_after_ms(&p, eta_s, grace_ms);
}

static void polls_grow_from_a_second_to_ten(void **state)
{
	(void)state;
	int64_t last = 0;
	for (int64_t eta = 0; eta <= 1000; eta++) {
		int64_t ms = poll(QUEUE_WAITING, 1, eta, 0);
		assert_in_range(ms, eta < 10 ? 1000 : 2000, eta <= 10 ? 3000 : 10000);
		assert_true(ms >= last);
		last = ms;
	}
	assert_true(last >= 9000);
	assert_in_range(poll(QUEUE_WAITING, 1, 0, 0), 1000, 2000);
	assert_in_range(poll(QUEUE_WAITING, 1, -1, 0), 9000, 10000);
}

static void neighbours_do_not_poll_at_once(void **state)
{
	enum { NEIGHBOURS = 1000, SLOTS = 10 };
	int in_slot[SLOTS] = {0};
	(void)state;
	for (int64_t n = 1; n <= NEIGHBOURS; n++) in_slot[(poll(QUEUE_WAITING, n, 0, 0) - 1000) / 100]++;
	for (int i = 0; i < SLOTS; i++) assert_in_range(in_slot[i], 50, 150);
	assert_int_equal(poll(QUEUE_WAITING, 77, 0, 0), poll(QUEUE_WAITING, 77, 0, 0));
}

static void who_polls_as_told_is_heard_of_within_the_grace(void **state)
{
	(void)state;
	for (int64_t grace = 1000; grace <= 300000; grace *= 3) {
		for (int s = QUEUE_PRE; s < QUEUE_STATUSES; s++)
			assert_in_range(poll((enum queue_status)s, 9, 100000, grace), 200, grace / 3);
	}
	assert_int_equal(poll(QUEUE_WAITING, 9, 0, 1), 200); /* not a storm either */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_a_name),
		cmocka_unit_test(the_grid_is_the_contracts),
		cmocka_unit_test(the_epoch_of_a_number_is_its_billion),
		cmocka_unit_test(the_wait_is_the_rank_over_the_measured_rate),
		cmocka_unit_test(without_a_measured_rate_the_configured_one_counts),
		cmocka_unit_test(nobody_can_say_when_nobody_is_admitted),
		cmocka_unit_test(polls_grow_from_a_second_to_ten),
		cmocka_unit_test(neighbours_do_not_poll_at_once),
		cmocka_unit_test(who_polls_as_told_is_heard_of_within_the_grace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
