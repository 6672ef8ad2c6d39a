#include "adapter/json/json_value.h"

#include <stdio.h>
#include <string.h>

#include "adapter/json/json_scalar.h"
#include "runtime/when.h"

static bool is(struct json_object *v, enum json_type type)
{
	return json_object_get_type(v) == type;
}

/* An integer saturates at the ends of int64_t, which the bounds of fields exclude. */
static struct json_scalar scalar_of(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_int: return (struct json_scalar){.type = JSON_SCALAR_INT, .i = json_object_get_int64(v)};
	case json_type_boolean: return (struct json_scalar){.type = JSON_SCALAR_BOOL, .i = json_object_get_boolean(v)};
	case json_type_string:
		return (struct json_scalar){
			.type = JSON_SCALAR_TEXT, .s = json_object_get_string(v), .len = (size_t)json_object_get_string_len(v)};
	default: return (struct json_scalar){.type = JSON_SCALAR_OTHER};
	}
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
		struct json_scalar element = scalar_of(json_object_array_get_idx(v, i));
		struct seat_no seat;
		if (!json_seat_read(&element, &seat)) return false;
		if (seat_among(&seat, seats, i < stored ? i : stored)) return false;
		if (i < stored) seats[i] = seat;
	}
	memcpy(base + f->count, &(unsigned){(unsigned)n}, sizeof(unsigned));
	return true;
}

static void expect_seats(const struct json_field *f, char *out)
{
	if (f->flags & JSON_COUNTS_ON)
		snprintf(out, JSON_MESSAGE_MAX, "different seat numbers, each 1 to %d of A-Z a-z 0-9 -", SEAT_NO_MAX);
	else
		snprintf(out, JSON_MESSAGE_MAX, "1 to %u different seat numbers, each 1 to %d of A-Z a-z 0-9 -", f->cap,
			SEAT_NO_MAX);
}

static void expect_objects(const struct json_field *f, char *out)
{
	snprintf(out, JSON_MESSAGE_MAX, "an array of 1 to %u objects", f->cap);
}

static void expected(const struct json_field *f, char out[JSON_MESSAGE_MAX])
{
	if (f->kind == JSON_KIND_SEATS) expect_seats(f, out);
	else if (f->kind == JSON_KIND_OBJECTS) expect_objects(f, out);
	else json_scalar_expected(f, out);
}

static bool read_one(const struct json_field *f, struct json_object *v, char *to, char *base)
{
	if (f->kind == JSON_KIND_SEATS) return read_seats(f, v, to, base);
	struct json_scalar scalar = scalar_of(v);
	return json_scalar_read(f, &scalar, to);
}

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

static bool read_objects(
	struct json_reading *r, const struct json_field *f, struct json_object *v, char *to, char *base);

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
	} else if (read_one(f, value, to, base)) {
		return true;
	}
	char wanted[JSON_MESSAGE_MAX];
	expected(f, wanted);
	json_refuse(r, JSON_BAD, f->key, wanted);
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
