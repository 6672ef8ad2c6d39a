#include "adapter/pg/orders.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/pg/pg.h"
#include "runtime/mem.h"

struct pg_orders {
	struct orders port;
	struct pg *pg;
};

static struct pg *pg_of(struct orders *o)
{
	return container_of(o, struct pg_orders, port)->pg;
}

#define CALL(type, c) container_of(c, struct type, call)
#define ASKED(type, c) container_of(c, const struct type, call)

/* --- ready --- */

/* Not decided: by the fast statement; or the number exists, but was not there yet when the careful one began to read,
 * and the next sees it. */
enum { READY_UNDECIDED = READY_ENDED + 1 };

static void ready_bind(struct pg_args *a, const struct port_call *c)
{
	const struct order_ready *r = ASKED(order_ready, c);
	pg_uuid(a, &r->order_no);
	pg_i64(a, r->user);
	pg_i64(a, r->schedule);
	pg_textn(a, r->seat.s, r->seat.len);
	pg_i64(a, r->amount_krw);
	pg_i64(a, r->remaining_ms);
	pg_i64(a, r->limit);
}

static void ready_row(struct port_call *c, const struct pg_row *row)
{
	struct order_ready *r = CALL(order_ready, c);
	r->verdict = (enum ready_verdict)pg_get_i64(row, 1);
	if (r->verdict != READY_CREATED && r->verdict != READY_AGAIN) return;
	r->order_no = pg_get_uuid(row, 2);
	r->amount_krw = pg_get_i64(row, 3);
	r->expires_ms = pg_get_time(row, 4);
}

static void ready_made(struct port_call *c, const struct pg_row *row)
{
	struct order_ready *r = CALL(order_ready, c);
	r->verdict = READY_CREATED;
	r->expires_ms = pg_get_time(row, 1);
}

static int by_user(const struct port_call *a, const struct port_call *b)
{
	const struct order_ready *x = ASKED(order_ready, a), *y = ASKED(order_ready, b);
	if (x->user != y->user) return x->user < y->user ? -1 : 1;
	return memcmp(x->order_no.b, y->order_no.b, sizeof x->order_no.b);
}

static struct tk_err ready_settle(struct port_call *c, const struct pg_batch **ret_again);

#define READY_BATCH                                                                                                    \
	.lane = PG_FAST, .write = true, .params = 7, .types = {PG_UUID, PG_I64, PG_I64, PG_TEXT, PG_I64, PG_I64, PG_I64},  \
	.bind = ready_bind, .settle = ready_settle
static const struct pg_batch READY = {.stmt = STMT_ORDER_READY, .row = ready_row, READY_BATCH};
static const struct pg_batch READY_FAST = {
	.stmt = STMT_ORDER_READY_FAST, .row = ready_made, .order = by_user, .instead = &READY, READY_BATCH};

static struct tk_err ready_settle(struct port_call *c, const struct pg_batch **ret_again)
{
	if ((int)CALL(order_ready, c)->verdict == READY_UNDECIDED) *ret_again = &READY;
	return TK_NONE;
}

static void ready(struct orders *o, struct order_ready *r)
{
	r->verdict = (enum ready_verdict)READY_UNDECIDED;
	pg_batch_call(pg_of(o), &READY_FAST, &r->call);
}

/* --- approve --- */

enum { APPROVE_UNDECIDED = APPROVE_BUSY + 1 }; /* by the fast statement */

static void approve_bind(struct pg_args *a, const struct port_call *c)
{
	const struct order_approve *p = ASKED(order_approve, c);
	pg_uuid(a, &p->order_no);
	pg_i64(a, p->user);
	pg_uuid(a, &p->payment_id);
	pg_uuid(a, &p->event_id);
	pg_text(a, p->traceparent);
}

static void approve_event(struct order_approve *p, const struct pg_row *row)
{
	p->event_id = pg_get_uuid(row, 2);
	p->event = (struct payment_completed){
		.event_id = p->event_id,
		.order_no = p->order_no,
		.user = pg_get_i64(row, 3),
		.schedule = pg_get_i64(row, 4),
		.seat = pg_get_seat_no(row, 5),
		.amount_krw = pg_get_i64(row, 6),
		.occurred_at_ms = pg_get_time(row, 7),
		.method = METHOD_CARD,
	};
	memcpy(p->event.traceparent, p->traceparent, sizeof p->event.traceparent);
	p->rev = pg_get_i64(row, 8);
}

static void approve_row(struct port_call *c, const struct pg_row *row)
{
	struct order_approve *p = CALL(order_approve, c);
	p->verdict = (enum approve_verdict)pg_get_i64(row, 1);
	switch (p->verdict) {
	case APPROVE_DONE:
	case APPROVE_AGAIN: approve_event(p, row); break;
	case APPROVE_PAID: p->event_id = pg_get_uuid(row, 2); break;
	default: break;
	}
}

static struct tk_err approve_settle(struct port_call *c, const struct pg_batch **ret_again);

#define APPROVE_BATCH                                                                                                  \
	.write = true, .params = 5, .types = {PG_UUID, PG_I64, PG_UUID, PG_UUID, PG_TEXT}, .bind = approve_bind,           \
	.row = approve_row, .settle = approve_settle
