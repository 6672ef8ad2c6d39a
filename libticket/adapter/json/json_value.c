#include "adapter/json/json_value.h"

#include <stdio.h>
#include <string.h>

#include "runtime/when.h"

/* How a kind is read, and how the client is told what it should have been. */
struct kind {
	bool (*read)(const struct json_field *f, struct json_object *v, char *to, char *base);
	void (*expected)(const struct json_field *f, char out[JSON_MESSAGE_MAX]);
};

static bool is(struct json_object *v, enum json_type type)
{
	return json_object_get_type(v) == type;
}

static bool read_int(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)base;
	if (!is(v, json_type_int)) return false;
	int64_t i = json_object_get_int64(v); /* saturates; the bounds exclude the ends */
	if (i < f->min || i > f->max) return false;
	memcpy(to, &i, sizeof i);
	return true;
}

static int64_t characters(const char *s, size_t n)
{
	int64_t count = 0;
	for (size_t i = 0; i < n; i++) count += (s[i] & 0xc0) != 0x80;
	return count;
}

static bool read_text(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)base;
	if (!is(v, json_type_string)) return false;
	const char *s = json_object_get_string(v);
	size_t n = (size_t)json_object_get_string_len(v);
	int64_t length = f->kind == JSON_KIND_TEXT ? characters(s, n) : (int64_t)n;
	if (length < f->min || length > f->max || n >= f->cap) return false;
	memcpy(to, s, n);
	to[n] = 0;
	return true;
}

static bool parse_seat(struct json_object *v, struct seat_no *ret)
{
	return is(v, json_type_string) &&
		seat_no_parse(json_object_get_string(v), (size_t)json_object_get_string_len(v), ret);
}

static bool read_seat(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)f;
	(void)base;
	struct seat_no seat;
	if (!parse_seat(v, &seat)) return false;
	memcpy(to, &seat, sizeof seat);
	return true;
}

static bool seat_among(const struct seat_no *seat, const struct seat_no *seats, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seat_no_equal(seat, &seats[i])) return true;
	return false;
}

static bool read_seats(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	if (!is(v, json_type_array)) return false;
	size_t n = json_object_array_length(v);
	size_t stored = n < f->cap ? n : f->cap;
	if (n == 0 || (n > f->cap && !(f->flags & JSON_COUNTS_ON))) return false;
	struct seat_no *seats = (struct seat_no *)(void *)to;
	for (size_t i = 0; i < n; i++) {
		struct seat_no seat;
		if (!parse_seat(json_object_array_get_idx(v, i), &seat)) return false;
		if (seat_among(&seat, seats, i < stored ? i : stored)) return false;
		if (i < stored) seats[i] = seat;
	}
	memcpy(base + f->count, &(unsigned){(unsigned)n}, sizeof(unsigned));
	return true;
}

static bool read_uuid(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)f;
	(void)base;
	struct uuid u;
	if (!is(v, json_type_string)) return false;
	if (!uuid_parse(json_object_get_string(v), (size_t)json_object_get_string_len(v), &u)) return false;
	memcpy(to, &u, sizeof u);
	return true;
}

static bool names_something(const char *w)
{
	return w && strcmp(w, "?") != 0;
}

static bool read_enum(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)base;
	if (!is(v, json_type_string)) return false;
	const char *s = json_object_get_string(v);
	for (int i = 0; i < (int)f->words_count; i++) {
		if (!names_something(f->words[i]) || strcmp(f->words[i], s) != 0) continue;
		memcpy(to, &i, sizeof i);
		return true;
	}
	return false;
}

static bool read_bool(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)f;
	(void)base;
	if (!is(v, json_type_boolean)) return false;
	bool b = json_object_get_boolean(v);
	memcpy(to, &b, sizeof b);
	return true;
}

static bool read_time(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	(void)f;
	(void)base;
	int64_t ms;
	if (!is(v, json_type_string)) return false;
	if (!when_parse(json_object_get_string(v), (size_t)json_object_get_string_len(v), &ms)) return false;
	memcpy(to, &ms, sizeof ms);
	return true;
}

static void expect_int(const struct json_field *f, char *out)
{
	snprintf(out, JSON_MESSAGE_MAX, "an integer from %lld to %lld", (long long)f->min, (long long)f->max);
}

static void expect_text(const struct json_field *f, char *out)
{
	const char *unit = f->kind == JSON_KIND_TEXT ? "characters" : "bytes";
	snprintf(out, JSON_MESSAGE_MAX, "%lld to %lld %s", (long long)f->min, (long long)f->max, unit);
}

static void expect_seat(const struct json_field *f, char *out)
{
	(void)f;
	snprintf(out, JSON_MESSAGE_MAX, "1 to %d of A-Z a-z 0-9 -", SEAT_NO_MAX);
}

