#include "fake/fake_orders.h"

#include <assert.h>
#include <string.h>

#include "runtime/when.h"

static struct fake_orders *fake_of(struct orders *o)
{
	return container_of(o, struct fake_orders, port);
}

static bool same_seat(int64_t schedule, const struct seat_no *seat, int64_t other_schedule, const struct seat_no *other)
{
	return schedule == other_schedule && seat_no_equal(seat, other);
}

static bool undecided(const struct fake_order *o)
{
	return o->status == ORDER_READY && (o->approved || o->expires_ms > when_now_ms());
}

struct fake_order *fake_orders_find(struct fake_orders *f, const struct uuid *order_no)
{
	for (unsigned i = 0; i < f->order_count; i++) {
		if (uuid_equal(&f->orders[i].order_no, order_no)) return &f->orders[i];
	}
	return NULL;
}

static struct fake_reservation *live(struct fake_orders *f, int64_t schedule, const struct seat_no *seat)
{
	for (unsigned i = 0; i < f->reservation_count; i++) {
		struct fake_reservation *r = &f->reservations[i];
		if (same_seat(r->schedule, &r->seat, schedule, seat) && (r->confirmed || r->expires_ms > when_now_ms()))
			return r;
	}
	return NULL;
}

void fake_orders_reserve(
	struct fake_orders *f, int64_t user, int64_t schedule, struct seat_no seat, bool confirmed, int64_t expires_ms)
{
	assert(f->reservation_count < FAKE_RESERVATIONS_MAX);
	f->reservations[f->reservation_count++] = (struct fake_reservation){user, schedule, expires_ms, seat, confirmed};
}

void fake_orders_decide(struct fake_orders *f, const struct uuid *order_no, enum order_status to)
{
	struct fake_order *o = fake_orders_find(f, order_no);

	o->status = to;
	if (to != ORDER_PAID) return;
	o->reservation_id = uuid_v7(when_now_ms(), 0);
	fake_orders_reserve(f, o->user, o->schedule, o->seat, true, TIME_FOREVER);
}

/* Does what is asked unless a fault says otherwise, and answers. */
static void act(struct fake_orders *f, enum fake_orders_call which, struct port_call *c,
	void (*doing)(struct fake_orders *f, struct port_call *c))
{
	struct fake_fault *fault = &f->fault[which];
	bool fails = fake_fault_hits(fault);

	f->calls[which]++;
	if (!fails || fault->after_acting) doing(f, c);
	fake_desk_answer(&f->desk, c, fails ? fault->err : TK_NONE);
}

/* --- ready --- */

/* Seats of the user beside this one: live reservations and undecided orders, each seat once. */
static int64_t other_seats(struct fake_orders *f, const struct order_ready *r)
{
	struct seat_no counted[FAKE_ORDERS_MAX];
	int64_t n = 0;

	for (unsigned i = 0; i < f->order_count + f->reservation_count; i++) {
		bool is_order = i < f->order_count;
		const struct fake_order *o = &f->orders[is_order ? i : 0];
		const struct fake_reservation *v = &f->reservations[is_order ? 0 : i - f->order_count];
		int64_t user = is_order ? o->user : v->user, schedule = is_order ? o->schedule : v->schedule;
		const struct seat_no *seat = is_order ? &o->seat : &v->seat;
		bool counts = is_order ? undecided(o) : v->confirmed || v->expires_ms > when_now_ms();

		if (!counts || user != r->user || schedule != r->schedule || seat_no_equal(seat, &r->seat)) continue;
		for (int64_t k = 0; k < n && counts; k++) counts = !seat_no_equal(&counted[k], seat);
		if (counts) counted[n++] = *seat;
	}
	return n;
}

static struct fake_order *order_of(struct fake_orders *f, const struct order_ready *r)
{
	for (unsigned i = 0; i < f->order_count; i++) {
		struct fake_order *o = &f->orders[i];
		if (o->user == r->user && same_seat(o->schedule, &o->seat, r->schedule, &r->seat) && undecided(o)) return o;
	}
	return NULL;
}

static bool others_approved(struct fake_orders *f, const struct order_ready *r)
{
	for (unsigned i = 0; i < f->order_count; i++) {
		const struct fake_order *o = &f->orders[i];
		bool approved = o->status == ORDER_READY && o->approved;
		if (approved && o->user != r->user && same_seat(o->schedule, &o->seat, r->schedule, &r->seat)) return true;
	}
	return false;
}

static enum ready_verdict judge(struct fake_orders *f, const struct order_ready *r)
{
	const struct fake_reservation *v = live(f, r->schedule, &r->seat);

	if (v && v->confirmed) return READY_SEAT_SOLD;
	if ((v && v->user != r->user) || others_approved(f, r)) return READY_SEAT_HELD;
	if (order_of(f, r)) return READY_AGAIN;
	if (other_seats(f, r) >= r->limit) return READY_LIMIT;
	return fake_orders_find(f, &r->order_no) ? READY_ENDED : READY_CREATED;
}

static void do_ready(struct fake_orders *f, struct port_call *c)
{
	struct order_ready *r = container_of(c, struct order_ready, call);

	r->verdict = judge(f, r);
	if (r->verdict != READY_CREATED && r->verdict != READY_AGAIN) return;
	struct fake_order *o = order_of(f, r);
	if (!o) {
		assert(f->order_count < FAKE_ORDERS_MAX);
		o = &f->orders[f->order_count++];
		*o = (struct fake_order){
			.order_no = r->order_no,
			.user = r->user,
			.schedule = r->schedule,
			.amount_krw = r->amount_krw,
			.expires_ms = when_now_ms() + r->remaining_ms,
			.seat = r->seat,
			.status = ORDER_READY,
		};
	}
	r->order_no = o->order_no;
	r->amount_krw = o->amount_krw;
	r->expires_ms = o->expires_ms;
}