static const struct pg_batch APPROVE = {.stmt = STMT_ORDER_APPROVE, .lane = PG_FAST, APPROVE_BATCH};
static const struct pg_batch APPROVE_FAST = {
	.stmt = STMT_ORDER_APPROVE_FAST, .lane = PG_FAST, .instead = &APPROVE, APPROVE_BATCH};
/* Small batches: all of one wait for the slowest lock of it. */
static const struct pg_batch APPROVE_WAIT = {
	.stmt = STMT_ORDER_APPROVE_WAIT, .lane = PG_SLOW, .max = 20, APPROVE_BATCH};

static struct tk_err approve_settle(struct port_call *c, const struct pg_batch **ret_again)
{
	switch ((int)CALL(order_approve, c)->verdict) {
	case APPROVE_UNDECIDED: *ret_again = &APPROVE; break;
	case APPROVE_BUSY: *ret_again = &APPROVE_WAIT; break;
	default: break;
	}
	return TK_NONE;
}

static void approve(struct orders *o, struct order_approve *p)
{
	p->verdict = (enum approve_verdict)APPROVE_UNDECIDED;
	pg_batch_call(pg_of(o), &APPROVE_FAST, &p->call);
}

/* --- fail --- */

static void fail_bind(struct pg_args *a, const struct port_call *c)
{
	const struct order_fail *f = ASKED(order_fail, c);
	pg_uuid(a, &f->order_no);
	pg_i64(a, f->user);
	pg_text(a, f->reason);
}

static void fail_row(struct port_call *c, const struct pg_row *row)
{
	struct order_fail *f = CALL(order_fail, c);
	f->verdict = (enum fail_verdict)pg_get_i64(row, 1);
	if (f->verdict == FAIL_NOT_FOUND) return;
	f->owner = pg_get_i64(row, 2);
	f->schedule = pg_get_i64(row, 3);
	f->seat = pg_get_seat_no(row, 4);
}

static const struct pg_batch FAIL = {
	.stmt = STMT_ORDER_FAIL,
	.lane = PG_SLOW,
	.write = true,
	.max = 100,
	.params = 3,
	.types = {PG_UUID, PG_I64, PG_TEXT},
	.bind = fail_bind,
	.row = fail_row,
};

static void fail(struct orders *o, struct order_fail *f)
{
	pg_batch_call(pg_of(o), &FAIL, &f->call);
}

/* --- unready --- */

static void unready_bind(struct pg_args *a, const struct port_call *c)
{
	const struct order_unready *u = ASKED(order_unready, c);
	pg_i64(a, u->user);
	pg_i64(a, u->schedule);
	pg_textn(a, u->seat.s, u->seat.len);
}

static void unready_row(struct port_call *c, const struct pg_row *row)
{
	CALL(order_unready, c)->verdict = (enum unready_verdict)pg_get_i64(row, 1);
}

static const struct pg_batch UNREADY = {
	.stmt = STMT_ORDER_UNREADY,
	.lane = PG_SLOW,
	.write = true,
	.max = 100,
	.params = 3,
	.types = {PG_I64, PG_I64, PG_TEXT},
	.bind = unready_bind,
	.row = unready_row,
};

static void unready(struct orders *o, struct order_unready *u)
{
	pg_batch_call(pg_of(o), &UNREADY, &u->call);
}

/* --- view --- */

static void view_bind(struct pg_args *a, const struct port_call *c)
{
	const struct order_view *v = ASKED(order_view, c);
	pg_uuid(a, &v->order_no);
	pg_i64(a, v->user);
}

static void view_payment(struct order_view *v, const struct pg_row *row)
{
	size_t n;
	const char *s = pg_get_text(row, 8, &n);
	v->has_payment = method_parse(s, n, &v->method);
	s = pg_get_text(row, 9, &n);
	v->has_payment = v->has_payment && payment_status_parse(s, n, &v->payment_status);
}

static void view_row(struct port_call *c, const struct pg_row *row)
{
	struct order_view *v = CALL(order_view, c);
	size_t n;
	const char *status = pg_get_text(row, 5, &n);
	v->found = order_status_parse(status, n, &v->status);
	v->owner = pg_get_i64(row, 1);
	v->schedule = pg_get_i64(row, 2);
	v->seat = pg_get_seat_no(row, 3);
	v->amount_krw = pg_get_i64(row, 4);
	pg_get_str(row, 6, v->fail_reason, sizeof v->fail_reason);
	v->reservation_id = pg_get_uuid(row, 7);
	view_payment(v, row);
	v->created_ms = pg_get_time(row, 10);
	v->updated_ms = pg_get_time(row, 11);
}

static const struct pg_batch VIEW = {
	.stmt = STMT_ORDER_VIEW,
	.lane = PG_FAST,
	.params = 2,
	.types = {PG_UUID, PG_I64},
	.bind = view_bind,
	.row = view_row,
};

static void view(struct orders *o, struct order_view *v)
{
	v->found = false; /* an order that is not there has no row */
	pg_batch_call(pg_of(o), &VIEW, &v->call);
}

struct orders *pg_orders_create(struct pg *pg)
{
	struct pg_orders *o = mem_must(calloc(1, sizeof *o));
	*o = (struct pg_orders){{ready, approve, fail, unready, view}, pg};
	return &o->port;
}

void pg_orders_destroy(struct orders *o)
{
	if (o) free(container_of(o, struct pg_orders, port));
}
