#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "runtime/when.h"

static void assert_text(int64_t unix_ms, const char *expected)
{
	char text[WHEN_TEXT];

	when_text(text, unix_ms);
	assert_string_equal(text, expected);
}

static void assert_parses(const char *text, int64_t expected)
{
	int64_t ms = -1;

	if (!when_parse(text, strlen(text), &ms)) fail_msg("%s is refused", text);
	if (ms != expected) fail_msg("%s gives %lld", text, (long long)ms);
}

static void assert_refused(const char *text)
{
	int64_t ms = 4711;

	if (when_parse(text, strlen(text), &ms)) fail_msg("%s is taken", text);
	assert_int_equal(ms, 4711); /* untouched */
}

static void times_print_in_utc_with_milliseconds(void **state)
{
	(void)state;
	assert_text(0, "1970-01-01T00:00:00.000Z");
	assert_text(1795291200007, "2026-11-21T20:00:00.007Z");
	assert_text(951782399999, "2000-02-28T23:59:59.999Z");
	assert_text(951782400000, "2000-02-29T00:00:00.000Z");
	assert_text(-1, "1969-12-31T23:59:59.999Z");
	assert_text(253402300799999, "9999-12-31T23:59:59.999Z");
}

static void times_without_an_end_print_as_the_ends_of_four_digits(void **state)
{
	(void)state;
	assert_text(TIME_FOREVER, "9999-12-31T23:59:59.999Z");
	assert_text(TIME_NONE, "0000-01-01T00:00:00.000Z");
}

static void every_day_of_400_years_agrees_with_the_c_library(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 146097; day++) {
		time_t seconds = (time_t)(day * 86400 + day % 86400);
		char ours[WHEN_TEXT], theirs[64];
		struct tm tm;
		int64_t ms;

		when_text(ours, (int64_t)seconds * 1000);
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&seconds, &tm));
		if (strcmp(ours, theirs) != 0) fail_msg("%s should be %s", ours, theirs);
		assert_true(when_parse(ours, strlen(ours), &ms));
		assert_int_equal(ms, (int64_t)seconds * 1000);
	}
}

static void leap_days_exist_in_leap_years_only(void **state)
{
	(void)state;
	assert_parses("2024-02-29T00:00:00Z", 1709164800000);
	assert_parses("2000-02-29T00:00:00Z", 951782400000);
	assert_refused("2023-02-29T00:00:00Z");
	assert_refused("2100-02-29T00:00:00Z");
	assert_refused("2024-02-30T00:00:00Z");
}

static void any_offset_is_taken_off(void **state)
{
	(void)state;
	assert_parses("2026-11-22T05:00:00+09:00", 1795291200000);
	assert_parses("2026-11-21T19:59:00-00:01", 1795291200000);
	assert_parses("2026-11-21T20:01:00+00:01", 1795291200000);
	assert_parses("2026-11-21T20:00:00-00:00", 1795291200000);
	assert_parses("2026-11-20T20:01:00-23:59", 1795291200000);
	assert_refused("2026-11-21T20:00:00-0001");
	assert_refused("2026-11-21T20:00:00+24:00");
	assert_refused("2026-11-21T20:00:00+09:60");
	assert_refused("2026-11-21T20:00:00+9:00");
	assert_refused("2026-11-21T20:00:00");
}

static void fractions_are_cut_to_milliseconds(void **state)
{
	(void)state;
	assert_parses("1970-01-01T00:00:01.5Z", 1500);
	assert_parses("1970-01-01T00:00:01.05Z", 1050);
	assert_parses("1970-01-01T00:00:01.0009999Z", 1000);
	assert_parses("1970-01-01T00:00:01.123456789012345678901234567890Z", 1123);
	assert_refused("1970-01-01T00:00:01.Z");
	assert_refused("1970-01-01T00:00:01,5Z");
}

static void letters_may_be_small_and_the_t_a_blank(void **state)
{
	(void)state;
	assert_parses("1970-01-01t00:00:00z", 0);
	assert_parses("1970-01-01 00:00:00Z", 0);
}

static void only_1970_to_9999_are_taken(void **state)
{
	(void)state;
	assert_parses("9999-12-31T23:59:59.999Z", 253402300799999);
	assert_parses("1969-12-31T23:30:00-01:00", 1800000);
	assert_refused("1970-01-01T00:00:00+00:01");
	assert_refused("1969-12-31T23:59:59.999Z");
	assert_refused("9999-12-31T23:59:59-00:01");
	assert_refused("0000-00-00T00:00:00Z");
}

static void leap_seconds_end_a_utc_day(void **state)
{
	(void)state;
	assert_parses("2016-12-31T23:59:60Z", 1483228800000);
	assert_parses("2017-01-01T08:59:60.5+09:00", 1483228800500);
	assert_refused("2016-12-31T12:00:60Z");
	assert_refused("2016-12-31T23:59:61Z");
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"2026",
		"2026-11-21",
		"2026-11-21T20:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:00Zx",
		" 2026-01-01T00:00:00Z",
		"2026-1-01T00:00:00Z",
		"+026-01-01T00:00:00Z",
		"2026-01-01T00:00:00ZZ",
		"2026/01/01T00:00:00Z",
		"20260101T000000Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) assert_refused(TEXTS[i]);
}

static void nothing_is_read_beyond_the_given_length(void **state)
{
	static const char text[] = "2026-11-21T20:00:00.123+09:00";
	int64_t ms;

	(void)state;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		char exact[sizeof text];

		memcpy(exact, text, n);
		memset(exact + n, '0', sizeof exact - n);
		assert_false(when_parse(exact, n, &ms));
	}
}

static void postgresql_counts_microseconds_from_2000(void **state)
{
	(void)state;
	assert_int_equal(when_from_pg(0), 946684800000);
	assert_int_equal(when_from_pg(1999), 946684800001);
	assert_int_equal(when_from_pg(-1), 946684799999); /* towards the past, like every other time */
	assert_int_equal(when_to_pg(946684800000), 0);
	assert_int_equal(when_to_pg(0), -946684800000000);
	assert_int_equal(when_from_pg(when_to_pg(1795291200007)), 1795291200007);
}

static void infinity_travels_both_ways(void **state)
{
	(void)state;
	assert_int_equal(when_from_pg(INT64_MAX), TIME_FOREVER);
	assert_int_equal(when_to_pg(TIME_FOREVER), INT64_MAX);
	assert_int_equal(when_from_pg(INT64_MIN), TIME_NONE);
	assert_int_equal(when_to_pg(TIME_NONE), INT64_MIN);
	assert_int_equal(when_to_pg(INT64_MAX - 1), INT64_MAX); /* beyond what it can hold */
	assert_int_equal(when_to_pg(INT64_MIN + 1), INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_print_in_utc_with_milliseconds),
		cmocka_unit_test(times_without_an_end_print_as_the_ends_of_four_digits),
		cmocka_unit_test(every_day_of_400_years_agrees_with_the_c_library),
		cmocka_unit_test(leap_days_exist_in_leap_years_only),
		cmocka_unit_test(any_offset_is_taken_off),
		cmocka_unit_test(fractions_are_cut_to_milliseconds),
		cmocka_unit_test(letters_may_be_small_and_the_t_a_blank),
		cmocka_unit_test(only_1970_to_9999_are_taken),
		cmocka_unit_test(leap_seconds_end_a_utc_day),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(nothing_is_read_beyond_the_given_length),
		cmocka_unit_test(postgresql_counts_microseconds_from_2000),
		cmocka_unit_test(infinity_travels_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
