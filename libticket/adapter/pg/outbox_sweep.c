#include <stdlib.h>

#include "adapter/pg/outbox_jobs.h"
#include "adapter/pg/pg.h"
#include "runtime/mem.h"
#include "runtime/when.h"

enum {
	PIECE = 2000,		 /* payments of a stretch a round */
	LISTED = 500,		 /* listed orders a round */
	ROUNDS_MAX = 16,	 /* of each kind, a call */
	COMMIT_US = 3000000, /* a payment may become visible this long after its created_at */
	LOOK_AGAIN_MS = 60000
};

struct sweep_job {
	struct flow flow;
	struct port_call call; /* of the round under way */
	struct pg_outbox *outbox;
	struct outbox_sweep *asked;
	unsigned finds, restores;
	int64_t now_us, looked_at, restored;
	struct stretch_piece fresh, slow;
};

static struct sweep_job *job_of(struct port_call *c)
{
	return container_of(c, struct sweep_job, call);
}

/* --- find the undecided --- */

static void find_bind(struct pg_args *a, const struct port_call *c)
{
	const struct sweep_job *j = container_of(c, const struct sweep_job, call);
	pg_i64(a, j->outbox->approvals.fresh_us);
	pg_i64(a, j->outbox->approvals.slow_us);
	pg_i64(a, j->asked->older_ms);
	pg_i32(a, PIECE);
}

static void find_row(struct port_call *c, const struct pg_row *r)
{
	struct sweep_job *j = job_of(c);
	j->fresh = (struct stretch_piece){pg_get_i64(r, 0), pg_get_i64(r, 1), STRETCH_NONE};
	j->slow = (struct stretch_piece){pg_get_i64(r, 2), pg_get_i64(r, 3), STRETCH_NONE};
	j->now_us = pg_get_i64(r, 4);
}

static const struct pg_query FIND = {
	.stmt = STMT_OUTBOX_SWEEP_FIND,
	.lane = PG_SLOW,
	.write = true,
	.params = 4,
	.types = {PG_I64 /* timestamptz, as it is */, PG_I64, PG_I64, PG_I32},
	.bind = find_bind,
	.row = find_row,
};

/* --- give back --- */

static void restore_bind(struct pg_args *a, const struct port_call *c)
{
	(void)c;
	pg_i64(a, LOOK_AGAIN_MS);
	pg_i32(a, LISTED);
}

static void restore_row(struct port_call *c, const struct pg_row *r)
{
	struct sweep_job *j = job_of(c);
	j->looked_at = pg_get_i64(r, 0);
	j->restored = pg_get_i64(r, 1);
	j->asked->stuck = pg_get_i64(r, 2);
}

static const struct pg_query RESTORE = {
	.stmt = STMT_OUTBOX_SWEEP_RESTORE,
	.lane = PG_SLOW,
	.write = true,
	.params = 2,
	.types = {PG_I64, PG_I32},
	.bind = restore_bind,
	.row = restore_row,
};

/* --- the rounds --- */

enum { FIND_UNDECIDED, RESTORE_ROWS };

static void ask(struct flow *f, const struct pg_query *q)
{
	struct sweep_job *j = container_of(f, struct sweep_job, flow);
	j->call.flow = f;
	pg_query_call(j->outbox->pg, q, &j->call);
}

static void find_undecided(struct flow *f)
{
	ask(f, &FIND);
}

static int undecided_found(struct flow *f)
{
	struct sweep_job *j = container_of(f, struct sweep_job, flow);
	if (tk_failed(f->err)) return FLOW_END;
	int64_t older_us = j->asked->older_ms * 1000;
	int64_t behind_us = older_us > COMMIT_US ? older_us : COMMIT_US;
	bool more = stretch_move(&j->outbox->approvals, j->fresh, j->slow, PIECE, j->now_us - behind_us);
	return more && ++j->finds < ROUNDS_MAX ? FIND_UNDECIDED : RESTORE_ROWS;
}

static void restore_rows(struct flow *f)
{
	ask(f, &RESTORE);
}

static int rows_restored(struct flow *f)
{
	struct sweep_job *j = container_of(f, struct sweep_job, flow);
	if (tk_failed(f->err)) return FLOW_END;
	j->asked->restored += j->restored;
	return j->looked_at >= LISTED && ++j->restores < ROUNDS_MAX ? RESTORE_ROWS : FLOW_END;
}

static const struct flow_step STEPS[] = {
	[FIND_UNDECIDED] = {"find_undecided", find_undecided, undecided_found},
	[RESTORE_ROWS] = {"restore_rows", restore_rows, rows_restored},
};

static void done(struct flow *f)
{
	struct sweep_job *j = container_of(f, struct sweep_job, flow);
	struct port_call *asked = &j->asked->call;
	struct tk_err err = j->asked->restored > 0 ? TK_NONE : f->err; /* as with expiry: that much is committed */
	free(j);
	port_answer(asked, err);
}

void outbox_sweep_orders(struct outbox *o, struct outbox_sweep *s)
{
	struct sweep_job *j = mem_must(calloc(1, sizeof *j));
	j->outbox = pg_outbox_of(o);
	j->asked = s;
	s->restored = s->stuck = 0;
	stretch_start(&j->outbox->approvals, when_to_pg(when_now_ms()));
	flow_start(&j->flow, STEPS, FIND_UNDECIDED, done);
}
