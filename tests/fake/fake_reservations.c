#include "fake/fake_reservations.h"

#include <assert.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/when.h"

static struct fake_reservations *self(struct reservations *p)
{
	return container_of(p, struct fake_reservations, port);
}

/* --- rows --- */

struct fake_bought *fake_order_add(struct fake_reservations *f, const struct payment_completed *e, enum order_status s)
{
	assert(f->order_count < FAKE_ROWS);
	struct fake_bought *o = &f->orders[f->order_count++];
	*o = (struct fake_bought){.is = *e, .status = s};
	return o;
}

struct fake_bought *fake_order_find(struct fake_reservations *f, const struct uuid *order_no)
{
	for (unsigned i = 0; i < f->order_count; i++)
		if (uuid_equal(&f->orders[i].is.order_no, order_no)) return &f->orders[i];
	return NULL;
}

struct fake_paid *fake_payment_add(
	struct fake_reservations *f, const struct payment_completed *e, enum payment_method m, enum payment_status s)
{
	assert(f->payment_count < FAKE_ROWS);
	struct fake_paid *p = &f->payments[f->payment_count++];
	*p = (struct fake_paid){.id = uuid_v7(when_now_ms(), 0),
		.order_no = e->order_no,
		.user = e->user,
		.amount = e->amount_krw,
		.method = m,
		.status = s};
	return p;
}

struct fake_paid *fake_payment_kept(struct fake_reservations *f, const struct uuid *order_no)
{
	for (unsigned i = 0; i < f->payment_count; i++) {
		struct fake_paid *p = &f->payments[i];
		if (uuid_equal(&p->order_no, order_no) && p->status != PAYMENT_FAILED) return p;
	}
	return NULL;
}

struct fake_seated *fake_seat_add(
	struct fake_reservations *f, int64_t user, int64_t schedule, const struct seat_no *seat, enum fake_row_status s)
{
	assert(f->seat_count < FAKE_ROWS);
	struct fake_seated *r = &f->seats[f->seat_count++];
	*r = (struct fake_seated){.id = uuid_v7(when_now_ms(), 0),
		.user = user,
		.schedule = schedule,
		.seat = *seat,
		.status = s,
		.rev = ++f->rev};
	return r;
}

static bool is_live(const struct fake_seated *r)
{
	return r->status == ROW_HELD || r->status == ROW_CONFIRMED;
}

static struct fake_seated *seat_latest(struct fake_reservations *f, int64_t schedule, const struct seat_no *seat)
{
	struct fake_seated *best = NULL;
	for (unsigned i = 0; i < f->seat_count; i++) {
		struct fake_seated *r = &f->seats[i];
		if (r->schedule != schedule || !seat_no_equal(&r->seat, seat)) continue;
		if (is_live(r)) return r;
		if (!best || r->rev > best->rev) best = r;
	}
	return best;
}

struct fake_seated *fake_seat_live(struct fake_reservations *f, int64_t schedule, const struct seat_no *seat)
{
	struct fake_seated *r = seat_latest(f, schedule, seat);
	return r && is_live(r) ? r : NULL;
}

static struct fake_note *note_find(struct fake_reservations *f, const struct uuid *event_id)
{
	for (unsigned i = 0; i < f->note_count; i++)
		if (uuid_equal(&f->notes[i].event_id, event_id)) return &f->notes[i];
	return NULL;
}

static void note(struct fake_reservations *f, const struct payment_completed *e, enum fake_noted outcome)
{
	assert(f->note_count < FAKE_ROWS);
	f->notes[f->note_count++] = (struct fake_note){e->event_id, e->order_no, outcome};
}

static bool matches(const struct fake_bought *o, const struct payment_completed *e)
{
	return o->is.user == e->user && o->is.schedule == e->schedule && seat_no_equal(&o->is.seat, &e->seat) &&
		o->is.amount_krw == e->amount_krw;
}

/* --- confirm --- */

static bool payable(struct fake_reservations *f, const struct fake_bought *o, const struct payment_completed *e)
{
	const struct fake_paid *kept = fake_payment_kept(f, &e->order_no);
	if (!o || o->status != ORDER_READY || !matches(o, e)) return false;
	if (e->method == METHOD_POINT) return kept && kept->method == METHOD_POINT && kept->status == PAYMENT_APPROVED;
	return o->approved || !kept;
}

static struct tk_err act_confirm(struct fake_reservations *f, struct reservation_confirm *c)
{
	struct fake_bought *o = fake_order_find(f, &c->event->order_no);
	if (!payable(f, o, c->event) || fake_seat_live(f, c->event->schedule, &c->event->seat)) return TK_NONE;
	if (note_find(f, &c->event->event_id)) return TK_ERR(TK_CONFLICT, "inbox_pkey");
	struct fake_seated *r = fake_seat_add(f, c->event->user, c->event->schedule, &c->event->seat, ROW_CONFIRMED);
	r->id = c->reservation_id;
	r->order_no = c->event->order_no;
	o->status = ORDER_PAID;
	o->reservation_id = r->id;
	c->decided_ms = o->decided_ms = f->now_ms += 1000;
	if (!o->approved) fake_payment_add(f, c->event, METHOD_CARD, PAYMENT_APPROVED)->id = c->payment_id;
	note(f, c->event, NOTED_CONFIRMED);
	c->confirmed = true;
	c->rev = r->rev;
	return TK_NONE;
}

