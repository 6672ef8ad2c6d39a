/* pg: a loop's connections to PostgreSQL, in libpq's pipeline mode, and the micro-batch.
 *
 * Calls of one kind that wait at the same moment leave as one statement whose parameters are arrays
 * (unnest), as soon as a connection of their lane is idle; no timer, but for kinds that linger (pg_batch.linger_ms).
 * Each statement is followed by its own Sync and so is a transaction of its own. A statement that fails for its data
 * (SQLSTATE 22xxx, 23xxx) is repeated with one call each, so that a bad one harms nobody else, or another one decides
 * (pg_batch.instead). 40001, 40P01 and 55P03 are repeated, with jitter, at most 3 times.
 *
 * Lanes: FAST does not wait for a lock (SKIP LOCKED, or rows nobody else has), but for the consumer's confirmations, which
 * meet another's change of their order rarely and briefly; SLOW may (lock_timeout 200 ms for both). An idle FAST
 * connection takes up to 8 statements at once, a SLOW one a single one.
 * Connections check the schema, then prepare every statement of sql/query when they connect; what is missing or does
 * not prepare is a fatal misfit (pg_misfit). A connection that is lost or misses a deadline is thrown away and built
 * again with backoff (50 ms doubling to 1 s); everything on it is answered: TK_UNCERTAIN for writes that had been sent,
 * else TK_UNAVAILABLE.
 * What has waited for three quarters of its time is not sent any more: TK_UNAVAILABLE.
 *
 * Plans are made once, while tables may still be empty, and must stay good when they are not: a statement reaches a
 * growing table only by "column = ANY (ARRAY (SELECT ...))" or JOIN LATERAL (... LIMIT 1 or OFFSET 0), which no join
 * over all of an index can replace (tests/contract/test_pg_plans.c).
 *
 * Parameters and results are binary. Errors as in port/orders.h. Thread: the loop's. */
#ifndef TK_PG_H
#define TK_PG_H

#include <libpq-fe.h>

#include "domain/seat.h"
#include "pg_statements.h"
#include "runtime/flow.h"
#include "runtime/uuid.h"

struct loop;
struct metrics_sheet;
struct pg;

enum pg_lane { PG_FAST, PG_SLOW, PG_LANES };

struct pg_settings {
	const char *url, *application_name;
	int connections[PG_LANES]; /* each >= 1 */
	int64_t timeout_ms;		   /* of one call, queueing included */
	unsigned queue_max;		   /* calls waiting; beyond: TK_UNAVAILABLE at once. 0: 20000 */
};
/* Connects in the background; `m` may be NULL. */
struct pg *pg_create(struct loop *l, const struct pg_settings *s, struct metrics_sheet *m);
void pg_destroy(struct pg *pg);		/* answers everything that is under way */
bool pg_ready(const struct pg *pg); /* at least one connection of each lane works */
/* NULL, or one line: the table or constraint that is missing (schema_check.h), or the statement that did not prepare
 * and why. It goes when a later connection finds everything. */
const char *pg_misfit(const struct pg *pg);
const char *pg_complaint(const struct pg *pg); /* what the server or libpq said last; "" at first; for the log only */

/* --- building parameters (binary) --- */
enum pg_type { PG_I64, PG_I32, PG_UUID, PG_TEXT, PG_BOOL, PG_TIME /* unix ms in C */, PG_BYTEA };
struct pg_args; /* one growing parameter list; every add goes to the next parameter, round and round over the calls */
void pg_i64(struct pg_args *a, int64_t v);
void pg_i32(struct pg_args *a, int32_t v);
void pg_bool(struct pg_args *a, bool v);
void pg_uuid(struct pg_args *a, const struct uuid *u); /* NULL: SQL NULL */
void pg_text(struct pg_args *a, const char *s);		   /* NULL: SQL NULL */
void pg_textn(struct pg_args *a, const char *s, size_t n);
void pg_time(struct pg_args *a, int64_t unix_ms); /* TIME_NONE: NULL, TIME_FOREVER: infinity */
void pg_bytes(struct pg_args *a, const void *p, size_t n);

/* --- reading a row (binary); `col` from 0; reading NULL gives 0, "", nil, TIME_NONE --- */
struct pg_row {
	const PGresult *res;
	int row;
};
bool pg_is_null(const struct pg_row *r, int col);
int64_t pg_get_i64(const struct pg_row *r, int col); /* int2, int4, int8 */
bool pg_get_bool(const struct pg_row *r, int col);
struct uuid pg_get_uuid(const struct pg_row *r, int col);
const char *pg_get_text(const struct pg_row *r, int col, size_t *ret_len); /* NUL-terminated, for the callback only */
void pg_get_str(const struct pg_row *r, int col, char *out, size_t cap);   /* cut at cap - 1 */
struct seat_no pg_get_seat_no(const struct pg_row *r, int col);
int64_t pg_get_time(const struct pg_row *r, int col); /* timestamptz to unix ms; TIME_NONE, TIME_FOREVER */

/* --- a call that shares its statement with others of its kind --- */
enum { PG_PARAMS_MAX = 16 };
struct pg_batch {
	enum stmt stmt;
	enum pg_lane lane;
	bool write;	  /* sent and lost: TK_UNCERTAIN */
	unsigned max; /* calls a statement; 0: 500 */
	/* Nobody is waiting for the answer: the first call of a statement waits so long for others (looked at every 20 ms, and
	 * at once when there are 250). */
	int64_t linger_ms;
	unsigned params;
	enum pg_type types[PG_PARAMS_MAX]; /* of the elements; the statement takes arrays of these */
	void (*bind)(struct pg_args *a, const struct port_call *c); /* one value for each parameter, in order */
	/* Column 0 is the 1-based place of the call (bigint); 0..n rows a call. */
	void (*row)(struct port_call *c, const struct pg_row *r);
	/* After the rows: NULL, or what the call's answer is (for instance asked again elsewhere: return TK_OK with
	 * *ret_again set to another batch). */
	struct tk_err (*settle)(struct port_call *c, const struct pg_batch **ret_again);
	int (*order)(const struct port_call *a, const struct port_call *b); /* of the calls; NULL: as they came */
	/* Whose turn it is when a unique constraint has refused this one: all of its calls are asked there. NULL: each singly
	 * here. */
	const struct pg_batch *instead;
};
void pg_batch_call(struct pg *pg, const struct pg_batch *b, struct port_call *c);

/* --- a call with a statement of its own --- */
struct pg_query {
	enum stmt stmt;
	enum pg_lane lane;
	bool write;
	unsigned params;
	enum pg_type types[PG_PARAMS_MAX];
	bool array[PG_PARAMS_MAX];									/* parameter i is an array of types[i] */
	void (*bind)(struct pg_args *a, const struct port_call *c); /* in order; arrays between pg_array, pg_array_end */
	void (*row)(struct port_call *c, const struct pg_row *r);
	struct tk_err (*settle)(struct port_call *c, int rows); /* NULL: TK_OK */
};
void pg_array(struct pg_args *a);	  /* the following values belong to one array parameter ... */
void pg_array_end(struct pg_args *a); /* ... until here */
void pg_query_call(struct pg *pg, const struct pg_query *q, struct port_call *c);

#endif
