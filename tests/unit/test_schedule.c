#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain/schedule.h"

static struct seat_no numbered(int i)
{
	struct seat_no no;
	char text[SEAT_NO_MAX + 1];
	int n = snprintf(text, sizeof text, "D-%d", i);

	assert_true(seat_no_parse(text, (size_t)n, &no));
	return no;
}

static struct seat_plan *plan_of(uint32_t count)
{
	struct seat *seats = calloc(count ? count : 1, sizeof *seats);

	for (uint32_t i = 0; i < count; i++) seats[i].no = numbered((int)i + 1);
	return seat_plan_create(seats, count);
}

static void every_seat_is_found_where_it_stands(void **state)
{
	static const uint32_t COUNTS[] = {1, 2, 3, 4, 1000, 50000};

	(void)state;
	for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; c++) {
		struct seat_plan *p = plan_of(COUNTS[c]);

		for (uint32_t i = 0; i < COUNTS[c]; i++) {
			struct seat_no no = numbered((int)i + 1);

			if (seat_plan_find(p, &no) != (int32_t)i) fail_msg("%s of %u", no.s, COUNTS[c]);
		}
		seat_plan_unref(p);
	}
}

static void a_seat_of_no_plan_is_not_found(void **state)
{
	struct seat_plan *p = plan_of(1000);

	(void)state;
	for (int i = 1001; i < 5000; i++) {
		struct seat_no no = numbered(i);

		assert_int_equal(seat_plan_find(p, &no), -1);
	}
	seat_plan_unref(p);
}

static void a_plan_without_seats_finds_none(void **state)
{
	struct seat_plan *p = seat_plan_create(NULL, 0);
	struct seat_no no = numbered(1);

	(void)state;
	assert_int_equal(seat_plan_find(p, &no), -1);
	seat_plan_unref(p);
}

static void of_equal_numbers_the_first_is_found(void **state)
{
	struct seat *seats = calloc(2, sizeof *seats);
	struct seat_plan *p;

	(void)state;
	seats[0].no = seats[1].no = numbered(1);
	p = seat_plan_create(seats, 2);
	assert_int_equal(seat_plan_find(p, &seats[1].no), 0);
	seat_plan_unref(p);
}

static void *use_and_let_go(void *plan)
{
	struct seat_plan *p = plan;

	for (int i = 1; i <= 1000; i++) {
		struct seat_no no = numbered(i);

		seat_plan_ref(p);
		if (seat_plan_find(p, &no) != i - 1) abort();
		seat_plan_unref(p);
	}
	seat_plan_unref(p);
	return NULL;
}

static void the_last_of_many_threads_frees_the_plan(void **state)
{
	struct seat_plan *p = plan_of(1000);
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, use_and_let_go, seat_plan_ref(p));
	seat_plan_unref(p);
	for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

static void no_plan_may_be_let_go_of(void **state)
{
	(void)state;
	seat_plan_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_seat_is_found_where_it_stands),
		cmocka_unit_test(a_seat_of_no_plan_is_not_found),
		cmocka_unit_test(a_plan_without_seats_finds_none),
		cmocka_unit_test(of_equal_numbers_the_first_is_found),
		cmocka_unit_test(the_last_of_many_threads_frees_the_plan),
		cmocka_unit_test(no_plan_may_be_let_go_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