/* --- look --- */

static enum seat_claim_kind claim_of(const struct fake_seated *r)
{
	return r->status == ROW_CONFIRMED ? CLAIM_SOLD : r->status == ROW_HELD ? CLAIM_HELD : CLAIM_FREE;
}

static enum confirmation_live live_of(const struct fake_seated *r, const struct payment_completed *e)
{
	if (!is_live(r)) return LIVE_NONE;
	if (r->user != e->user) return r->status == ROW_HELD && r->outlived ? LIVE_OUTLIVED : LIVE_TAKEN;
	if (r->status == ROW_HELD) return LIVE_OWN_HELD;
	return uuid_is_nil(&r->order_no) || uuid_equal(&r->order_no, &e->order_no) ? LIVE_OWN_CONFIRMED : LIVE_TAKEN;
}

static void look_at_order(struct fake_reservations *f, struct reservation_look *l)
{
	const struct fake_bought *o = fake_order_find(f, &l->event->order_no);
	if (!o) return;
	l->facts.order_found = true;
	l->facts.order_matches = matches(o, l->event);
	l->facts.order = o->status;
	l->approved = o->approved;
	l->reservation_id = o->reservation_id;
	l->decided_ms = o->decided_ms;
	strcpy(l->fail_reason, o->fail_reason ? o->fail_reason : "");
}

static void look_at_payment(struct fake_reservations *f, struct reservation_look *l)
{
	const struct fake_paid *p = fake_payment_kept(f, &l->event->order_no);
	if (!p) return;
	l->kept_id = p->id;
	l->facts.kept_method = p->method;
	l->facts.kept = p->status == PAYMENT_PENDING ? KEPT_PENDING
		: p->status == PAYMENT_APPROVED			 ? KEPT_APPROVED
												 : KEPT_RETURNED;
}

static struct tk_err act_look(struct fake_reservations *f, struct reservation_look *l)
{
	const struct fake_note *n = note_find(f, &l->event->event_id);
	const struct fake_seated *r = seat_latest(f, l->event->schedule, &l->event->seat);
	if (n) l->facts.seen = uuid_equal(&n->order_no, &l->event->order_no) ? SEEN_BEFORE : SEEN_FOR_ANOTHER_ORDER;
	look_at_order(f, l);
	look_at_payment(f, l);
	if (!r) return TK_NONE;
	l->facts.live = live_of(r, l->event);
	if (is_live(r)) l->live_id = r->id;
	l->truth = (struct seat_truth){r->rev, r->user, claim_of(r)};
	return TK_NONE;
}

/* --- settle --- */

static bool still_so(struct fake_reservations *f, const struct reservation_settle *s, enum order_status status)
{
	const struct fake_bought *o = fake_order_find(f, &s->event->order_no);
	const struct fake_paid *p = fake_payment_kept(f, &s->event->order_no);
	return o && o->status == status && matches(o, s->event) && o->approved == s->seen->approved &&
		(p ? uuid_equal(&p->id, &s->seen->kept_id) : uuid_is_nil(&s->seen->kept_id));
}

static struct tk_err settle_confirm(struct fake_reservations *f, struct reservation_settle *s)
{
	const struct payment_completed *e = s->event;
	struct fake_bought *o = fake_order_find(f, &e->order_no);
	struct fake_seated *r = fake_seat_live(f, e->schedule, &e->seat);
	struct fake_paid *p = fake_payment_kept(f, &e->order_no);
	if (!still_so(f, s, ORDER_READY)) return TK_NONE;
	if (uuid_is_nil(&s->seen->live_id) && r) return TK_ERR(TK_CONFLICT, "reservation_seat_live");
	if (!uuid_is_nil(&s->seen->live_id) &&
		(!r || !uuid_equal(&r->id, &s->seen->live_id) || live_of(r, e) == LIVE_TAKEN))
		return TK_NONE;
	if (note_find(f, &e->event_id)) return TK_ERR(TK_CONFLICT, "inbox_pkey");
	if (r && r->user != e->user) {
		r->status = ROW_EXPIRED;
		r->rev = ++f->rev;
		r = NULL;
	}
	if (!r) {
		r = fake_seat_add(f, e->user, e->schedule, &e->seat, ROW_CONFIRMED);
		r->id = s->reservation_id;
	}
	r->status = ROW_CONFIRMED;
	r->order_no = e->order_no;
	r->rev = ++f->rev;
	o->status = ORDER_PAID;
	o->reservation_id = r->id;
	s->decided_ms = o->decided_ms = f->now_ms += 1000;
	if (p) p->status = PAYMENT_APPROVED;
	else fake_payment_add(f, e, METHOD_CARD, PAYMENT_APPROVED);
	note(f, e, NOTED_CONFIRMED);
	s->done = true;
	s->settled_id = r->id;
	s->truth = (struct seat_truth){r->rev, r->user, CLAIM_SOLD};
	return TK_NONE;
}

