#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "domain/seat.h"

static void a_seat_number_is_1_to_20_letters_digits_and_dashes(void **state)
{
	struct seat_no no;

	(void)state;
	assert_true(seat_no_parse("A-1", 3, &no));
	assert_string_equal(no.s, "A-1");
	assert_int_equal(no.len, 3);
	assert_true(seat_no_parse("-", 1, &no));
	assert_true(seat_no_parse("abcXYZ0189-abcXYZ018", 20, &no));
	assert_string_equal(no.s, "abcXYZ0189-abcXYZ018");
}

static void too_short_and_too_long_are_refused(void **state)
{
	struct seat_no no = {.s = "kept", .len = 4};

	(void)state;
	assert_false(seat_no_parse("", 0, &no));
	assert_false(seat_no_parse("AAAAAAAAAAAAAAAAAAAAA", 21, &no));
	assert_false(seat_no_parse("A", SIZE_MAX, &no));
	assert_string_equal(no.s, "kept");
}

static void no_other_byte_is_taken(void **state)
{
	int taken = 0;

	(void)state;
	for (int c = 0; c < 256; c++) {
		struct seat_no no;
		char s[3] = {'A', (char)c, '1'};

		taken += seat_no_parse(s, 3, &no);
	}
	assert_int_equal(taken, 26 + 26 + 10 + 1);
}

static void only_the_same_letters_are_the_same_seat(void **state)
{
	struct seat_no a, b, c, d;

	(void)state;
	assert_true(seat_no_parse("A-1", 3, &a) && seat_no_parse("A-1x", 3, &b));
	assert_true(seat_no_parse("A-10", 4, &c) && seat_no_parse("a-1", 3, &d));
	assert_true(seat_no_equal(&a, &b));
	assert_memory_equal(&a, &b, sizeof a); /* the rest is zero, so it may be a key */
	assert_false(seat_no_equal(&a, &c));
	assert_false(seat_no_equal(&a, &d));
}

static void every_grade_comes_back_from_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < GRADES; i++) {
		enum grade g = GRADES;

		assert_true(grade_parse(GRADE_NAME[i], strlen(GRADE_NAME[i]), &g));
		assert_int_equal(g, i);
	}
}

static void other_grades_are_refused(void **state)
{
	enum grade g = GRADE_R;

	(void)state;
	assert_false(grade_parse("", 0, &g));
	assert_false(grade_parse("VI", 2, &g));
	assert_false(grade_parse("vip", 3, &g));
	assert_false(grade_parse("VIPX", 4, &g));
	assert_int_equal(g, GRADE_R);
}

static void every_status_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < SEAT_STATUSES; i++) assert_non_null(SEAT_STATUS_NAME[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seat_number_is_1_to_20_letters_digits_and_dashes),
		cmocka_unit_test(too_short_and_too_long_are_refused),
		cmocka_unit_test(no_other_byte_is_taken),
		cmocka_unit_test(only_the_same_letters_are_the_same_seat),
		cmocka_unit_test(every_grade_comes_back_from_its_name),
		cmocka_unit_test(other_grades_are_refused),
		cmocka_unit_test(every_status_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
