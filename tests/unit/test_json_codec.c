/* json_codec: a table of fields against what clients send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapter/json/json_codec.h"
#include "domain/payment.h"
#include "runtime/when.h"

struct section {
	char name[81];
	int64_t price;
};

struct request {
	int64_t user, schedule, at_ms;
	struct seat_no seat, seats[3], many[2];
	unsigned count, many_count, sections_count;
	struct uuid order;
	enum order_status status;
	char name[41], secret[9];
	bool paused, has_seat, has_at;
	struct section sections[2];
};

static const struct json_field SECTION_FIELDS[] = {
	JSON_TEXT(struct section, name, "section", 1, 20, JSON_REQUIRED),
	JSON_INT(struct section, price, "price", 0, ID_MAX, JSON_REQUIRED),
};
static const struct json_field FIELDS[] = {
	JSON_INT(struct request, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_INT(struct request, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_SEAT(struct request, seat, "seatNo", JSON_OPTIONAL, JSON_HAS(struct request, has_seat)),
	JSON_SEATS(struct request, seats, count, "seatNos", JSON_OPTIONAL),
	JSON_SEATS(struct request, many, many_count, "many", JSON_OPTIONAL | JSON_COUNTS_ON),
	JSON_UUID(struct request, order, "orderNo", JSON_OPTIONAL | JSON_NULLABLE),
	JSON_ENUM(struct request, status, "status", ORDER_STATUS_NAME, ORDER_STATUSES, JSON_OPTIONAL),
	JSON_TEXT(struct request, name, "name", 1, 10, JSON_OPTIONAL),
	JSON_BYTES(struct request, secret, "secret", 2, 8, JSON_OPTIONAL),
	JSON_BOOL(struct request, paused, "paused", JSON_OPTIONAL),
	JSON_TIME(struct request, at_ms, "at", JSON_OPTIONAL | JSON_NULLABLE, JSON_HAS(struct request, has_at)),
	JSON_OBJECTS(struct request, sections, sections_count, "sections", SECTION_FIELDS, JSON_OPTIONAL),
};

struct world {
	struct json_decoder *decoder;
	struct request got;
	struct json_errors errors;
};

static int make(void **state)
{
	static struct world w;
	w = (struct world){.decoder = json_decoder_create()};
	*state = &w;
	return 0;
}

static int discard(void **state)
{
	struct world *w = *state;
	json_decoder_destroy(w->decoder);
	json_decoder_destroy(NULL);
	return 0;
}

static bool decode(struct world *w, const char *body)
{
	memset(&w->got, 0, sizeof w->got);
	return json_decode(w->decoder, body, strlen(body), FIELDS, JSON_FIELDS(FIELDS), &w->got, &w->errors);
}

/* Exactly one error. */
static void refused(struct world *w, const char *body, enum json_fault fault, const char *field, const char *message)
{
	if (decode(w, body)) fail_msg("taken: %s", body);
	assert_int_equal(w->errors.count, 1);
	assert_string_equal(w->errors.error[0].field, field);
	assert_string_equal(w->errors.error[0].message, message);
	assert_int_equal(w->errors.error[0].fault, fault);
}

static void taken(struct world *w, const char *body)
{
	if (!decode(w, body)) fail_msg("refused: %s: %s: %s", body, w->errors.error[0].field, w->errors.error[0].message);
}

static void a_request_becomes_a_struct(void **state)
{
	struct world *w = *state;
	taken(w,
		"{\"scheduleId\":2,\"userId\":9007199254740991,\"seatNo\":\"A-1\",\"orderNo\":"
		"\"0193A3B4-5C6D-7e8f-9a0b-1c2d3e4f5a6b\",\"status\":\"PAID\",\"name\":\"k\\u00edm\",\"secret\":\"abc\","
		"\"paused\":true,\"at\":\"2026-11-21T20:00:00+09:00\"}");
	assert_int_equal(w->got.schedule, 2);
	assert_int_equal(w->got.user, ID_MAX);
	assert_string_equal(w->got.seat.s, "A-1");
	assert_true(w->got.has_seat);
	assert_int_equal(w->got.order.b[0], 1);
	assert_int_equal(w->got.order.b[1], 0x93);
	assert_int_equal(w->got.status, ORDER_PAID);
	assert_string_equal(w->got.name, "k\xc3\xadm");
	assert_string_equal(w->got.secret, "abc");
	assert_true(w->got.paused);
	char at[WHEN_TEXT];
	when_text(at, w->got.at_ms);
	assert_string_equal(at, "2026-11-21T11:00:00.000Z");
}

