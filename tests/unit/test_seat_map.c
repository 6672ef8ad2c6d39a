#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/app/seat_map.h"

static void *must(void *p)
{
	assert_non_null(p);
	return p;
}

static struct seat_plan *plan_of(uint32_t count, const char *section)
{
	struct seat *seats = must(calloc(count + 1, sizeof *seats));

	for (uint32_t i = 0; i < count; i++) {
		char no[SEAT_NO_MAX + 1];
		int n = snprintf(no, sizeof no, "A-%u", i + 1);

		assert_true(seat_no_parse(no, (size_t)n, &seats[i].no));
		seats[i].grade = i % 2 ? GRADE_R : GRADE_VIP;
		seats[i].price_krw = 150000;
		snprintf(seats[i].section, sizeof seats[i].section, "%s", section);
	}
	return seat_plan_create(seats, count);
}

static uint8_t *statuses(const struct seat_plan *p, uint8_t all)
{
	uint8_t *s = must(malloc(p->count + 1));

	memset(s, all, p->count + 1);
	return s;
}

static uint8_t *statuses_like(const struct seat_map *m)
{
	uint8_t *s = must(malloc(m->plan->count + 1));

	memcpy(s, m->status, m->plan->count);
	return s;
}

static char *gunzip(const struct seat_body *b, size_t *ret_len)
{
	size_t cap = b->json_len + 100;
	char *out = must(malloc(cap));
	z_stream z = {
		.next_in = (Bytef *)b->gzip, .avail_in = (uInt)b->gzip_len, .next_out = (Bytef *)out, .avail_out = (uInt)cap};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* checks the checksum and the length, too */
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	*ret_len = z.total_out;
	inflateEnd(&z);
	return out;
}

static void assert_gunzips(const struct seat_map *m)
{
	for (int which = 0; which < SEATS_BODIES; which++) {
		size_t len;
		char *out = gunzip(&m->body[which], &len);

		assert_int_equal(len, m->body[which].json_len);
		assert_memory_equal(out, m->body[which].json, len);
		free(out);
	}
}

static void assert_same(const struct seat_map *a, const struct seat_map *b)
{
	for (int which = 0; which < SEATS_BODIES; which++) {
		const struct seat_body *x = &a->body[which], *y = &b->body[which];

		assert_int_equal(x->json_len, y->json_len);
		assert_memory_equal(x->json, y->json, x->json_len);
		assert_int_equal(x->gzip_len, y->gzip_len);
		assert_memory_equal(x->gzip, y->gzip, x->gzip_len);
		assert_string_equal(x->etag, y->etag);
		assert_string_equal(x->gzip_etag, y->gzip_etag);
	}
	assert_int_equal(a->whole_len, b->whole_len);
	assert_memory_equal(a->whole, b->whole, a->whole_len);
}

static void assert_text(const char *text, size_t len, const char *expected)
{
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
}

static void bodies_are_as_the_contract_has_them(void **state)
{
	struct seat_plan *p = plan_of(3, "A");
	uint8_t *s = statuses(p, SEAT_AVAILABLE);
	struct seat_map *m;

	(void)state;
	s[0] = SEAT_HOLD;
	s[1] = SEAT_SOLD_OUT;
	m = seat_map_build(2, p, s, NULL);
	assert_text(m->body[SEATS_ALL].json, m->body[SEATS_ALL].json_len,
		"{\"scheduleId\":2,\"seats\":["
		"{\"seatNo\":\"A-1\",\"section\":\"A\",\"grade\":\"VIP\",\"price\":150000,\"status\":\"HOLD\"},"
		"{\"seatNo\":\"A-2\",\"section\":\"A\",\"grade\":\"R\",\"price\":150000,\"status\":\"SOLD_OUT\"},"
		"{\"seatNo\":\"A-3\",\"section\":\"A\",\"grade\":\"VIP\",\"price\":150000,\"status\":\"AVAILABLE\"}]}");
	assert_text(m->body[SEATS_AVAILABLE].json, m->body[SEATS_AVAILABLE].json_len,
		"{\"scheduleId\":2,\"seats\":["
		"{\"seatNo\":\"A-3\",\"section\":\"A\",\"grade\":\"VIP\",\"price\":150000,\"status\":\"AVAILABLE\"}]}");
	assert_text(m->whole, m->whole_len,
		"[{\"seatNo\":\"A-1\",\"status\":\"HOLD\"},{\"seatNo\":\"A-2\",\"status\":\"SOLD_OUT\"},"
		"{\"seatNo\":\"A-3\",\"status\":\"AVAILABLE\"}]");
	assert_null(m->delta);
	assert_int_equal(m->version, 1);
	assert_int_equal(m->remaining[GRADE_VIP], 1);
	assert_int_equal(m->remaining[GRADE_R], 0);
	assert_gunzips(m);
	seat_map_unref(m);
	seat_plan_unref(p);
}

