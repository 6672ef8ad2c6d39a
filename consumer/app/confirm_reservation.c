#include "app/confirm_reservation.h"

enum { CONFIRM, LOOK, SETTLE };
enum { LOOKS_MAX = 5 };

static struct confirm_reservation *self(struct flow *f)
{
	return container_of(f, struct confirm_reservation, flow);
}

/* --- how it ends --- */

static int fail(struct confirm_reservation *c, struct tk_err err)
{
	c->failed = err;
	return FLOW_END;
}

static int park(struct confirm_reservation *c, const char *reason)
{
	c->outcome = CONFIRM_PARKED;
	c->reason = reason;
	return FLOW_END;
}

/* Refused data is poison; anything else says nothing about the event. */
static int judge_error(struct confirm_reservation *c)
{
	if (c->flow.err.kind == TK_INVALID) return park(c, "refused_by_database");
	return fail(c, c->flow.err);
}

static void change_seat(struct confirm_reservation *c, const struct seat_truth *t)
{
	if (t->rev == 0) return;
	c->changes = true;
	c->change = (struct seat_change){
		.schedule = c->event.schedule, .seat = c->event.seat, .rev = t->rev, .user = t->user, .kind = t->kind};
}

/* An order is decided once: its number is the cause that makes the announcement's id the same each time. */
static void announce(struct confirm_reservation *c, enum reservation_event type, const struct uuid *reservation_id,
	const char *reason, int64_t at_ms)
{
	const struct payment_completed *e = &c->event;
	c->announces = true;
	c->decided = (struct reservation_decided){
		.type = type,
		.event_id = uuid_derived(e->order_no, (unsigned)type + 1),
		.order_no = e->order_no,
		.occurred_at_ms = at_ms,
		.user = e->user,
		.schedule = e->schedule,
		.amount_krw = e->amount_krw,
		.seat = e->seat,
		.reason = reason,
	};
	if (reservation_id) c->decided.reservation_id = *reservation_id;
	memcpy(c->decided.traceparent, e->traceparent, sizeof c->decided.traceparent);
}

static int end_confirmed(
	struct confirm_reservation *c, const struct uuid *id, const struct seat_truth *truth, int64_t decided_ms)
{
	c->outcome = CONFIRM_CONFIRMED;
	change_seat(c, truth);
	announce(c, RESERVATION_CONFIRMED, id, NULL, decided_ms);
	return FLOW_END;
}

static int end_rejected(struct confirm_reservation *c)
{
	c->outcome = CONFIRM_REJECTED;
	change_seat(c, &c->settle.truth);
	announce(c, RESERVATION_REJECTED, NULL, CONFIRMATION_REASON[c->settle.verdict], c->settle.decided_ms);
	return FLOW_END;
}

/* An earlier try was committed, and its reply was lost. */
static bool is_ours(const struct confirm_reservation *c)
{
	return c->look.facts.order == ORDER_PAID && uuid_equal(&c->look.reservation_id, &c->confirm.reservation_id);
}

/* The same that followed, or should have, when the order was decided. */
static int end_repeated(struct confirm_reservation *c)
{
	const struct reservation_look *l = &c->look;
	c->outcome = is_ours(c) ? CONFIRM_CONFIRMED : CONFIRM_DUPLICATE;
	if (!l->facts.order_found) return FLOW_END;
	change_seat(c, &l->truth);
	if (l->facts.order == ORDER_PAID) announce(c, RESERVATION_CONFIRMED, &l->reservation_id, NULL, l->decided_ms);
	else if (l->facts.order == ORDER_CANCELLED)
		announce(c, RESERVATION_REJECTED, NULL, *l->fail_reason ? l->fail_reason : NULL, l->decided_ms);
	return FLOW_END;
}

/* --- the rows --- */

static void confirm(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	c->confirm.call.flow = f;
	c->confirm.event = &c->event;
	c->reservations->confirm(c->reservations, &c->confirm);
}

static int confirmed(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	/* A unique constraint says that something about the event is not simple, not that anything was done. */
	if (f->err.kind == TK_CONFLICT) return LOOK;
	if (tk_failed(f->err)) return judge_error(c);
	if (!c->confirm.confirmed) return LOOK;
	struct seat_truth sold = {.rev = c->confirm.rev, .user = c->event.user, .kind = CLAIM_SOLD};
	return end_confirmed(c, &c->confirm.reservation_id, &sold, c->confirm.decided_ms);
}

static void look(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	c->look.call.flow = f;
	c->look.event = &c->event;
	c->reservations->look(c->reservations, &c->look);
}

static int looked(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	if (tk_failed(f->err)) return judge_error(c);
	enum confirmation verdict = confirmation_decide(&c->look.facts);
	c->looks++;
	c->settle.verdict = verdict;
	if (confirmation_parks(verdict)) return park(c, CONFIRMATION_REASON[verdict]);
	/* An event that was seen is in the inbox already. */
	if (verdict == CONFIRMATION_REPEAT && c->look.facts.seen == SEEN_BEFORE) return end_repeated(c);
	return SETTLE;
}

static void settle(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	c->settle.call.flow = f;
	c->settle.event = &c->event;
	c->settle.seen = &c->look;
	/* What the fast attempt did not use; a refund's id need not be known to anybody yet. */
	c->settle.reservation_id = c->confirm.reservation_id;
	c->settle.payment_id = c->confirm.payment_id;
	c->settle.refund_id = uuid_derived(c->confirm.payment_id, 0);
	c->reservations->settle(c->reservations, &c->settle);
}

static int settled(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	bool overtaken = f->err.kind == TK_CONFLICT || (f->err.kind == TK_OK && !c->settle.done);
	if (overtaken) return c->looks < LOOKS_MAX ? LOOK : fail(c, TK_ERR(TK_UNAVAILABLE, "the facts keep changing"));
	if (tk_failed(f->err)) return judge_error(c);
	if (c->settle.verdict == CONFIRMATION_REPEAT) return end_repeated(c);
	if (confirmation_rejects(c->settle.verdict)) return end_rejected(c);
	return end_confirmed(c, &c->settle.settled_id, &c->settle.truth, c->settle.decided_ms);
}

static const struct flow_step STEPS[] = {
	[CONFIRM] = {"confirm", confirm, confirmed},
	[LOOK] = {"look", look, looked},
	[SETTLE] = {"settle", settle, settled},
};

static void ended(struct flow *f)
{
	struct confirm_reservation *c = self(f);
	c->again = tk_failed(c->failed);
	c->done(c);
}

void confirm_reservation_start(struct confirm_reservation *c, int64_t now_ms)
{
	unsigned tag = (unsigned)(c->event.schedule & 0xfff);
	c->failed = TK_NONE;
	c->reason = NULL;
	c->changes = c->announces = false;
	c->looks = 0;
	if (!c->again) {
		c->confirm.reservation_id = uuid_v7(now_ms, tag);
		c->confirm.payment_id = uuid_v7(now_ms, tag);
	}
	flow_start(&c->flow, STEPS, CONFIRM, ended);
}
