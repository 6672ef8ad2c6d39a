#include <endian.h>
#include <string.h>

#include "adapter/pg/pg.h"
#include "runtime/when.h"

bool pg_is_null(const struct pg_row *r, int col)
{
	return PQgetisnull(r->res, r->row, col);
}

static const char *bytes(const struct pg_row *r, int col, int *ret_len)
{
	*ret_len = PQgetlength(r->res, r->row, col);
	return PQgetvalue(r->res, r->row, col);
}

static int64_t be64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return (int64_t)be64toh(v);
}

static int64_t be32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return (int32_t)be32toh(v);
}

static int64_t be16(const char *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return (int16_t)be16toh(v);
}

int64_t pg_get_i64(const struct pg_row *r, int col)
{
	int n;
	const char *p = bytes(r, col, &n);
	return n == 8 ? be64(p) : n == 4 ? be32(p) : n == 2 ? be16(p) : 0;
}

bool pg_get_bool(const struct pg_row *r, int col)
{
	int n;
	const char *p = bytes(r, col, &n);
	return n == 1 && *p != 0;
}

struct uuid pg_get_uuid(const struct pg_row *r, int col)
{
	struct uuid u = {{0}};
	int n;
	const char *p = bytes(r, col, &n);
	if (n == (int)sizeof u.b) memcpy(u.b, p, sizeof u.b);
	return u;
}

const char *pg_get_text(const struct pg_row *r, int col, size_t *ret_len)
{
	int n;
	const char *p = bytes(r, col, &n);
	if (ret_len) *ret_len = (size_t)n;
	return p;
}

void pg_get_str(const struct pg_row *r, int col, char *out, size_t cap)
{
	size_t n;
	const char *p = pg_get_text(r, col, &n);
	if (n >= cap) n = cap - 1;
	memcpy(out, p, n);
	out[n] = '\0';
}

struct seat_no pg_get_seat_no(const struct pg_row *r, int col)
{
	struct seat_no no;
	memset(&no, 0, sizeof no);
	pg_get_str(r, col, no.s, sizeof no.s);
	no.len = (uint8_t)strlen(no.s);
	return no;
}

int64_t pg_get_time(const struct pg_row *r, int col)
{
	if (pg_is_null(r, col)) return TIME_NONE;
	int64_t us = pg_get_i64(r, col);
	if (us == INT64_MAX) return TIME_FOREVER;
	return us == INT64_MIN ? TIME_NONE : when_from_pg(us);
}