/* Written down: another process, another seed of its hashes or another daemon must come to the same. */
static void etags_are_the_same_everywhere(void **state)
{
	struct seat_plan *p = plan_of(3, "A");
	struct seat_map *m = seat_map_build(2, p, statuses(p, SEAT_AVAILABLE), NULL);

	(void)state;
	assert_string_equal(m->body[SEATS_ALL].etag, "\"a6a42af00cd6981006401ad477c1e506\"");
	assert_string_equal(m->body[SEATS_ALL].gzip_etag, "\"a6a42af00cd6981006401ad477c1e506-gz\"");
	assert_memory_equal(m->body[SEATS_ALL].gzip, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10); /* no time, no system */
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void nothing_changed_is_no_version(void **state)
{
	struct seat_plan *p = plan_of(300, "A");
	struct seat_map *m = seat_map_build(2, p, statuses(p, SEAT_AVAILABLE), NULL);

	(void)state;
	assert_null(seat_map_build(2, p, statuses_like(m), m));
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void a_delta_has_what_changed_and_no_more(void **state)
{
	struct seat_plan *p = plan_of(1000, "A");
	struct seat_map *first = seat_map_build(2, p, statuses(p, SEAT_AVAILABLE), NULL), *next;
	uint8_t *s = statuses_like(first);

	(void)state;
	s[6] = SEAT_HOLD;
	s[999] = SEAT_SOLD_OUT;
	next = seat_map_build(2, p, s, first);
	assert_text(next->delta, next->delta_len,
		"[{\"seatNo\":\"A-7\",\"status\":\"HOLD\"},{\"seatNo\":\"A-1000\",\"status\":\"SOLD_OUT\"}]");
	assert_int_equal(next->version, 2);
	assert_string_not_equal(first->body[SEATS_ALL].etag, next->body[SEATS_ALL].etag);
	assert_int_equal(next->remaining[GRADE_VIP] + next->remaining[GRADE_R], 998);
	seat_map_unref(first);
	seat_map_unref(next);
	seat_plan_unref(p);
}

/* Pieces copied from the version before must give the bytes that a build from nothing gives. */
static void history_leaves_no_trace_in_the_bytes(void **state)
{
	struct seat_plan *p = plan_of(2000, "A");
	struct seat_map *m = seat_map_build(2, p, statuses(p, SEAT_AVAILABLE), NULL);
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 60; round++) {
		uint8_t *s = statuses_like(m);
		int changes = round % 7 == 0 ? 1500 : 3;
		struct seat_map *next, *fresh;

		if (round == 20) memset(s, SEAT_SOLD_OUT, 600); /* whole pieces without an available seat, at the start */
		if (round == 40) memset(s, SEAT_SOLD_OUT, p->count);
		for (int i = 0; i < changes && round != 40; i++) s[rand_r(&seed) % p->count] = (uint8_t)(rand_r(&seed) % 3);
		if (!(next = seat_map_build(2, p, s, m))) continue;
		fresh = seat_map_build(2, p, statuses_like(next), NULL);
		assert_same(next, fresh);
		assert_gunzips(next);
		seat_map_unref(fresh);
		seat_map_unref(m);
		m = next;
	}
	seat_map_unref(m);
	seat_plan_unref(p);
}

/* A piece that did not change itself may become the body's first, or no longer be it. */
static void the_first_available_seat_has_no_comma(void **state)
{
	struct seat_plan *p = plan_of(3 * SEAT_PIECE, "A");
	struct seat_map *m = seat_map_build(2, p, statuses(p, SEAT_AVAILABLE), NULL);

	(void)state;
	for (int sold = 1; sold >= 0; sold--) {
		uint8_t *s = statuses(p, SEAT_AVAILABLE);
		struct seat_map *next, *fresh;

		memset(s, sold ? SEAT_SOLD_OUT : SEAT_AVAILABLE, SEAT_PIECE);
		next = seat_map_build(2, p, s, m);
		fresh = seat_map_build(2, p, statuses_like(next), NULL);
		assert_same(next, fresh);
		seat_map_unref(fresh);
		seat_map_unref(m);
		m = next;
	}
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void fifty_thousand_seats_parse_and_gunzip(void **state)
{
	struct seat_plan *p = plan_of(50000, "D");
	uint8_t *s = statuses(p, SEAT_AVAILABLE);
	struct seat_map *m;
	struct json_object *body, *seats;

	(void)state;
	for (uint32_t i = 0; i < p->count; i += 3) s[i] = SEAT_SOLD_OUT;
	m = seat_map_build(5, p, s, NULL);
	assert_gunzips(m);
	for (int which = 0; which < SEATS_BODIES; which++) {
		body = must(json_tokener_parse(m->body[which].json)); /* NUL-terminated, too */
		assert_true(json_object_object_get_ex(body, "seats", &seats));
		assert_int_equal(json_object_array_length(seats), which == SEATS_ALL ? 50000 : 33333);
		json_object_put(body);
	}
	assert_true(m->body[SEATS_ALL].gzip_len * 10 < m->body[SEATS_ALL].json_len);
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void no_seats_are_an_empty_list(void **state)
{
	struct seat_plan *p = plan_of(0, "A");
	struct seat_map *m = seat_map_build(9, p, statuses(p, 0), NULL);

	(void)state;
	assert_text(m->body[SEATS_ALL].json, m->body[SEATS_ALL].json_len, "{\"scheduleId\":9,\"seats\":[]}");
	assert_text(m->whole, m->whole_len, "[]");
	assert_gunzips(m);
	assert_null(seat_map_build(9, p, statuses(p, 0), m));
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void any_section_is_valid_json(void **state)
{
	struct seat_plan *p = plan_of(2, "\"\\\n가</b>");
	struct seat_map *m = seat_map_build(9, p, statuses(p, SEAT_HOLD), NULL);
	struct json_object *body = must(json_tokener_parse(m->body[SEATS_ALL].json)), *seats, *section;

	(void)state;
	assert_true(json_object_object_get_ex(body, "seats", &seats));
	assert_true(json_object_object_get_ex(json_object_array_get_idx(seats, 1), "section", &section));
	assert_string_equal(json_object_get_string(section), "\"\\\n가</b>");
	json_object_put(body);
	seat_map_unref(m);
	seat_plan_unref(p);
}

static void seats_that_come_later_are_in_the_delta(void **state)
{
	struct seat_plan *small = plan_of(2, "A"), *large = plan_of(4, "A");
	struct seat_map *first = seat_map_build(2, small, statuses(small, SEAT_HOLD), NULL), *next;
	uint8_t *s = statuses(large, SEAT_HOLD);

	(void)state;
	s[3] = SEAT_AVAILABLE;
	next = seat_map_build(2, large, s, first);
	assert_text(next->delta, next->delta_len,
		"[{\"seatNo\":\"A-3\",\"status\":\"HOLD\"},{\"seatNo\":\"A-4\",\"status\":\"AVAILABLE\"}]");
	seat_map_unref(first);
	seat_map_unref(next);
	seat_plan_unref(small);
	seat_plan_unref(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_as_the_contract_has_them),
		cmocka_unit_test(etags_are_the_same_everywhere),
		cmocka_unit_test(nothing_changed_is_no_version),
		cmocka_unit_test(a_delta_has_what_changed_and_no_more),
		cmocka_unit_test(history_leaves_no_trace_in_the_bytes),
		cmocka_unit_test(the_first_available_seat_has_no_comma),
		cmocka_unit_test(fifty_thousand_seats_parse_and_gunzip),
		cmocka_unit_test(no_seats_are_an_empty_list),
		cmocka_unit_test(any_section_is_valid_json),
		cmocka_unit_test(seats_that_come_later_are_in_the_delta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
