#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "runtime/uuid.h"

static const char TEXT[] = "0190a1b2-c3d4-7abc-8def-0123456789ab";

static struct uuid parsed(const char *s)
{
	struct uuid u;

	assert_true(uuid_parse(s, strlen(s), &u));
	return u;
}

static void a_v7_carries_its_time_tag_version_and_variant(void **state)
{
	struct uuid u = uuid_v7(0x0190a1b2c3d4, 0xfabc); /* of the tag, 12 bits */

	(void)state;
	assert_memory_equal(u.b, "\x01\x90\xa1\xb2\xc3\xd4\x7a\xbc", 8);
	assert_int_equal(u.b[8] >> 6, 2);
}

static void later_ones_sort_behind_earlier_ones(void **state)
{
	(void)state;
	for (int64_t ms = 255; ms < (int64_t)1 << 47; ms *= 2) {
		struct uuid a = uuid_v7(ms, 0xfff), b = uuid_v7(ms + 1, 0);

		assert_true(memcmp(&a, &b, 16) < 0);
	}
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static void ten_thousand_of_the_same_moment_differ(void **state)
{
	static struct uuid all[10000];

	(void)state;
	for (int i = 0; i < 10000; i++) all[i] = uuid_v7(1, 1);
	qsort(all, 10000, sizeof *all, by_bytes);
	for (int i = 1; i < 10000; i++) assert_false(uuid_equal(&all[i - 1], &all[i]));
}

static void a_derived_one_is_the_same_each_time_and_anywhere(void **state)
{
	struct uuid cause = parsed(TEXT), u = uuid_derived(cause, 1), again = uuid_derived(cause, 1);
	char text[UUID_TEXT];

	(void)state;
	assert_true(uuid_equal(&u, &again));
	uuid_text(text, &u);
	/* Written down, because a change would decide events twice during an upgrade. */
	assert_string_equal(text, "0190a1b2-c3d4-7abc-a3bc-09403c65476c");
}

static void derived_ones_keep_time_and_tag_and_differ_by_salt_and_cause(void **state)
{
	struct uuid cause = parsed(TEXT), other = cause;
	struct uuid a = uuid_derived(cause, 0), b = uuid_derived(cause, 1), c;

	(void)state;
	other.b[15] ^= 1;
	c = uuid_derived(other, 0);
	assert_memory_equal(a.b, cause.b, 8);
	assert_int_equal(a.b[8] >> 6, 2);
	assert_false(uuid_equal(&a, &cause));
	assert_false(uuid_equal(&a, &b));
	assert_false(uuid_equal(&a, &c));
}

static void what_derives_from_another_version_is_a_v7(void **state)
{
	struct uuid u = uuid_derived(parsed("9f1b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"), 0);

	(void)state;
	assert_int_equal(u.b[6] >> 4, 7);
}

static void the_text_form_comes_back(void **state)
{
	struct uuid u = parsed(TEXT);
	char text[UUID_TEXT];

	(void)state;
	uuid_text(text, &u);
	assert_string_equal(text, TEXT);
}

static void capitals_are_read_too(void **state)
{
	struct uuid u = parsed(TEXT), v = parsed("0190A1B2-C3D4-7ABC-8DEF-0123456789AB");

	(void)state;
	assert_true(uuid_equal(&u, &v));
}

static void assert_refused(const char *s, size_t n)
{
	struct uuid u = {{1}}, before = u;

	assert_false(uuid_parse(s, n, &u));
	assert_true(uuid_equal(&u, &before));
}

static void any_wrong_character_at_any_place_is_refused(void **state)
{
	char text[UUID_TEXT];

	(void)state;
	for (int i = 0; i < 36; i++) {
		for (const char *wrong = "g/:@G`\xff- "; *wrong; wrong++) {
			if (TEXT[i] == *wrong) continue;
			memcpy(text, TEXT, sizeof text);
			text[i] = *wrong;
			assert_refused(text, 36);
		}
		memcpy(text, TEXT, sizeof text);
		text[i] = '\0';
		assert_refused(text, 36);
	}
}

static void any_other_length_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < 36; n++) assert_refused(TEXT, n);
	assert_refused("0190a1b2-c3d4-7abc-8def-0123456789abc", 37);
	assert_refused("{0190a1b2-c3d4-7abc-8def-0123456789ab}", 38);
}

static void only_all_zeros_is_nil(void **state)
{
	struct uuid nil = {{0}}, u = {{0}};

	(void)state;
	u.b[15] = 1;
	assert_true(uuid_is_nil(&nil));
	assert_false(uuid_is_nil(&u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_v7_carries_its_time_tag_version_and_variant),
		cmocka_unit_test(later_ones_sort_behind_earlier_ones),
		cmocka_unit_test(ten_thousand_of_the_same_moment_differ),
		cmocka_unit_test(a_derived_one_is_the_same_each_time_and_anywhere),
		cmocka_unit_test(derived_ones_keep_time_and_tag_and_differ_by_salt_and_cause),
		cmocka_unit_test(what_derives_from_another_version_is_a_v7),
		cmocka_unit_test(the_text_form_comes_back),
		cmocka_unit_test(capitals_are_read_too),
		cmocka_unit_test(any_wrong_character_at_any_place_is_refused),
		cmocka_unit_test(any_other_length_is_refused),
		cmocka_unit_test(only_all_zeros_is_nil),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
