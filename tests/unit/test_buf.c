#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/arena.h"
#include "runtime/buf.h"
#include "runtime/uuid.h"
#include "runtime/when.h"

static int make(void **state)
{
	static struct buf b;

	buf_init(&b, NULL);
	*state = &b;
	return 0;
}

static int discard(void **state)
{
	buf_finish(*state);
	return 0;
}

static void assert_json_string(const char *bytes, size_t n, const char *expected)
{
	struct buf b;

	buf_init(&b, NULL);
	j_strn(&b, NULL, bytes, n);
	assert_string_equal(buf_cstr(&b), expected);
	buf_finish(&b);
}

static void an_empty_buffer_is_an_empty_string(void **state)
{
	struct buf *b = *state;

	assert_string_equal(buf_cstr(b), "");
	assert_int_equal(b->len, 0);
}

static void it_grows_over_any_boundary_and_has_room_for_the_nul(void **state)
{
	struct buf *b = *state;

	for (int i = 0; i < 5000; i++) {
		buf_putc(b, (char)('a' + i % 26));
		assert_true(b->cap > b->len);
		assert_int_equal(strlen(buf_cstr(b)), i + 1);
	}
	assert_memory_equal(b->data, "abcdefghijklmnopqrstuvwxyzab", 28);
}

static void growing_in_an_arena_keeps_the_bytes(void **state)
{
	struct arena_pool pool = {0};
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, &pool);
	buf_init(&b, &a);
	for (int i = 0; i < 3000; i++) {
		buf_int(&b, i % 10);
		if (i % 700 == 0) arena_alloc(&a, 8); /* somebody else in between: no growing in place */
	}
	for (int i = 0; i < 3000; i++) assert_int_equal(b.data[i], '0' + i % 10);
	buf_finish(&b);
	arena_finish(&a);
	arena_pool_finish(&pool);
}

static void the_last_thing_of_an_arena_grows_where_it_stands(void **state)
{
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, NULL);
	buf_init(&b, &a);
	buf_putc(&b, 'x');
	char *before = b.data;
	buf_reserve(&b, 1000);
	assert_ptr_equal(b.data, before);
	assert_true((char *)arena_alloc(&a, 1) >= b.data + b.cap);
	arena_finish(&a);
}

static void integers_print_to_both_ends_of_their_range(void **state)
{
	struct buf *b = *state;

	buf_int(b, INT64_MIN);
	buf_putc(b, ' ');
	buf_int(b, INT64_MAX);
	buf_putc(b, ' ');
	buf_int(b, 0);
	assert_string_equal(buf_cstr(b), "-9223372036854775808 9223372036854775807 0");
}

static void a_formatted_text_longer_than_the_buffer_is_whole(void **state)
{
	struct buf *b = *state;

	buf_puts(b, "<");
	buf_printf(b, "%0600d|%s", 7, "end");
	assert_int_equal(b->len, 605);
	assert_string_equal(buf_cstr(b) + 600, "7|end");
}

static void commas_stand_between_members_and_elements_only(void **state)
{
	struct buf *b = *state;

	j_obj_k(b, NULL);
	j_int(b, "userId", 7);
	j_str(b, "seatNo", "A-1");
	j_arr_k(b, "none");
	j_arr_end(b);
	j_arr_k(b, "some");
	j_bool(b, NULL, true);
	j_null(b, NULL);
	j_obj_k(b, NULL);
	j_obj_end(b);
	j_obj_k(b, NULL);
	j_bool(b, "x", false);
	j_obj_end(b);
	j_arr_end(b);
	j_raw(b, "raw", "[1]", 3);
	j_str(b, "nothing", NULL);
	j_obj_end(b);
	assert_string_equal(buf_cstr(b),
		"{\"userId\":7,\"seatNo\":\"A-1\",\"none\":[],\"some\":[true,null,{},{\"x\":false}],"
		"\"raw\":[1],\"nothing\":null}");
}

static void two_texts_in_one_buffer_have_no_comma_between_them(void **state)
{
	struct buf *b = *state;

	for (int i = 0; i < 2; i++) {
		j_obj_k(b, NULL);
		j_int(b, "n", i);
		j_obj_end(b);
		buf_putc(b, '\n');
	}
	assert_string_equal(buf_cstr(b), "{\"n\":0}\n{\"n\":1}\n");
}

