#include <assert.h>
#include <endian.h>
#include <string.h>

#include "adapter/pg/internal.h"
#include "runtime/mem.h"
#include "runtime/when.h"

/* An array's binary form: dimensions, has-null, element type, length, lower bound; then length and bytes of each. */
enum { ARRAY_HEAD = 20, ARRAY_HEAD_EMPTY = 12 };

static const uint32_t OID[] = {
	[PG_I64] = 20,
	[PG_I32] = 23,
	[PG_UUID] = 2950,
	[PG_TEXT] = 25,
	[PG_BOOL] = 16,
	[PG_TIME] = 1184,
	[PG_BYTEA] = 17,
};

static void grow(struct pg_param *p, size_t need)
{
	size_t cap = p->cap ? p->cap : 256;
	while (cap < need) cap *= 2;
	p->data = mem_must(realloc(p->data, cap));
	p->cap = cap;
}

static inline char *room(struct pg_param *p, size_t n)
{
	if (__builtin_expect(p->len + n > p->cap, 0)) grow(p, p->len + n);
	char *at = p->data + p->len;
	p->len += n;
	return at;
}

static inline void put_be32(char *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, sizeof v);
}

static void param_reset(struct pg_param *p, bool array)
{
	p->len = 0;
	p->elements = 0;
	p->is_array = array;
	p->has_null = p->is_null = false;
	if (array) room(p, ARRAY_HEAD);
}

void pg_args_begin(struct pg_args *a, const enum pg_type *types, unsigned params, bool arrays)
{
	assert(params <= PG_PARAMS_MAX);
	a->types = types;
	a->params = params;
	a->at = 0;
	a->in_array = false;
	for (unsigned i = 0; i < params; i++) param_reset(&a->param[i], arrays);
}

static inline void next_param(struct pg_args *a)
{
	if (!a->in_array && ++a->at == a->params) a->at = 0;
}

/* Room for a value of n bytes at the next parameter. */
static inline char *value(struct pg_args *a, enum pg_type type, size_t n)
{
	assert(a->at < a->params && a->types[a->at] == type);
	(void)type;
	struct pg_param *p = &a->param[a->at];
	char *at;
	if (p->is_array) {
		at = room(p, 4 + n);
		put_be32(at, (uint32_t)n);
		at += 4;
		p->elements++;
	} else {
		at = room(p, n ? n : 1); /* never a NULL pointer: that would be SQL NULL */
		p->len = n;
	}
	next_param(a);
	return at;
}

static void null(struct pg_args *a)
{
	struct pg_param *p = &a->param[a->at];
	if (p->is_array) {
		put_be32(room(p, 4), UINT32_MAX);
		p->elements++;
		p->has_null = true;
	} else {
		p->is_null = true;
	}
	next_param(a);
}

void pg_i64(struct pg_args *a, int64_t v)
{
	uint64_t be = htobe64((uint64_t)v);
	memcpy(value(a, PG_I64, 8), &be, 8);
}

void pg_i32(struct pg_args *a, int32_t v)
{
	put_be32(value(a, PG_I32, 4), (uint32_t)v);
}

void pg_bool(struct pg_args *a, bool v)
{
	*value(a, PG_BOOL, 1) = v;
}

void pg_uuid(struct pg_args *a, const struct uuid *u)
{
	if (u) memcpy(value(a, PG_UUID, sizeof u->b), u->b, sizeof u->b);
	else null(a);
}

void pg_text(struct pg_args *a, const char *s)
{
	if (s) pg_textn(a, s, strlen(s));
	else null(a);
}

void pg_textn(struct pg_args *a, const char *s, size_t n)
{
	memcpy(value(a, PG_TEXT, n), s, n);
}

void pg_bytes(struct pg_args *a, const void *p, size_t n)
{
	if (!p) {
		null(a);
		return;
	}
	memcpy(value(a, PG_BYTEA, n), p, n);
}

void pg_time(struct pg_args *a, int64_t unix_ms)
{
	if (unix_ms == TIME_NONE) {
		null(a);
		return;
	}
	uint64_t be = htobe64((uint64_t)(unix_ms == TIME_FOREVER ? INT64_MAX : when_to_pg(unix_ms)));
	memcpy(value(a, PG_TIME, 8), &be, 8);
}

void pg_array(struct pg_args *a)
{
	assert(!a->in_array);
	a->in_array = true;
	param_reset(&a->param[a->at], true);
}

void pg_array_end(struct pg_args *a)
{
	assert(a->in_array);
	a->in_array = false;
	next_param(a);
}

static void array_head(struct pg_param *p, enum pg_type type)
{
	put_be32(p->data, p->elements ? 1 : 0);
	put_be32(p->data + 4, p->has_null);
	put_be32(p->data + 8, OID[type]);
	put_be32(p->data + 12, (uint32_t)p->elements);
	put_be32(p->data + 16, 1);
	if (!p->elements) p->len = ARRAY_HEAD_EMPTY;
}

void pg_args_end(struct pg_args *a)
{
	assert(a->at == 0 && !a->in_array); /* as many values as parameters, round and round */
	for (unsigned i = 0; i < a->params; i++) {
		struct pg_param *p = &a->param[i];
		if (p->is_array) array_head(p, a->types[i]);
		a->values[i] = p->is_null ? NULL : p->data;
		a->lengths[i] = (int)p->len;
		a->formats[i] = 1;
	}
}

void pg_args_finish(struct pg_args *a)
{
	for (unsigned i = 0; i < PG_PARAMS_MAX; i++) free(a->param[i].data);
}