static void expect_seats(const struct json_field *f, char *out)
{
	if (f->flags & JSON_COUNTS_ON)
		snprintf(out, JSON_MESSAGE_MAX, "different seat numbers, each 1 to %d of A-Z a-z 0-9 -", SEAT_NO_MAX);
	else
		snprintf(out, JSON_MESSAGE_MAX, "1 to %u different seat numbers, each 1 to %d of A-Z a-z 0-9 -", f->cap,
			SEAT_NO_MAX);
}

static void expect_uuid(const struct json_field *f, char *out)
{
	(void)f;
	snprintf(out, JSON_MESSAGE_MAX, "a UUID");
}

static void expect_enum(const struct json_field *f, char *out)
{
	int n = snprintf(out, JSON_MESSAGE_MAX, "one of");
	for (uint32_t i = 0; i < f->words_count && n < JSON_MESSAGE_MAX; i++)
		if (names_something(f->words[i])) n += snprintf(out + n, JSON_MESSAGE_MAX - (size_t)n, " %s", f->words[i]);
}

static void expect_bool(const struct json_field *f, char *out)
{
	(void)f;
	snprintf(out, JSON_MESSAGE_MAX, "true or false");
}

static void expect_time(const struct json_field *f, char *out)
{
	(void)f;
	snprintf(out, JSON_MESSAGE_MAX, "a time such as 2026-11-21T20:00:00.000Z");
}

static void expect_objects(const struct json_field *f, char *out)
{
	snprintf(out, JSON_MESSAGE_MAX, "an array of 1 to %u objects", f->cap);
}

static bool read_objects(
	struct json_reading *r, const struct json_field *f, struct json_object *v, char *to, char *base);

static const struct kind KIND[JSON_KINDS] = {
	[JSON_KIND_INT] = {read_int, expect_int},
	[JSON_KIND_TEXT] = {read_text, expect_text},
	[JSON_KIND_BYTES] = {read_text, expect_text},
	[JSON_KIND_SEAT] = {read_seat, expect_seat},
	[JSON_KIND_SEATS] = {read_seats, expect_seats},
	[JSON_KIND_UUID] = {read_uuid, expect_uuid},
	[JSON_KIND_ENUM] = {read_enum, expect_enum},
	[JSON_KIND_BOOL] = {read_bool, expect_bool},
	[JSON_KIND_TIME] = {read_time, expect_time},
	[JSON_KIND_OBJECTS] = {NULL, expect_objects}, /* needs the errors: read_objects */
};

static size_t null_size(const struct json_field *f)
{
	switch (f->kind) {
	case JSON_KIND_INT: return sizeof(int64_t);
	case JSON_KIND_SEAT: return sizeof(struct seat_no);
	case JSON_KIND_UUID: return sizeof(struct uuid);
	case JSON_KIND_ENUM: return sizeof(int);
	default: return 1; /* an empty text, false; no elements: their count is set apart */
	}
}

static void read_null(const struct json_field *f, char *to, char *base)
{
	const int64_t none = TIME_NONE;
	if (f->kind == JSON_KIND_TIME) memcpy(to, &none, sizeof none);
	else if (f->kind == JSON_KIND_SEATS || f->kind == JSON_KIND_OBJECTS) memset(base + f->count, 0, sizeof(unsigned));
	else memset(to, 0, null_size(f));
}

bool json_value_read(
	struct json_reading *r, const struct json_field *f, struct json_object *value, char *to, char *base)
{
	if (!value && (f->flags & JSON_NULLABLE)) {
		read_null(f, to, base);
		return true;
	}
	if (f->kind == JSON_KIND_OBJECTS && is(value, json_type_array)) {
		size_t n = json_object_array_length(value);
		if (n > 0 && n <= f->cap) return read_objects(r, f, value, to, base);
	} else if (f->kind != JSON_KIND_OBJECTS && KIND[f->kind].read(f, value, to, base)) {
		return true;
	}
	char expected[JSON_MESSAGE_MAX];
	KIND[f->kind].expected(f, expected);
	json_refuse(r, JSON_BAD, f->key, expected);
	return false;
}

static bool read_objects(
	struct json_reading *r, const struct json_field *f, struct json_object *v, char *to, char *base)
{
	unsigned before = r->errors->count, n = (unsigned)json_object_array_length(v);
	for (unsigned i = 0; i < n; i++) {
		char prefix[JSON_PATH_MAX];
		struct json_object *element = json_object_array_get_idx(v, i);
		if (is(element, json_type_object)) {
			snprintf(prefix, sizeof prefix, "%s%s[%u].", r->prefix, f->key, i);
			json_object_read(&(struct json_reading){r->errors, prefix}, element, f->fields, f->fields_count,
				to + (size_t)i * f->stride);
		} else {
			snprintf(prefix, sizeof prefix, "%s[%u]", f->key, i);
			json_refuse(r, JSON_BAD, prefix, "an object");
		}
	}
	memcpy(base + f->count, &n, sizeof n);
	return r->errors->count == before;
}
