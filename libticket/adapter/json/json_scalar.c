#include "adapter/json/json_scalar.h"

#include <stdio.h>
#include <string.h>

#include "runtime/when.h"

/* How a kind is read, and how the client is told what it should have been. */
struct kind {
	bool (*read)(const struct json_field *f, const struct json_scalar *v, char *to);
	void (*expected)(const struct json_field *f, char out[JSON_MESSAGE_MAX]);
};

static bool read_int(const struct json_field *f, const struct json_scalar *v, char *to)
{
	if (v->type != JSON_SCALAR_INT || v->i < f->min || v->i > f->max) return false;
	memcpy(to, &v->i, sizeof v->i);
	return true;
}

static int64_t characters(const char *s, size_t n)
{
	int64_t count = 0;
	for (size_t i = 0; i < n; i++) count += (s[i] & 0xc0) != 0x80;
	return count;
}

static bool read_text(const struct json_field *f, const struct json_scalar *v, char *to)
{
	if (v->type != JSON_SCALAR_TEXT) return false;
	int64_t length = f->kind == JSON_KIND_TEXT ? characters(v->s, v->len) : (int64_t)v->len;
	if (length < f->min || length > f->max || v->len >= f->cap) return false;
	memcpy(to, v->s, v->len);
	to[v->len] = 0;
	return true;
}

bool json_seat_read(const struct json_scalar *v, struct seat_no *ret)
{
	return v->type == JSON_SCALAR_TEXT && seat_no_parse(v->s, v->len, ret);
}

static bool read_seat(const struct json_field *f, const struct json_scalar *v, char *to)
{
	(void)f;
	struct seat_no seat;
	if (!json_seat_read(v, &seat)) return false;
	memcpy(to, &seat, sizeof seat);
	return true;
}

static bool read_uuid(const struct json_field *f, const struct json_scalar *v, char *to)
{
	(void)f;
	struct uuid u;
	if (v->type != JSON_SCALAR_TEXT || !uuid_parse(v->s, v->len, &u)) return false;
	memcpy(to, &u, sizeof u);
	return true;
}

static bool names_something(const char *w)
{
	return w && strcmp(w, "?") != 0;
}

static bool read_enum(const struct json_field *f, const struct json_scalar *v, char *to)
{
	if (v->type != JSON_SCALAR_TEXT) return false;
	for (int i = 0; i < (int)f->words_count; i++) {
		const char *w = f->words[i];
		if (!names_something(w) || strlen(w) != v->len || memcmp(w, v->s, v->len) != 0) continue;
		memcpy(to, &i, sizeof i);
		return true;
	}
	return false;
}

static bool read_bool(const struct json_field *f, const struct json_scalar *v, char *to)
{
	(void)f;
	if (v->type != JSON_SCALAR_BOOL) return false;
	bool b = v->i != 0;
	memcpy(to, &b, sizeof b);
	return true;
}

static bool read_time(const struct json_field *f, const struct json_scalar *v, char *to)
{
	(void)f;
	int64_t ms;
	if (v->type != JSON_SCALAR_TEXT || !when_parse(v->s, v->len, &ms)) return false;
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

static const struct kind KIND[JSON_KINDS] = {
	[JSON_KIND_INT] = {read_int, expect_int},
	[JSON_KIND_TEXT] = {read_text, expect_text},
	[JSON_KIND_BYTES] = {read_text, expect_text},
	[JSON_KIND_SEAT] = {read_seat, expect_seat},
	[JSON_KIND_UUID] = {read_uuid, expect_uuid},
	[JSON_KIND_ENUM] = {read_enum, expect_enum},
	[JSON_KIND_BOOL] = {read_bool, expect_bool},
	[JSON_KIND_TIME] = {read_time, expect_time},
};

bool json_scalar_read(const struct json_field *f, const struct json_scalar *v, char *to)
{
	return KIND[f->kind].read && KIND[f->kind].read(f, v, to);
}

void json_scalar_expected(const struct json_field *f, char out[JSON_MESSAGE_MAX])
{
	KIND[f->kind].expected(f, out);
}