static void sixty_three_levels_are_kept_apart(void **state)
{
	struct buf *b = *state;

	for (int i = 0; i < 63; i++) j_arr_k(b, NULL);
	j_int(b, NULL, 1);
	j_int(b, NULL, 2);
	for (int i = 0; i < 63; i++) j_arr_end(b);
	assert_int_equal(b->len, 63 * 2 + 3);
	assert_memory_equal(b->data + 63, "1,2]", 4);
}

static void what_json_forbids_in_a_string_is_escaped(void **state)
{
	(void)state;
	assert_json_string("\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	assert_json_string("a\0b\x1f\x7f", 5, "\"a\\u0000b\\u001f\x7f\"");
	assert_json_string("", 0, "\"\"");
}

static void every_control_character_is_escaped(void **state)
{
	(void)state;
	for (int c = 0; c < 0x20; c++) {
		struct buf b;

		buf_init(&b, NULL);
		j_strn(&b, NULL, (char[]){(char)c}, 1);
		assert_int_equal(b.data[1], '\\');
		buf_finish(&b);
	}
}

static void well_formed_utf8_stands_as_it_is(void **state)
{
	static const char text[] = "좌석 é \xf0\x9f\x8e\xab \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80 \xc2\x80";
	char expected[sizeof text + 2];

	(void)state;
	expected[0] = '"';
	memcpy(expected + 1, text, sizeof text - 1);
	memcpy(expected + sizeof text, "\"", 2);
	assert_json_string(text, sizeof text - 1, expected);
}

#define BAD "\xef\xbf\xbd"
static void malformed_utf8_becomes_replacement_characters(void **state)
{
	(void)state;
	assert_json_string("a\x80z", 3, "\"a" BAD "z\"");
	assert_json_string("\xc0\xaf", 2, "\"" BAD BAD "\"");				  /* overlong slash */
	assert_json_string("\xe0\x80\xaf", 3, "\"" BAD BAD BAD "\"");		  /* overlong */
	assert_json_string("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");		  /* a surrogate */
	assert_json_string("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""); /* beyond U+10FFFF */
	assert_json_string("\xff\"", 2, "\"" BAD "\\\"\"");
}

static void a_sequence_cut_off_at_the_end_is_not_read_beyond_it(void **state)
{
	(void)state;
	assert_json_string("\xe2\x82\xac", 2, "\"" BAD BAD "\"");
	assert_json_string("\xf0\x9f\x8e\xab", 3, "\"" BAD BAD BAD "\"");
	assert_json_string("\xc3\"", 1, "\"" BAD "\"");
}

static void keys_are_escaped_too(void **state)
{
	struct buf *b = *state;

	j_obj_k(b, NULL);
	j_int(b, "a\"b", 1);
	j_obj_end(b);
	assert_string_equal(buf_cstr(b), "{\"a\\\"b\":1}");
}

static void a_time_that_is_not_set_is_null(void **state)
{
	struct buf *b = *state;

	j_arr_k(b, NULL);
	j_time(b, NULL, TIME_NONE);
	j_time(b, NULL, 0);
	j_arr_end(b);
	assert_string_equal(buf_cstr(b), "[null,\"1970-01-01T00:00:00.000Z\"]");
}

static void a_nil_uuid_is_null(void **state)
{
	static const struct uuid SOME = {.b = {1, 0x90, [8] = 0x80, [15] = 0xff}}, NIL;
	struct buf *b = *state;

	j_arr_k(b, NULL);
	j_uuid(b, NULL, &NIL);
	j_uuid(b, NULL, &SOME);
	j_arr_end(b);
	assert_string_equal(buf_cstr(b), "[null,\"01900000-0000-0000-8000-0000000000ff\"]");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_buffer_is_an_empty_string),
		TEST(it_grows_over_any_boundary_and_has_room_for_the_nul),
		TEST(growing_in_an_arena_keeps_the_bytes),
		TEST(the_last_thing_of_an_arena_grows_where_it_stands),
		TEST(integers_print_to_both_ends_of_their_range),
		TEST(a_formatted_text_longer_than_the_buffer_is_whole),
		TEST(commas_stand_between_members_and_elements_only),
		TEST(two_texts_in_one_buffer_have_no_comma_between_them),
		TEST(sixty_three_levels_are_kept_apart),
		TEST(what_json_forbids_in_a_string_is_escaped),
		TEST(every_control_character_is_escaped),
		TEST(well_formed_utf8_stands_as_it_is),
		TEST(malformed_utf8_becomes_replacement_characters),
		TEST(a_sequence_cut_off_at_the_end_is_not_read_beyond_it),
		TEST(keys_are_escaped_too),
		TEST(a_time_that_is_not_set_is_null),
		TEST(a_nil_uuid_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