static void give_back(struct fake_reservations *f, const struct payment_completed *e)
{
	struct fake_paid *p = fake_payment_kept(f, &e->order_no);
	if (!p) p = fake_payment_add(f, e, METHOD_CARD, PAYMENT_APPROVED);
	if (p->status != PAYMENT_APPROVED && p->status != PAYMENT_PENDING) return;
	p->status = PAYMENT_REFUNDED;
	p->refunds++;
	if (p->method == METHOD_POINT) f->given_back += p->amount;
}

static struct tk_err settle_reject(struct fake_reservations *f, struct reservation_settle *s)
{
	bool late = s->verdict == CONFIRMATION_LATE_PAYMENT;
	struct fake_bought *o = fake_order_find(f, &s->event->order_no);
	struct fake_seated *r = fake_seat_live(f, s->event->schedule, &s->event->seat);
	if (!still_so(f, s, late ? ORDER_FAILED : ORDER_READY)) return TK_NONE;
	if (!late && (!r || !uuid_equal(&r->id, &s->seen->live_id) || live_of(r, s->event) != LIVE_TAKEN)) return TK_NONE;
	if (note_find(f, &s->event->event_id)) return TK_ERR(TK_CONFLICT, "inbox_pkey");
	give_back(f, s->event);
	o->status = ORDER_CANCELLED;
	o->fail_reason = CONFIRMATION_REASON[s->verdict];
	s->decided_ms = o->decided_ms = f->now_ms += 1000;
	note(f, s->event, NOTED_REJECTED);
	s->done = true;
	if (late) return TK_NONE;
	r->rev = ++f->rev;
	s->truth = (struct seat_truth){r->rev, r->user, claim_of(r)};
	return TK_NONE;
}

static struct tk_err act_settle(struct fake_reservations *f, struct reservation_settle *s)
{
	if (s->verdict == CONFIRMATION_CONFIRM) return settle_confirm(f, s);
	if (confirmation_rejects(s->verdict)) return settle_reject(f, s);
	if (note_find(f, &s->event->event_id)) return TK_NONE;
	note(f, s->event, NOTED_DUPLICATE);
	s->done = true;
	return TK_NONE;
}

/* --- the calls --- */

static bool fails(struct fake_reservations *f, enum fake_reservations_call which)
{
	f->calls[which]++;
	return fake_fault_hits(&f->fault[which]);
}

static void answer(
	struct fake_reservations *f, enum fake_reservations_call which, bool fails_, struct port_call *c, struct tk_err err)
{
	fake_desk_answer(&f->desk, c, fails_ ? f->fault[which].err : err);
}

static bool acts(struct fake_reservations *f, enum fake_reservations_call which, bool fails_)
{
	return !fails_ || f->fault[which].after_acting;
}

static void confirm(struct reservations *port, struct reservation_confirm *c)
{
	struct fake_reservations *f = self(port);
	bool fault = fails(f, FAKE_CONFIRM);
	c->confirmed = false;
	answer(f, FAKE_CONFIRM, fault, &c->call, acts(f, FAKE_CONFIRM, fault) ? act_confirm(f, c) : TK_NONE);
}

static void look(struct reservations *port, struct reservation_look *l)
{
	struct fake_reservations *f = self(port);
	bool fault = fails(f, FAKE_LOOK);
	*l = (struct reservation_look){.call = l->call, .event = l->event, .facts.method = l->event->method};
	answer(f, FAKE_LOOK, fault, &l->call, act_look(f, l));
}

static void settle(struct reservations *port, struct reservation_settle *s)
{
	struct fake_reservations *f = self(port);
	bool fault = fails(f, FAKE_SETTLE);
	void (*meanwhile)(void *) = f->before_settle;
	f->before_settle = NULL;
	if (meanwhile) meanwhile(f->ctx);
	s->done = false;
	s->truth = (struct seat_truth){0};
	answer(f, FAKE_SETTLE, fault, &s->call, acts(f, FAKE_SETTLE, fault) ? act_settle(f, s) : TK_NONE);
}

void fake_reservations_init(struct fake_reservations *f, struct loop *l)
{
	*f = (struct fake_reservations){
		.port = {confirm, look, settle},
		.now_ms = 1700000000000,
		.orders = mem_must(calloc(FAKE_ROWS, sizeof(struct fake_bought))),
		.payments = mem_must(calloc(FAKE_ROWS, sizeof(struct fake_paid))),
		.seats = mem_must(calloc(FAKE_ROWS, sizeof(struct fake_seated))),
		.notes = mem_must(calloc(FAKE_ROWS, sizeof(struct fake_note))),
	};
	fake_desk_init(&f->desk, l);
}

void fake_reservations_finish(struct fake_reservations *f)
{
	fake_desk_finish(&f->desk);
	free(f->orders);
	free(f->payments);
	free(f->seats);
	free(f->notes);
}
