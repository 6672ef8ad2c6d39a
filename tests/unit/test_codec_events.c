/* The codecs of both events: what is written is what the contract shows, and what is read is judged by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_codec.h"
#include "adapter/json/payment_completed_codec.h"
#include "adapter/json/reservation_decided_codec.h"
#include "event/traceparent.h"
#include "runtime/buf.h"

#define EVENT_ID "0193a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"
#define ORDER_NO "0193a3b4-5c6d-7e8f-9a0b-000000000001"
#define AT "2026-11-21T20:00:00.123Z"

static const char PAYMENT[] =
	"{\"eventId\":\"" EVENT_ID "\",\"eventType\":\"PaymentCompletedEvent\",\"version\":1,"
	"\"occurredAt\":\"" AT "\",\"orderNo\":\"" ORDER_NO "\",\"userId\":7,\"scheduleId\":42,\"seatNo\":\"A-1\","
	"\"amount\":120000,\"method\":\"CARD\"}";
static const char DECIDED[] =
	"{\"eventId\":\"" EVENT_ID "\",\"eventType\":\"ReservationRejectedEvent\",\"version\":1,"
	"\"occurredAt\":\"" AT "\",\"orderNo\":\"" ORDER_NO "\",\"reservationId\":null,\"userId\":7,\"scheduleId\":42,"
	"\"seatNo\":\"A-1\",\"amount\":120000,\"reason\":\"SEAT_TAKEN\"}";

static int make(void **state)
{
	*state = json_decoder_create();
	return 0;
}

static int discard(void **state)
{
	json_decoder_destroy(*state);
	return 0;
}

/* `text` with its first `from` replaced; the caller frees. */
static char *with(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	assert_non_null(at);
	char *out = malloc(strlen(text) + strlen(to) + 1);
	assert_non_null(out);
	size_t head = (size_t)(at - text);
	memcpy(out, text, head);
	strcpy(stpcpy(out + head, to), at + strlen(from));
	return out;
}

static void judged(struct json_decoder *d, const char *from, const char *to, enum event_fault want)
{
	struct payment_completed got, before;
	memset(&got, 0x5a, sizeof got);
	before = got;
	char *body = with(PAYMENT, from, to);
	enum event_fault fault = payment_completed_decode(d, body, strlen(body), &got);
	if (fault != want) fail_msg("%s: %s, not %s", body, EVENT_FAULT_NAME[fault], EVENT_FAULT_NAME[want]);
	if (want != EVENT_FINE) assert_memory_equal(&got, &before, sizeof got);
	free(body);
}

static void a_payment_reads_and_writes_as_the_contract_shows(void **state)
{
	struct payment_completed e;
	struct buf b;
	assert_int_equal(payment_completed_decode(*state, PAYMENT, sizeof PAYMENT - 1, &e), EVENT_FINE);
	assert_int_equal(e.user, 7);
	assert_int_equal(e.schedule, 42);
	assert_int_equal(e.amount_krw, 120000);
	assert_string_equal(e.seat.s, "A-1");
	assert_int_equal(e.method, METHOD_CARD);
	assert_int_equal(e.occurred_at_ms % 1000, 123);
	assert_string_equal(e.traceparent, "");
	buf_init(&b, NULL);
	payment_completed_encode(&e, &b);
	assert_string_equal(buf_cstr(&b), PAYMENT);
	buf_finish(&b);
}

static void unknown_fields_and_any_order_are_fine(void **state)
{
	judged(*state, "{\"eventId\"", "{\"more\":{\"a\":[1]},\"eventId\"", EVENT_FINE);
	judged(*state, ",\"method\":\"CARD\"}", ",\"method\":\"POINT\",\"pgTid\":\"x\"}", EVENT_FINE);
	judged(*state, AT, "2026-11-22T05:00:00+09:00", EVENT_FINE);
	judged(*state, "\"amount\":120000", "\"amount\":0", EVENT_FINE);
	judged(
		*state, EVENT_ID, "f47ac10b-58cc-4372-a567-0e02b2c3d479", EVENT_FINE); /* any producer, any version of UUID */
}

static void what_is_not_json_is_not(void **state)
{
	struct payment_completed e;
	assert_int_equal(payment_completed_decode(*state, NULL, 0, &e), EVENT_NOT_JSON);
	assert_int_equal(payment_completed_decode(*state, "", 0, &e), EVENT_NOT_JSON);
	judged(*state, PAYMENT, "[]", EVENT_NOT_JSON);
	judged(*state, PAYMENT, "poison", EVENT_NOT_JSON);
	judged(*state, "\"A-1\"", "\"A-\\u0000\"", EVENT_NOT_JSON);
	judged(*state, "\"A-1\"", "'A-1'", EVENT_NOT_JSON);
	judged(*state, "120000", "NaN", EVENT_NOT_JSON);
}

static void each_field_is_needed(void **state)
{
	static const char *const KEYS[] = {"\"eventId\"", "\"eventType\"", "\"version\"", "\"occurredAt\"", "\"orderNo\"",
		"\"userId\"", "\"scheduleId\"", "\"seatNo\"", "\"amount\"", "\"method\""};
	for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) judged(*state, KEYS[i], "\"other\"", EVENT_MISSING_FIELD);
	judged(*state, PAYMENT, "{}", EVENT_MISSING_FIELD);
}

