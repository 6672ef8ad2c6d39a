#include "adapter/pg/outbox.h"

#include <stdlib.h>

#include "adapter/pg/outbox_jobs.h"
#include "adapter/pg/pg.h"
#include "runtime/mem.h"

#define CALL(type, c) container_of(c, struct type, call)
#define ASKED(type, c) container_of(c, const struct type, call)

/* --- clear --- */

static void clear_bind(struct pg_args *a, const struct port_call *c)
{
	pg_uuid(a, &ASKED(outbox_clear, c)->event_id);
}

/* The relay does not look at a row before 15 s have passed. */
enum { CLEAR_LINGER_MS = 40 };

static const struct pg_batch CLEAR = {
	.stmt = STMT_OUTBOX_CLEAR,
	.lane = PG_FAST,
	.write = true,
	.linger_ms = CLEAR_LINGER_MS,
	.params = 1,
	.types = {PG_UUID},
	.bind = clear_bind,
};

static void clear(struct outbox *o, struct outbox_clear *c)
{
	pg_batch_call(pg_outbox_of(o)->pg, &CLEAR, &c->call);
}

/* --- lease --- */

static void lease_bind(struct pg_args *a, const struct port_call *c)
{
	const struct outbox_lease *l = ASKED(outbox_lease, c);
	pg_i32(a, (int32_t)(l->limit < OUTBOX_LEASE_MAX ? l->limit : OUTBOX_LEASE_MAX));
	pg_i64(a, l->lease_ms);
}

static void lease_row(struct port_call *c, const struct pg_row *row)
{
	struct outbox_lease *l = CALL(outbox_lease, c);
	struct payment_completed *e = &l->events[l->count++];
	size_t n;
	e->event_id = pg_get_uuid(row, 0);
	e->order_no = pg_get_uuid(row, 1);
	e->occurred_at_ms = pg_get_time(row, 2);
	e->user = pg_get_i64(row, 3);
	e->schedule = pg_get_i64(row, 4);
	e->seat = pg_get_seat_no(row, 5);
	e->amount_krw = pg_get_i64(row, 6);
	const char *method = pg_get_text(row, 7, &n);
	if (!method_parse(method, n, &e->method)) e->method = METHOD_CARD;
	pg_get_str(row, 8, e->traceparent, sizeof e->traceparent);
}

static const struct pg_query LEASE = {
	.stmt = STMT_OUTBOX_LEASE,
	.lane = PG_SLOW,
	.write = true,
	.params = 2,
	.types = {PG_I32, PG_I64},
	.bind = lease_bind,
	.row = lease_row,
};

static void lease(struct outbox *o, struct outbox_lease *l)
{
	l->count = 0;
	pg_query_call(pg_outbox_of(o)->pg, &LEASE, &l->call);
}

/* --- stats --- */

static void stats_row(struct port_call *c, const struct pg_row *row)
{
	struct outbox_stats *s = CALL(outbox_stats, c);
	s->pending = pg_get_i64(row, 0);
	s->oldest_age_ms = pg_get_i64(row, 1);
	s->refunds_pending = pg_get_i64(row, 2);
	s->oversold = pg_get_i64(row, 3);
}

static const struct pg_query STATS = {.stmt = STMT_OUTBOX_STATS, .lane = PG_SLOW, .row = stats_row};

static void stats(struct outbox *o, struct outbox_stats *s)
{
	pg_query_call(pg_outbox_of(o)->pg, &STATS, &s->call);
}

struct outbox *pg_outbox_create(struct pg *pg)
{
	struct pg_outbox *o = mem_must(calloc(1, sizeof *o));
	o->port = (struct outbox){clear, lease, outbox_sweep_orders, outbox_expire_orders, stats};
	o->pg = pg;
	return &o->port;
}

void pg_outbox_destroy(struct outbox *o)
{
	if (o) free(pg_outbox_of(o));
}
