#include "adapter/pg/reservations.h"

#include <string.h>

#include "adapter/pg/pg.h"

enum { CONFIRM_MAX = 1000, LOOK_MAX = 1000, SETTLE_MAX = 200 };

/* --- what every statement is told of an event, in this order --- */

#define EVENT_PARAMS PG_UUID, PG_UUID, PG_I64, PG_I64, PG_TEXT, PG_I64
enum { EVENT_PARAM_COUNT = 6 };

static void bind_event(struct pg_args *a, const struct payment_completed *e)
{
	pg_uuid(a, &e->event_id);
	pg_uuid(a, &e->order_no);
	pg_i64(a, e->user);
	pg_i64(a, e->schedule);
	pg_textn(a, e->seat.s, e->seat.len);
	pg_i64(a, e->amount_krw);
}

static void bind_known(struct pg_args *a, const struct uuid *id)
{
	pg_uuid(a, uuid_is_nil(id) ? NULL : id);
}

/* --- confirm --- */

static struct reservation_confirm *confirm_of(const struct port_call *c)
{
	return container_of(c, struct reservation_confirm, call);
}

static void bind_confirm(struct pg_args *a, const struct port_call *call)
{
	const struct reservation_confirm *c = confirm_of(call);
	bind_event(a, c->event);
	pg_bool(a, c->event->method == METHOD_POINT);
	pg_uuid(a, &c->reservation_id);
	pg_uuid(a, &c->payment_id);
}

static void confirm_row(struct port_call *call, const struct pg_row *row)
{
	struct reservation_confirm *c = confirm_of(call);
	c->confirmed = true;
	c->rev = pg_get_i64(row, 1);
	c->decided_ms = pg_get_time(row, 2);
}

/* Whoever wants several orders wants them in this order, or each may wait for the other. */
static int confirm_order(const struct port_call *a, const struct port_call *b)
{
	return memcmp(&confirm_of(a)->event->order_no, &confirm_of(b)->event->order_no, sizeof(struct uuid));
}

/* FAST, though it waits for who is changing one of its orders: that is rare and short, and lock_timeout ends it. */
static const struct pg_batch CONFIRM = {
	.stmt = STMT_CONFIRM_FAST,
	.lane = PG_FAST,
	.write = true,
	.max = CONFIRM_MAX,
	.params = EVENT_PARAM_COUNT + 3,
	.types = {EVENT_PARAMS, PG_BOOL, PG_UUID, PG_UUID},
	.bind = bind_confirm,
	.row = confirm_row,
	.order = confirm_order,
};

static void confirm(struct reservations *port, struct reservation_confirm *c)
{
	struct pg_reservations *r = container_of(port, struct pg_reservations, port);
	c->confirmed = false;
	c->rev = 0;
	pg_batch_call(r->pg, &CONFIRM, &c->call);
}

/* --- look --- */

enum { /* columns of confirm_facts.sql */
	COL_SEEN_ORDER = 1,
	COL_ORDER_STATUS,
	COL_MATCHES,
	COL_APPROVED,
	COL_RESERVATION_ID,
	COL_FAIL_REASON,
	COL_UPDATED_AT,
	COL_KEPT_ID,
	COL_KEPT_STATUS,
	COL_KEPT_METHOD,
	COL_SEAT_ID,
	COL_SEAT_REV,
	COL_SEAT_USER,
	COL_SEAT_STATUS,
	COL_SEAT_ORDER,
	COL_OUTLIVED
};

static struct reservation_look *look_of(const struct port_call *c)
{
	return container_of(c, struct reservation_look, call);
}

static void bind_look(struct pg_args *a, const struct port_call *call)
{
	bind_event(a, look_of(call)->event);
}

static void read_seen(struct reservation_look *l, const struct pg_row *row)
{
	struct uuid order_no = pg_get_uuid(row, COL_SEEN_ORDER);
	if (pg_is_null(row, COL_SEEN_ORDER)) l->facts.seen = SEEN_NEVER;
	else l->facts.seen = uuid_equal(&order_no, &l->event->order_no) ? SEEN_BEFORE : SEEN_FOR_ANOTHER_ORDER;
}