static void each_field_has_its_bounds(void **state)
{
	judged(*state, EVENT_ID, "7", EVENT_BAD_FIELD);
	judged(*state, ORDER_NO, "", EVENT_BAD_FIELD);
	judged(*state, AT, "yesterday", EVENT_BAD_FIELD);
	judged(*state, "\"userId\":7", "\"userId\":\"7\"", EVENT_BAD_FIELD);
	judged(*state, "\"userId\":7", "\"userId\":0", EVENT_BAD_FIELD);
	judged(*state, "\"userId\":7", "\"userId\":9007199254740992", EVENT_BAD_FIELD);
	judged(*state, "\"scheduleId\":42", "\"scheduleId\":42.0", EVENT_BAD_FIELD);
	judged(*state, "\"A-1\"", "\"A_1\"", EVENT_BAD_FIELD);
	judged(*state, "\"A-1\"", "null", EVENT_BAD_FIELD);
	judged(*state, "120000", "-1", EVENT_BAD_FIELD);
	judged(*state, "120000", "1.2e5", EVENT_BAD_FIELD);
	judged(*state, "CARD", "CASH", EVENT_BAD_FIELD);
	judged(*state, "\"version\":1", "\"version\":\"1\"", EVENT_BAD_FIELD);
	judged(*state, "\"userId\":7", "\"userId\":7,\"userId\":7", EVENT_DUPLICATE_FIELD);
	judged(*state, "\"userId\":7", "\"userId\":7,\"\\u0075serId\":8", EVENT_DUPLICATE_FIELD);
}

static void another_version_or_type_is_named_as_such(void **state)
{
	judged(*state, "\"version\":1", "\"version\":2", EVENT_UNKNOWN_VERSION);
	judged(*state, "\"version\":1", "\"version\":0", EVENT_UNKNOWN_VERSION);
	judged(*state, "\"version\":1,\"occurredAt\"", "\"version\":2,\"when\"", EVENT_UNKNOWN_VERSION);
	judged(*state, "PaymentCompletedEvent", "PaymentFailedEvent", EVENT_UNKNOWN_TYPE);
	judged(*state, "PaymentCompletedEvent", "paymentCompletedEvent", EVENT_UNKNOWN_TYPE);
}

static void a_decision_reads_and_writes_as_the_contract_shows(void **state)
{
	struct reservation_decided e;
	char reason[REASON_TEXT];
	struct buf b;
	assert_int_equal(reservation_decided_decode(*state, DECIDED, sizeof DECIDED - 1, &e, reason), EVENT_FINE);
	assert_int_equal(e.type, RESERVATION_REJECTED);
	assert_true(uuid_is_nil(&e.reservation_id));
	assert_string_equal(e.reason, "SEAT_TAKEN");
	buf_init(&b, NULL);
	reservation_decided_encode(&e, &b);
	assert_string_equal(buf_cstr(&b), DECIDED);
	buf_finish(&b);
}

static void every_kind_of_decision_goes_both_ways(void **state)
{
	for (unsigned type = 0; type < RESERVATION_EVENTS; type++) {
		struct reservation_decided e = {.type = type, .user = 1, .schedule = 2}, got;
		char reason[REASON_TEXT];
		struct buf b;
		e.event_id.b[0] = e.order_no.b[1] = e.reservation_id.b[2] = 9;
		assert_true(seat_no_parse("A-1", 3, &e.seat));
		buf_init(&b, NULL);
		reservation_decided_encode(&e, &b);
		assert_int_equal(reservation_decided_decode(*state, b.data, b.len, &got, reason), EVENT_FINE);
		assert_int_equal(got.type, type);
		assert_true(uuid_equal(&got.reservation_id, &e.reservation_id));
		assert_null(got.reason);
		buf_finish(&b);
	}
}

static void a_decision_of_another_kind_is_refused(void **state)
{
	struct reservation_decided e;
	char reason[REASON_TEXT];
	assert_int_equal(reservation_decided_decode(*state, PAYMENT, sizeof PAYMENT - 1, &e, reason), EVENT_UNKNOWN_TYPE);
	char *body = with(DECIDED, "\"version\":1", "\"version\":3");
	assert_int_equal(reservation_decided_decode(*state, body, strlen(body), &e, reason), EVENT_UNKNOWN_VERSION);
	free(body);
}

static void every_fault_has_a_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EVENT_FAULTS; i++) assert_non_null(EVENT_FAULT_NAME[i]);
}

static void a_traceparent_is_taken_whole_or_not_at_all(void **state)
{
	static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	static const char *const BAD[] = {
		"",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
	};
	char got[TRACEPARENT_TEXT] = "old";
	(void)state;
	assert_true(traceparent_read(good, sizeof good - 1, got));
	assert_string_equal(got, good);
	static const char later[] = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-will-be";
	assert_true(traceparent_read(later, sizeof later - 1, got));
	assert_string_equal(got, good);
	assert_true(traceparent_read(later, sizeof good - 1, got));
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		assert_false(traceparent_read(BAD[i], strlen(BAD[i]), got));
		assert_string_equal(got, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payment_reads_and_writes_as_the_contract_shows),
		cmocka_unit_test(unknown_fields_and_any_order_are_fine),
		cmocka_unit_test(what_is_not_json_is_not),
		cmocka_unit_test(each_field_is_needed),
		cmocka_unit_test(each_field_has_its_bounds),
		cmocka_unit_test(another_version_or_type_is_named_as_such),
		cmocka_unit_test(a_decision_reads_and_writes_as_the_contract_shows),
		cmocka_unit_test(every_kind_of_decision_goes_both_ways),
		cmocka_unit_test(a_decision_of_another_kind_is_refused),
		cmocka_unit_test(every_fault_has_a_word),
		cmocka_unit_test(a_traceparent_is_taken_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, make, discard);
}