static void an_absent_optional_field_is_left_alone(void **state)
{
	struct world *w = *state;
	taken(w, "{\"scheduleId\":2}");
	assert_int_equal(w->got.user, 0);
	assert_false(w->got.has_seat);
}

static void a_required_one_is_missed(void **state)
{
	refused(*state, "{}", JSON_MISSING, "scheduleId", "required");
	refused(*state, "{\"scheduleid\":2}", JSON_MISSING, "scheduleId", "required");
}

static void what_is_no_object_has_no_field(void **state)
{
	refused(*state, "[1]", JSON_NOT_JSON, "", "not a JSON object");
	refused(*state, "", JSON_NOT_JSON, "", "not a JSON object");
	refused(*state, "{\"a\":\"\\u0000\"}", JSON_NOT_JSON, "", "contains NUL");
}

static void an_integer_is_one_by_its_text(void **state)
{
	static const char *const BAD[] = {"1.0", "1e3", "1.9", "\"12\"", "\"12abc\"", "true", "null", "[]", "{}", "0", "-1",
		"-0", "9007199254740992", "9223372036854775807", "9223372036854775808", "18446744073709551617",
		"-9223372036854775809", "123456789012345678901234567890", "1E400"};
	char body[100];
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		snprintf(body, sizeof body, "{\"scheduleId\":%s}", BAD[i]);
		refused(*state, body, JSON_BAD, "scheduleId", "an integer from 1 to 9007199254740991");
	}
}

static void a_field_may_not_come_twice(void **state)
{
	refused(*state, "{\"scheduleId\":2,\"scheduleId\":2}", JSON_DUPLICATE, "scheduleId", "given twice");
	refused(*state, "{\"scheduleId\":2,\"\\u0073cheduleId\":3}", JSON_DUPLICATE, "scheduleId", "given twice");
	refused(*state, "{\"scheduleId\":2,\"x\":1,\"x\":2}", JSON_DUPLICATE, "x", "given twice");
	refused(*state, "{\"scheduleId\":2,\"x\":{\"y\":1,\"y\":2}}", JSON_DUPLICATE, "", "a field is given twice");
	refused(*state, "{\"scheduleId\":2,\"x\":[[{\"y\":1,\"y\":2}]]}", JSON_DUPLICATE, "", "a field is given twice");
	taken(*state, "{\"scheduleId\":2,\"x\":[{\"y\":1},{\"y\":2}],\"y\":3}");
}

static void unknown_fields_are_ignored_but_must_be_json(void **state)
{
	taken(*state, "{\"x\":1e400,\"scheduleId\":2,\"y\":{\"scheduleId\":\"no\"},\"z\":[null]}");
	refused(*state, "{\"scheduleId\":2,\"x\":NaN}", JSON_NOT_JSON, "", "not a JSON object");
	refused(*state, "{\"scheduleId\":2,\"x\":'a'}", JSON_NOT_JSON, "", "not a JSON object");
}

static void seats_are_named_by_few_characters(void **state)
{
	static const char message[] = "1 to 20 of A-Z a-z 0-9 -";
	refused(*state, "{\"scheduleId\":2,\"seatNo\":\"\"}", JSON_BAD, "seatNo", message);
	refused(*state, "{\"scheduleId\":2,\"seatNo\":\"A 1\"}", JSON_BAD, "seatNo", message);
	refused(*state, "{\"scheduleId\":2,\"seatNo\":\"A-1\\n\"}", JSON_BAD, "seatNo", message);
	refused(*state, "{\"scheduleId\":2,\"seatNo\":\"123456789012345678901\"}", JSON_BAD, "seatNo", message);
	refused(*state, "{\"scheduleId\":2,\"seatNo\":7}", JSON_BAD, "seatNo", message);
	taken(*state, "{\"scheduleId\":2,\"seatNo\":\"12345678901234567890\"}");
	taken(*state, "{\"scheduleId\":2,\"seatNo\":\"\\u0041-1\"}");
}