static void read_order(struct reservation_look *l, const struct pg_row *row)
{
	size_t n;
	const char *status = pg_get_text(row, COL_ORDER_STATUS, &n);
	l->facts.order_found = !pg_is_null(row, COL_ORDER_STATUS) && order_status_parse(status, n, &l->facts.order);
	l->facts.order_matches = pg_get_bool(row, COL_MATCHES);
	l->approved = pg_get_bool(row, COL_APPROVED);
	l->reservation_id = pg_get_uuid(row, COL_RESERVATION_ID);
	l->decided_ms = pg_get_time(row, COL_UPDATED_AT);
	pg_get_str(row, COL_FAIL_REASON, l->fail_reason, sizeof l->fail_reason);
}

static void read_kept(struct reservation_look *l, const struct pg_row *row)
{
	static const enum confirmation_kept KEPT[PAYMENT_STATUSES] = {
		[PAYMENT_PENDING] = KEPT_PENDING,
		[PAYMENT_APPROVED] = KEPT_APPROVED,
		[PAYMENT_REFUND_PENDING] = KEPT_RETURNED,
		[PAYMENT_REFUNDED] = KEPT_RETURNED,
	};
	size_t n;
	enum payment_status status = PAYMENT_ILLEGAL;
	l->kept_id = pg_get_uuid(row, COL_KEPT_ID);
	if (pg_is_null(row, COL_KEPT_ID)) return;
	const char *text = pg_get_text(row, COL_KEPT_STATUS, &n);
	if (payment_status_parse(text, n, &status)) l->facts.kept = KEPT[status];
	text = pg_get_text(row, COL_KEPT_METHOD, &n);
	method_parse(text, n, &l->facts.kept_method);
}

