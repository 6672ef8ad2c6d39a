#include "adapter/json/json_codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_check.h"
#include "adapter/json/json_value.h"

struct json_decoder {
	struct json_tokener *tokener;
};

struct json_decoder *json_decoder_create(void)
{
	struct json_decoder *d = malloc(sizeof *d);
	if (!d) abort();
	d->tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2); /* json_check is the judge of the depth */
	if (!d->tokener) abort();
	json_tokener_set_flags(d->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return d;
}

void json_decoder_destroy(struct json_decoder *d)
{
	if (!d) return;
	json_tokener_free(d->tokener);
	free(d);
}

/* Both texts, cut where `out` ends. */
static void clip(char *out, size_t cap, const char *first, const char *second)
{
	size_t a = strnlen(first, cap - 1), b = strnlen(second, cap - 1 - a);
	memcpy(out, first, a);
	memcpy(out + a, second, b);
	out[a + b] = 0;
}

void json_refuse(struct json_reading *r, enum json_fault fault, const char *field, const char *message)
{
	struct json_errors *all = r->errors;
	if (all->count == JSON_ERRORS_MAX) return;
	struct json_error *e = &all->error[all->count++];
	e->fault = fault;
	clip(e->field, sizeof e->field, r->prefix, field);
	clip(e->message, sizeof e->message, message, "");
}

static void find_values(
	struct json_object *o, const struct json_field *f, size_t n, struct json_object **value, bool *there)
{
	size_t guess = 0; /* clients write fields in the order of the documentation, mostly */
	struct json_object_iterator at = json_object_iter_begin(o), end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		const char *key = json_object_iter_peek_name(&at);
		for (size_t tried = 0; tried < n; tried++) {
			size_t i = guess + tried < n ? guess + tried : guess + tried - n;
			if (strcmp(f[i].key, key) != 0) continue;
			value[i] = json_object_iter_peek_value(&at);
			there[i] = true;
			guess = i + 1;
			break;
		}
	}
}

void json_object_read(struct json_reading *r, struct json_object *o, const struct json_field *f, size_t n, char *base)
{
	struct json_object *value[JSON_FIELDS_MAX];
	bool there[JSON_FIELDS_MAX] = {false};
	assert(n <= JSON_FIELDS_MAX);
	find_values(o, f, n, value, there);
	for (size_t i = 0; i < n; i++) {
		bool good = there[i] && json_value_read(r, &f[i], value[i], base + f[i].offset, base);
		if (good && f[i].has) *(bool *)(base + f[i].has - 1) = true;
		if (!there[i] && !(f[i].flags & JSON_OPTIONAL)) json_refuse(r, JSON_MISSING, f[i].key, "required");
	}
}

/* json-c keeps the last of several members of one name; the check has counted them all. */
static unsigned members_within(struct json_object *v)
{
	unsigned n = 0;
	if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(v); i++) n += members_within(json_object_array_get_idx(v, i));
	} else if (json_object_is_type(v, json_type_object)) {
		struct json_object_iterator at = json_object_iter_begin(v), end = json_object_iter_end(v);
		for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
			n += 1 + members_within(json_object_iter_peek_value(&at));
	}
	return n;
}

/* The key as the parser understands it, however it was escaped; false when it is too long to be one of ours. */
static bool plain_key(struct json_decoder *d, struct json_span raw, char out[JSON_PATH_MAX])
{
	char wrapped[6 * JSON_PATH_MAX];
	int n = snprintf(wrapped, sizeof wrapped, "[\"%.*s\"]", (int)raw.len, raw.at);
	if (raw.len > INT16_MAX || n >= (int)sizeof wrapped) return false;
	json_tokener_reset(d->tokener);
	struct json_object *array = json_tokener_parse_ex(d->tokener, wrapped, n);
	const char *s = array ? json_object_get_string(json_object_array_get_idx(array, 0)) : NULL;
	bool fits = s && snprintf(out, JSON_PATH_MAX, "%s", s) < JSON_PATH_MAX;
	json_object_put(array);
	return fits;
}

static void refuse_duplicate(struct json_decoder *d, struct json_reading *r, const char *body, size_t n)
{
	enum { KEYS = 64 };
	struct json_span key[KEYS];
	struct json_facts facts = {.key = key, .keys_max = KEYS};
	char plain[KEYS][JSON_PATH_MAX];
	const char *twice = "";
	json_check(body, n, &facts);
	for (size_t i = 0; i < facts.members_top && i < KEYS && !*twice; i++) {
		if (!plain_key(d, key[i], plain[i])) plain[i][0] = 0;
		for (size_t k = 0; k < i && !*twice; k++)
			if (strcmp(plain[k], plain[i]) == 0) twice = plain[i];
	}
	json_refuse(r, JSON_DUPLICATE, twice, *twice ? "given twice" : "a field is given twice");
}

static bool any_duplicate(struct json_object *top, const struct json_facts *facts)
{
	unsigned count = (unsigned)json_object_object_length(top);
	if (facts->members_all > facts->members_top) count = members_within(top);
	return count != facts->members_all;
}

bool json_decode(struct json_decoder *d, const char *body, size_t n, const struct json_field *fields, size_t nfields,
	void *ret, struct json_errors *ret_errors)
{
	struct json_facts facts = {.key = NULL};
	struct json_reading r = {ret_errors, ""};
	ret_errors->count = 0;
	const char *why = json_check(body, n, &facts);
	if (why) {
		json_refuse(&r, JSON_NOT_JSON, "", why);
		return false;
	}
	json_tokener_reset(d->tokener);
	struct json_object *top = json_tokener_parse_ex(d->tokener, body + facts.begin, (int)(facts.end - facts.begin));
	if (!top) {
		json_refuse(&r, JSON_NOT_JSON, "", json_tokener_error_desc(json_tokener_get_error(d->tokener)));
		return false;
	}
	if (any_duplicate(top, &facts)) refuse_duplicate(d, &r, body, n);
	json_object_read(&r, top, fields, nfields, ret);
	json_object_put(top);
	return ret_errors->count == 0;
}
