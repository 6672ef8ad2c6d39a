#include "adapter/json/json_plain.h"

#include <string.h>

#include "adapter/json/json_scalar.h"

enum { DIGITS_MAX = 18 }; /* of any such number int64_t takes */

static struct json_scalar number(struct json_span v)
{
	struct json_scalar ret = {.type = JSON_SCALAR_INT};

	if (v.len > DIGITS_MAX) return (struct json_scalar){.type = JSON_SCALAR_OTHER};
	for (size_t i = 0; i < v.len; i++) {
		if (v.at[i] < '0' || v.at[i] > '9') return (struct json_scalar){.type = JSON_SCALAR_OTHER};
		ret.i = ret.i * 10 + (v.at[i] - '0');
	}
	return ret;
}

static struct json_scalar scalar_of(struct json_span v)
{
	switch (v.at[0]) {
	case '"': return (struct json_scalar){.type = JSON_SCALAR_TEXT, .s = v.at + 1, .len = v.len - 2};
	case 't': return (struct json_scalar){.type = JSON_SCALAR_BOOL, .i = 1};
	case 'f': return (struct json_scalar){.type = JSON_SCALAR_BOOL, .i = 0};
	default: return number(v); /* of lists, objects and null too: no digits */
	}
}

static bool names(struct json_span key, const struct json_field *f)
{
	return strncmp(f->key, key.at, key.len) == 0 && f->key[key.len] == '\0';
}

/* From `guess` on: clients write fields in the order of the documentation, mostly. n: none. */
static size_t field_of(struct json_span key, const struct json_field *f, size_t n, size_t guess)
{
	for (size_t tried = 0; tried < n; tried++) {
		size_t i = guess + tried < n ? guess + tried : guess + tried - n;
		if (names(key, &f[i])) return i;
	}
	return n;
}

static bool all_there(const struct json_field *f, size_t n, uint32_t seen)
{
	for (size_t i = 0; i < n; i++) {
		if (!(f[i].flags & JSON_OPTIONAL) && !(seen >> i & 1)) return false;
	}
	return true;
}

bool json_plain_read(const struct json_facts *facts, const struct json_field *fields, size_t n, void *ret)
{
	_Static_assert(JSON_FIELDS_MAX <= 32, "a bit each");
	uint32_t seen = 0;
	size_t guess = 0;

	if (facts->members_top > facts->members_max) return false;
	for (const struct json_member *m = facts->member; m < facts->member + facts->members_top; m++) {
		size_t i = field_of(m->key, fields, n, guess);
		if (i == n || m->escaped || (seen >> i & 1)) return false;
		const struct json_scalar v = scalar_of(m->value);
		if (!json_scalar_read(&fields[i], &v, (char *)ret + fields[i].offset)) return false;
		if (fields[i].has) *(bool *)((char *)ret + fields[i].has - 1) = true;
		seen |= 1u << i;
		guess = i + 1;
	}
	return all_there(fields, n, seen);
}