static void a_list_of_seats_is_of_different_ones(void **state)
{
	static const char message[] = "1 to 3 different seat numbers, each 1 to 20 of A-Z a-z 0-9 -";
	struct world *w = *state;
	taken(w, "{\"scheduleId\":2,\"seatNos\":[\"A-1\",\"A-2\",\"A-3\"]}");
	assert_int_equal(w->got.count, 3);
	assert_string_equal(w->got.seats[2].s, "A-3");
	refused(w, "{\"scheduleId\":2,\"seatNos\":[]}", JSON_BAD, "seatNos", message);
	refused(w, "{\"scheduleId\":2,\"seatNos\":\"A-1\"}", JSON_BAD, "seatNos", message);
	refused(w, "{\"scheduleId\":2,\"seatNos\":[\"A-1\",\"A-1\"]}", JSON_BAD, "seatNos", message);
	refused(w, "{\"scheduleId\":2,\"seatNos\":[\"A-1\",\"\\u0041-1\"]}", JSON_BAD, "seatNos", message);
	refused(w, "{\"scheduleId\":2,\"seatNos\":[\"A-1\",null]}", JSON_BAD, "seatNos", message);
	refused(w, "{\"scheduleId\":2,\"seatNos\":[\"A\",\"B\",\"C\",\"D\"]}", JSON_BAD, "seatNos", message);
}

static void more_seats_than_fit_are_counted_where_asked_for(void **state)
{
	struct world *w = *state;
	taken(w, "{\"scheduleId\":2,\"many\":[\"A\",\"B\",\"C\",\"D\"]}");
	assert_int_equal(w->got.many_count, 4);
	assert_string_equal(w->got.many[1].s, "B");
	refused(w, "{\"scheduleId\":2,\"many\":[\"A\",\"B\",\"A\"]}", JSON_BAD, "many",
		"different seat numbers, each 1 to 20 of A-Z a-z 0-9 -");
}

static void lengths_are_in_characters_or_in_bytes(void **state)
{
	struct world *w = *state;
	taken(w,
		"{\"scheduleId\":2,\"name\":\"\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c"
		"\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c\xf0\x9f\x98\x80\"}");
	assert_int_equal(strlen(w->got.name), 31);
	refused(w, "{\"scheduleId\":2,\"name\":\"12345678901\"}", JSON_BAD, "name", "1 to 10 characters");
	refused(w, "{\"scheduleId\":2,\"name\":\"\"}", JSON_BAD, "name", "1 to 10 characters");
	refused(w, "{\"scheduleId\":2,\"secret\":\"\xed\x95\x9c\xed\x95\x9c\xed\x95\x9c\"}", JSON_BAD, "secret",
		"2 to 8 bytes");
	refused(w, "{\"scheduleId\":2,\"secret\":\"1\"}", JSON_BAD, "secret", "2 to 8 bytes");
}

static void words_uuids_times_and_switches_are_exact(void **state)
{
	refused(*state, "{\"scheduleId\":2,\"status\":\"paid\"}", JSON_BAD, "status", "one of READY PAID CANCELLED FAILED");
	refused(*state, "{\"scheduleId\":2,\"status\":\"?\"}", JSON_BAD, "status", "one of READY PAID CANCELLED FAILED");
	refused(*state, "{\"scheduleId\":2,\"status\":1}", JSON_BAD, "status", "one of READY PAID CANCELLED FAILED");
	refused(*state, "{\"scheduleId\":2,\"orderNo\":\"0193a3b4\"}", JSON_BAD, "orderNo", "a UUID");
	refused(*state, "{\"scheduleId\":2,\"orderNo\":7}", JSON_BAD, "orderNo", "a UUID");
	refused(*state, "{\"scheduleId\":2,\"paused\":\"true\"}", JSON_BAD, "paused", "true or false");
	refused(*state, "{\"scheduleId\":2,\"paused\":1}", JSON_BAD, "paused", "true or false");
	refused(*state, "{\"scheduleId\":2,\"at\":\"2026-02-30T00:00:00Z\"}", JSON_BAD, "at",
		"a time such as 2026-11-21T20:00:00.000Z");
	refused(*state, "{\"scheduleId\":2,\"at\":0}", JSON_BAD, "at", "a time such as 2026-11-21T20:00:00.000Z");
}

static void null_is_welcome_only_where_the_row_says_so(void **state)
{
	struct world *w = *state;
	taken(w, "{\"scheduleId\":2,\"at\":null,\"orderNo\":null}");
	assert_true(w->got.at_ms == TIME_NONE);
	assert_true(w->got.has_at);
	assert_true(uuid_is_nil(&w->got.order));
	refused(w, "{\"scheduleId\":2,\"seatNo\":null}", JSON_BAD, "seatNo", "1 to 20 of A-Z a-z 0-9 -");
	assert_false(w->got.has_seat);
}

