#include <stdlib.h>

#include "adapter/pg/outbox_jobs.h"
#include "adapter/pg/pg.h"
#include "runtime/mem.h"
#include "runtime/when.h"

enum {
	PIECE = 5000,		 /* rows of a stretch a round: some ms */
	ROUNDS_MAX = 16,	 /* a call: until the present is reached */
	OVERLAP_US = 3000000 /* what was committed a little after its time is looked at again */
};

struct expire_job {
	struct flow flow;
	struct port_call call; /* of the round under way */
	struct pg_outbox *outbox;
	struct orders_expire *asked;
	unsigned rounds;
	int64_t failed, wanted, now_us; /* what the round says */
	struct stretch_piece fresh, slow;
};

static int64_t room_left(const struct expire_job *j)
{
	return EXPIRE_MAX - j->asked->count;
}

static void bind(struct pg_args *a, const struct port_call *c)
{
	const struct expire_job *j = container_of(c, const struct expire_job, call);
	pg_i64(a, j->outbox->expiries.fresh_us);
	pg_i64(a, j->outbox->expiries.slow_us);
	pg_i32(a, PIECE);
	pg_i32(a, (int32_t)room_left(j));
}

static struct stretch_piece piece(const struct pg_row *r, int col)
{
	bool missed = !pg_is_null(r, col + 2);
	return (struct stretch_piece){
		.rows = pg_get_i64(r, col),
		.last_us = pg_get_i64(r, col + 1),
		.missed_us = missed ? pg_get_i64(r, col + 2) : STRETCH_NONE,
	};
}

static void row(struct port_call *c, const struct pg_row *r)
{
	struct expire_job *j = container_of(c, struct expire_job, call);
	j->failed = pg_get_i64(r, 0);
	j->wanted = pg_get_i64(r, 1);
	j->now_us = pg_get_i64(r, 2);
	j->fresh = piece(r, 3);
	j->slow = piece(r, 6);
}

static const struct pg_query EXPIRE = {
	.stmt = STMT_ORDER_EXPIRE,
	.lane = PG_SLOW,
	.write = true,
	.params = 4,
	.types = {PG_I64 /* timestamptz, as it is */, PG_I64, PG_I32, PG_I32},
	.bind = bind,
	.row = row,
};

static void fail_overdue(struct flow *f)
{
	struct expire_job *j = container_of(f, struct expire_job, flow);
	j->call.flow = f;
	pg_query_call(j->outbox->pg, &EXPIRE, &j->call);
}

enum { FAIL_OVERDUE };

static int overdue_failed(struct flow *f)
{
	struct expire_job *j = container_of(f, struct expire_job, flow);
	if (tk_failed(f->err)) return FLOW_END;
	bool no_room = j->wanted >= room_left(j); /* the pieces hold more: stay where we are */
	j->asked->count += j->failed;
	j->asked->more = no_room && j->failed > 0; /* with all of them locked by others, later is soon enough */
	if (no_room) return FLOW_END;
	bool more = stretch_move(&j->outbox->expiries, j->fresh, j->slow, PIECE, j->now_us - OVERLAP_US);
	return more && ++j->rounds < ROUNDS_MAX ? FAIL_OVERDUE : FLOW_END;
}

static const struct flow_step STEPS[] = {[FAIL_OVERDUE] = {"fail_overdue", fail_overdue, overdue_failed}};

static void done(struct flow *f)
{
	struct expire_job *j = container_of(f, struct expire_job, flow);
	struct port_call *asked = &j->asked->call;
	/* What earlier rounds failed is told even if the last one went wrong: it is committed. */
	struct tk_err err = j->asked->count > 0 ? TK_NONE : f->err;
	free(j);
	port_answer(asked, err);
}

void outbox_expire_orders(struct outbox *o, struct orders_expire *e)
{
	struct expire_job *j = mem_must(calloc(1, sizeof *j));
	j->outbox = pg_outbox_of(o);
	j->asked = e;
	e->count = 0;
	e->more = false;
	stretch_start(&j->outbox->expiries, when_to_pg(when_now_ms()));
	flow_start(&j->flow, STEPS, FAIL_OVERDUE, done);
}