static bool is_text(const struct pg_row *row, int col, const char *word)
{
	size_t n;
	const char *s = pg_get_text(row, col, &n);
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

static enum confirmation_live live_of(const struct reservation_look *l, const struct pg_row *row)
{
	bool held = is_text(row, COL_SEAT_STATUS, "HELD"), confirmed = is_text(row, COL_SEAT_STATUS, "CONFIRMED");
	struct uuid order_no = pg_get_uuid(row, COL_SEAT_ORDER);
	if (!held && !confirmed) return LIVE_NONE;
	if (pg_get_i64(row, COL_SEAT_USER) != l->event->user)
		return pg_get_bool(row, COL_OUTLIVED) ? LIVE_OUTLIVED : LIVE_TAKEN;
	if (held) return LIVE_OWN_HELD;
	bool ours = pg_is_null(row, COL_SEAT_ORDER) || uuid_equal(&order_no, &l->event->order_no);
	return ours ? LIVE_OWN_CONFIRMED : LIVE_TAKEN;
}

static enum seat_claim_kind claim_of(const struct pg_row *row, int col)
{
	if (is_text(row, col, "CONFIRMED")) return CLAIM_SOLD;
	return is_text(row, col, "HELD") ? CLAIM_HELD : CLAIM_FREE;
}

static void read_seat(struct reservation_look *l, const struct pg_row *row)
{
	if (pg_is_null(row, COL_SEAT_ID)) return;
	l->facts.live = live_of(l, row);
	if (l->facts.live != LIVE_NONE) l->live_id = pg_get_uuid(row, COL_SEAT_ID);
	l->truth.rev = pg_get_i64(row, COL_SEAT_REV);
	l->truth.user = pg_get_i64(row, COL_SEAT_USER);
	l->truth.kind = claim_of(row, COL_SEAT_STATUS);
}

static void look_row(struct port_call *call, const struct pg_row *row)
{
	struct reservation_look *l = look_of(call);
	read_seen(l, row);
	read_order(l, row);
	read_kept(l, row);
	read_seat(l, row);
}

static const struct pg_batch LOOK = {
	.stmt = STMT_CONFIRM_FACTS,
	.lane = PG_FAST,
	.write = false,
	.max = LOOK_MAX,
	.params = EVENT_PARAM_COUNT,
	.types = {EVENT_PARAMS},
	.bind = bind_look,
	.row = look_row,
};

static void look(struct reservations *port, struct reservation_look *l)
{
	struct pg_reservations *r = container_of(port, struct pg_reservations, port);
	*l = (struct reservation_look){.call = l->call, .event = l->event, .facts.method = l->event->method};
	pg_batch_call(r->pg, &LOOK, &l->call);
}

/* --- settle: one statement for each kind of verdict --- */

static struct reservation_settle *settle_of(const struct port_call *c)
{
	return container_of(c, struct reservation_settle, call);
}

static void bind_settle(struct pg_args *a, const struct port_call *call)
{
	const struct reservation_settle *s = settle_of(call);
	bind_event(a, s->event);
	pg_uuid(a, &s->reservation_id);
	pg_uuid(a, &s->payment_id);
	pg_bool(a, s->seen->approved);
	bind_known(a, &s->seen->kept_id);
	bind_known(a, &s->seen->live_id);
}

static void settle_row(struct port_call *call, const struct pg_row *row)
{
	struct reservation_settle *s = settle_of(call);
	s->done = true;
	s->settled_id = pg_get_uuid(row, 1);
	s->truth = (struct seat_truth){.rev = pg_get_i64(row, 2), .user = s->event->user, .kind = CLAIM_SOLD};
	s->decided_ms = pg_get_time(row, 3);
}

static void bind_reject(struct pg_args *a, const struct port_call *call)
{
	const struct reservation_settle *s = settle_of(call);
	bool late = s->verdict == CONFIRMATION_LATE_PAYMENT;
	bind_event(a, s->event);
	pg_bool(a, late);
	pg_bool(a, s->seen->approved);
	bind_known(a, &s->seen->kept_id);
	pg_uuid(a, late ? NULL : &s->seen->live_id);
	pg_uuid(a, &s->payment_id);
	pg_uuid(a, &s->refund_id);
}

static void reject_row(struct port_call *call, const struct pg_row *row)
{
	struct reservation_settle *s = settle_of(call);
	s->done = true;
	s->decided_ms = pg_get_time(row, 4);
	if (pg_is_null(row, 1)) return;
	s->truth = (struct seat_truth){.rev = pg_get_i64(row, 1), .user = pg_get_i64(row, 2), .kind = claim_of(row, 3)};
}

static void bind_note(struct pg_args *a, const struct port_call *call)
{
	pg_uuid(a, &settle_of(call)->event->event_id);
	pg_uuid(a, &settle_of(call)->event->order_no);
}

static void note_row(struct port_call *call, const struct pg_row *row)
{
	(void)row;
	settle_of(call)->done = true;
}

static const struct pg_batch SETTLE = {
	.stmt = STMT_CONFIRM_SETTLE,
	.lane = PG_SLOW,
	.write = true,
	.max = SETTLE_MAX,
	.params = EVENT_PARAM_COUNT + 5,
	.types = {EVENT_PARAMS, PG_UUID, PG_UUID, PG_BOOL, PG_UUID, PG_UUID},
	.bind = bind_settle,
	.row = settle_row,
};
static const struct pg_batch REJECT = {
	.stmt = STMT_CONFIRM_REJECT,
	.lane = PG_SLOW,
	.write = true,
	.max = SETTLE_MAX,
	.params = EVENT_PARAM_COUNT + 6,
	.types = {EVENT_PARAMS, PG_BOOL, PG_BOOL, PG_UUID, PG_UUID, PG_UUID, PG_UUID},
	.bind = bind_reject,
	.row = reject_row,
};
static const struct pg_batch NOTE = {
	.stmt = STMT_CONFIRM_NOTE,
	.lane = PG_SLOW,
	.write = true,
	.max = LOOK_MAX,
	.params = 2,
	.types = {PG_UUID, PG_UUID},
	.bind = bind_note,
	.row = note_row,
};

static void settle(struct reservations *port, struct reservation_settle *s)
{
	struct pg_reservations *r = container_of(port, struct pg_reservations, port);
	s->done = false;
	s->settled_id = (struct uuid){{0}};
	s->truth = (struct seat_truth){0};
	if (s->verdict == CONFIRMATION_CONFIRM) pg_batch_call(r->pg, &SETTLE, &s->call);
	else if (confirmation_rejects(s->verdict)) pg_batch_call(r->pg, &REJECT, &s->call);
	else pg_batch_call(r->pg, &NOTE, &s->call);
}

void pg_reservations_init(struct pg_reservations *r, struct pg *pg)
{
	r->port = (struct reservations){.confirm = confirm, .look = look, .settle = settle};
	r->pg = pg;
}