static void objects_within_name_their_place(void **state)
{
	struct world *w = *state;
	taken(w, "{\"scheduleId\":2,\"sections\":[{\"section\":\"A\",\"price\":1},{\"price\":0,\"section\":\"B\"}]}");
	assert_int_equal(w->got.sections_count, 2);
	assert_string_equal(w->got.sections[1].name, "B");
	refused(w, "{\"scheduleId\":2,\"sections\":[{\"section\":\"A\",\"price\":1},{\"section\":\"B\",\"price\":1.5}]}",
		JSON_BAD, "sections[1].price", "an integer from 0 to 9007199254740991");
	refused(w, "{\"scheduleId\":2,\"sections\":[{\"section\":\"A\"}]}", JSON_MISSING, "sections[0].price", "required");
	refused(w, "{\"scheduleId\":2,\"sections\":[7]}", JSON_BAD, "sections[0]", "an object");
	refused(w, "{\"scheduleId\":2,\"sections\":[]}", JSON_BAD, "sections", "an array of 1 to 2 objects");
	refused(w, "{\"scheduleId\":2,\"sections\":[1,2,3]}", JSON_BAD, "sections", "an array of 1 to 2 objects");
	refused(w, "{\"scheduleId\":2,\"sections\":null}", JSON_BAD, "sections", "an array of 1 to 2 objects");
}

static void every_bad_field_is_told_of(void **state)
{
	struct world *w = *state;
	assert_false(decode(w, "{\"userId\":0,\"seatNo\":\"?\",\"paused\":1,\"paused\":true}"));
	assert_int_equal(w->errors.count, 4);
	assert_string_equal(w->errors.error[0].field, "paused");
	assert_string_equal(w->errors.error[1].field, "scheduleId");
	assert_string_equal(w->errors.error[2].field, "userId");
	assert_string_equal(w->errors.error[3].field, "seatNo");
}

static void a_decoder_forgets_what_it_choked_on(void **state)
{
	refused(*state, "{\"scheduleId\":", JSON_NOT_JSON, "", "not a JSON object");
	refused(*state, "{\"a\":1,\"a\":2,\"scheduleId\":2}", JSON_DUPLICATE, "a", "given twice");
	taken(*state, "{\"scheduleId\":2}");
}

static void a_body_full_of_keys_is_no_trouble(void **state)
{
	static char body[65536];
	struct world *w = *state;
	size_t n = (size_t)snprintf(body, sizeof body, "{\"scheduleId\":2");
	for (int i = 0; n < sizeof body - 100; i++) n += (size_t)snprintf(body + n, 100, ",\"k%d\":%d", i, i);
	memcpy(body + n, "}", 2);
	taken(w, body);
	memcpy(body + n, ",\"k0\":1}", 9);
	refused(w, body, JSON_DUPLICATE, "", "a field is given twice"); /* beyond the keys that are looked at */
	char key[300];
	memset(key, 'k', sizeof key);
	snprintf(body, sizeof body, "{\"scheduleId\":2,\"%.299s\":1,\"%.299s\":1}", key, key);
	refused(w, body, JSON_DUPLICATE, "", "a field is given twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_becomes_a_struct),
		cmocka_unit_test(an_absent_optional_field_is_left_alone),
		cmocka_unit_test(a_required_one_is_missed),
		cmocka_unit_test(what_is_no_object_has_no_field),
		cmocka_unit_test(an_integer_is_one_by_its_text),
		cmocka_unit_test(a_field_may_not_come_twice),
		cmocka_unit_test(unknown_fields_are_ignored_but_must_be_json),
		cmocka_unit_test(seats_are_named_by_few_characters),
		cmocka_unit_test(a_list_of_seats_is_of_different_ones),
		cmocka_unit_test(more_seats_than_fit_are_counted_where_asked_for),
		cmocka_unit_test(lengths_are_in_characters_or_in_bytes),
		cmocka_unit_test(words_uuids_times_and_switches_are_exact),
		cmocka_unit_test(null_is_welcome_only_where_the_row_says_so),
		cmocka_unit_test(objects_within_name_their_place),
		cmocka_unit_test(every_bad_field_is_told_of),
		cmocka_unit_test(a_decoder_forgets_what_it_choked_on),
		cmocka_unit_test(a_body_full_of_keys_is_no_trouble),
	};
	return cmocka_run_group_tests(tests, make, discard);
}