/* --- approve --- */

static void tell_event(const struct fake_order *o, struct order_approve *p)
{
	p->rev = o->rev;
	p->event = (struct payment_completed){
		.event_id = o->event_id,
		.order_no = o->order_no,
		.occurred_at_ms = when_now_ms(),
		.user = o->user,
		.schedule = o->schedule,
		.amount_krw = o->amount_krw,
		.seat = o->seat,
		.method = METHOD_CARD,
	};
	memcpy(p->event.traceparent, p->traceparent, TRACEPARENT_TEXT);
}

static void do_approve(struct fake_orders *f, struct port_call *c)
{
	struct order_approve *p = container_of(c, struct order_approve, call);
	struct fake_order *o = fake_orders_find(f, &p->order_no);

	if (!o || (p->user && p->user != o->user)) p->verdict = APPROVE_NOT_FOUND;
	else if (o->status == ORDER_PAID) p->verdict = APPROVE_PAID;
	else if (o->status != ORDER_READY || (!o->approved && o->expires_ms <= when_now_ms())) p->verdict = APPROVE_REFUSED;
	else if (o->approved) p->verdict = APPROVE_AGAIN;
	else p->verdict = APPROVE_DONE;

	if (p->verdict == APPROVE_DONE) {
		o->approved = true;
		o->event_id = p->event_id;
		o->rev = ++f->rev;
		for (unsigned i = 0; i < f->reservation_count; i++) {
			struct fake_reservation *v = &f->reservations[i];
			if (v->user == o->user && same_seat(v->schedule, &v->seat, o->schedule, &o->seat))
				v->expires_ms = TIME_FOREVER;
		}
		tell_event(o, p);
	} else if (p->verdict == APPROVE_AGAIN || p->verdict == APPROVE_PAID) {
		p->event_id = o->event_id;
		tell_event(o, p);
	}
}

/* --- the others --- */

static void do_fail(struct fake_orders *f, struct port_call *c)
{
	struct order_fail *r = container_of(c, struct order_fail, call);
	struct fake_order *o = fake_orders_find(f, &r->order_no);

	if (!o || (r->user && r->user != o->user)) {
		r->verdict = FAIL_NOT_FOUND;
		return;
	}
	r->owner = o->user;
	r->schedule = o->schedule;
	r->seat = o->seat;
	r->verdict = o->status == ORDER_FAILED		   ? FAIL_AGAIN
		: o->status == ORDER_READY && !o->approved ? FAIL_DONE
												   : FAIL_REFUSED;
	if (r->verdict != FAIL_DONE) return;
	o->status = ORDER_FAILED;
	strncpy(o->fail_reason, r->reason, sizeof o->fail_reason - 1);
}

static void do_unready(struct fake_orders *f, struct port_call *c)
{
	struct order_unready *u = container_of(c, struct order_unready, call);
	const struct fake_reservation *v = live(f, u->schedule, &u->seat);

	u->verdict = v && v->confirmed ? UNREADY_SOLD : UNREADY_DONE;
	for (unsigned i = 0; i < f->order_count && u->verdict == UNREADY_DONE; i++) {
		struct fake_order *o = &f->orders[i];
		if (o->user != u->user || o->status != ORDER_READY || !same_seat(o->schedule, &o->seat, u->schedule, &u->seat))
			continue;
		if (o->approved) {
			u->verdict = UNREADY_PAYMENT_IN_PROGRESS;
		} else {
			o->status = ORDER_FAILED;
			strcpy(o->fail_reason, "RELEASED");
		}
	}
}

static void do_view(struct fake_orders *f, struct port_call *c)
{
	struct order_view *v = container_of(c, struct order_view, call);
	const struct fake_order *o = fake_orders_find(f, &v->order_no);

	v->found = o && (!v->user || v->user == o->user);
	if (!v->found) return;
	v->owner = o->user;
	v->schedule = o->schedule;
	v->amount_krw = o->amount_krw;
	v->seat = o->seat;
	v->status = o->status;
	memcpy(v->fail_reason, o->fail_reason, sizeof v->fail_reason);
	v->reservation_id = o->reservation_id;
	v->has_payment = o->approved;
	v->method = METHOD_CARD;
	v->payment_status = PAYMENT_APPROVED;
}

static void ready(struct orders *o, struct order_ready *r)
{
	act(fake_of(o), FAKE_READY, &r->call, do_ready);
}

static void approve(struct orders *o, struct order_approve *p)
{
	act(fake_of(o), FAKE_APPROVE, &p->call, do_approve);
}

static void fail_(struct orders *o, struct order_fail *r)
{
	act(fake_of(o), FAKE_FAIL, &r->call, do_fail);
}

static void unready(struct orders *o, struct order_unready *u)
{
	act(fake_of(o), FAKE_UNREADY, &u->call, do_unready);
}

static void view(struct orders *o, struct order_view *v)
{
	act(fake_of(o), FAKE_VIEW, &v->call, do_view);
}

void fake_orders_init(struct fake_orders *f, struct loop *l)
{
	memset(f, 0, sizeof *f);
	f->port = (struct orders){ready, approve, fail_, unready, view};
	fake_desk_init(&f->desk, l);
}

void fake_orders_finish(struct fake_orders *f)
{
	fake_desk_finish(&f->desk);
}
