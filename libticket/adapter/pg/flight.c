#include <assert.h>

#include "adapter/pg/internal.h"

static void bind(struct pg_args *a, const struct pg_flight *f)
{
	const struct pg_batch *b = f->kind->batch;
	const struct pg_query *q = f->kind->query;
	if (q) {
		pg_args_begin(a, q->types, q->params, false);
		if (q->bind) q->bind(a, f->calls[0]);
	} else {
		pg_args_begin(a, b->types, b->params, true);
		for (unsigned i = 0; i < f->count; i++) b->bind(a, f->calls[i]);
	}
	pg_args_end(a);
}

bool pg_flight_send(struct pg_conn *c, struct pg_flight *f)
{
	struct pg *pg = c->pg;
	struct pg_args *a = &pg->args;
	bind(a, f);
	if (!PQsendQueryPrepared(
			c->db, PG_STATEMENT[f->kind->stmt].name, (int)a->params, a->values, a->lengths, a->formats, 1) ||
		!PQpipelineSync(c->db))
		return false;
	TAILQ_INSERT_TAIL(&c->aloft, f, link);
	c->aloft_count++;
	return true;
}

static void deliver_rows(struct pg_flight *f)
{
	const struct pg_batch *b = f->kind->batch;
	const struct pg_query *q = f->kind->query;
	int rows = PQntuples(f->result);
	for (int i = 0; i < rows; i++) {
		struct pg_row row = {f->result, i};
		if (q) {
			if (q->row) q->row(f->calls[0], &row);
			continue;
		}
		int64_t place = pg_get_i64(&row, 0);
		assert(place >= 1 && place <= f->count);
		if (b->row) b->row(f->calls[place - 1], &row);
	}
}

static void deliver_query(struct pg *pg, struct pg_flight *f, int rows)
{
	const struct pg_query *q = f->kind->query;
	pg_answer(pg, f->calls[0], q->settle ? q->settle(f->calls[0], rows) : TK_NONE);
}

static void deliver_batch(struct pg *pg, struct pg_flight *f)
{
	const struct pg_batch *b = f->kind->batch;
	for (unsigned i = 0; i < f->count; i++) {
		const struct pg_batch *again = NULL;
		struct tk_err err = b->settle ? b->settle(f->calls[i], &again) : TK_NONE;
		if (again) pg_enqueue(pg, pg_kind_of_batch(pg, again), f->calls[i], true);
		else pg_answer(pg, f->calls[i], err);
	}
}

static void deliver(struct pg *pg, struct pg_flight *f)
{
	int rows = PQntuples(f->result);
	deliver_rows(f);
	PQclear(f->result);
	f->result = NULL;
	if (f->kind->query) deliver_query(pg, f, rows);
	else deliver_batch(pg, f);
	pg_flight_free(pg, f);
}

static unsigned jitter_ms(struct pg *pg)
{
	pg->seed ^= pg->seed << 13;
	pg->seed ^= pg->seed >> 17;
	pg->seed ^= pg->seed << 5;
	return pg->seed % 25;
}

static void again(struct pg *pg, struct pg_flight *f)
{
	if (++f->tries >= PG_TRIES_MAX) pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, PG_STATEMENT[f->kind->stmt].name));
	else if (f->count > 1) pg_put_back_singly(pg, f); /* who waits for a lock must not hold up the others */
	else pg_put_back(pg, f, loop_now_ms(pg->loop) + 5 * f->tries + jitter_ms(pg));
}

static void refused(struct pg *pg, struct pg_flight *f, enum tk_kind kind)
{
	if (f->count > 1) pg_put_back_singly(pg, f);
	else pg_flight_answer(pg, f, (struct tk_err){kind, "flight.c", PG_STATEMENT[f->kind->stmt].name});
}

static void conflicted(struct pg *pg, struct pg_flight *f)
{
	const struct pg_batch *instead = f->kind->batch ? f->kind->batch->instead : NULL;
	if (!instead) {
		refused(pg, f, TK_CONFLICT);
		return;
	}
	for (unsigned i = 0; i < f->count; i++) pg_enqueue(pg, pg_kind_of_batch(pg, instead), f->calls[i], false);
	pg_flight_free(pg, f);
}

/* For as long as the calls' time lasts. */
static void too_heavy(struct pg *pg, struct pg_flight *f)
{
	if (f->count > 1) pg_put_back_halved(pg, f);
	else pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, PG_STATEMENT[f->kind->stmt].name));
}

void pg_flight_land(struct pg_conn *c)
{
	struct pg *pg = c->pg;
	struct pg_flight *f = TAILQ_FIRST(&c->aloft);
	const char *name = PG_STATEMENT[f->kind->stmt].name;
	TAILQ_REMOVE(&c->aloft, f, link);
	c->aloft_count--;
	pg_conn_gauge(c);
	switch (f->fate) {
	case PG_FATE_OK: deliver(pg, f); break;
	case PG_FATE_DATA: refused(pg, f, TK_INVALID); break;
	case PG_FATE_CONFLICT: conflicted(pg, f); break;
	case PG_FATE_AGAIN: again(pg, f); break;
	case PG_FATE_HEAVY: too_heavy(pg, f); break;
	case PG_FATE_REFUSED: pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, name)); break;
	case PG_FATE_STALE:
		pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, name));
		pg_conn_lose(c);
		break;
	case PG_FATE_BUG: /* it may be the data of one that shows it */ refused(pg, f, TK_INTERNAL); break;
	case PG_FATE_GONE: /* never gets here: the connection is lost at once */
		pg_flight_answer(pg, f, TK_ERR(TK_INTERNAL, name));
		break;
	}
}
