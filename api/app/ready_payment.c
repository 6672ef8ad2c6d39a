#include "api/app/ready_payment.h"

#include "runtime/when.h"

enum { FIND_SCHEDULE, CLAIM_SEAT, LOAD_COPY, RECORD_ORDER };
enum { RENEWALS_MAX = 2 };

static struct ready_payment *self(struct flow *f)
{
	return container_of(f, struct ready_payment, flow);
}

static int end(struct ready_payment *r, enum ready_outcome o)
{
	r->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct ready_payment *r = self(f);
	find_schedule_ask(&r->find, r->services, f, r->schedule);
}

static int schedule_found(struct flow *f)
{
	struct ready_payment *r = self(f);

	if (tk_failed(f->err)) return end(r, READY_FAILED);
	switch (find_schedule_got(&r->find, r->services, &r->seat, 1, &r->place)) {
	case FOUND: return CLAIM_SEAT;
	case FIND_AGAIN: return FIND_SCHEDULE;
	case FOUND_NO_SCHEDULE: return end(r, READY_NO_SCHEDULE);
	case FOUND_NO_SEAT: break;
	}
	return end(r, READY_NO_SEAT);
}

static void claim_seat(struct flow *f)
{
	struct ready_payment *r = self(f);
	struct seat_claim *c = &r->claim;

	c->call.flow = f;
	c->schedule = r->schedule;
	c->user = r->user;
	c->seat = r->seat;
	c->at_least_ms = r->services->config->payment_ttl_s * 1000;
	c->order_no = uuid_v7(when_now_ms(), (unsigned)(r->schedule % 4096));
	c->ended = r->ended;
	r->services->seats->claim(r->services->seats, c);
}

static int seat_claimed(struct flow *f)
{
	struct ready_payment *r = self(f);

	if (tk_failed(f->err)) return end(r, READY_FAILED);
	switch (r->claim.verdict) {
	case CLAIM_OWN: return RECORD_ORDER;
	case CLAIM_NOT_OWNED: return end(r, READY_NOT_OWNED);
	case CLAIM_IS_SOLD: return end(r, READY_OTHERS_SOLD);
	case CLAIM_IS_TAKEN: return end(r, READY_OTHERS_HELD);
	case CLAIM_NOT_LOADED: break;
	}
	if (r->reloads++ < RELOADS_MAX) return LOAD_COPY;
	f->err = TK_ERR(TK_UNAVAILABLE, "Redis keeps losing its copy");
	return end(r, READY_FAILED);
}

static void load_copy(struct flow *f)
{
	struct ready_payment *r = self(f);
	reload_ask(&r->reload, r->services, f, r->schedule);
}

static int copy_loaded(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), READY_FAILED) : CLAIM_SEAT;
}

static void record_order(struct flow *f)
{
	struct ready_payment *r = self(f);
	struct order_ready *o = &r->order;

	o->call.flow = f;
	o->order_no = r->claim.order_no;
	o->user = r->user;
	o->schedule = r->schedule;
	o->seat = r->seat;
	o->amount_krw = r->find.plan->seats[r->place].price_krw;
	o->remaining_ms = r->claim.remaining_ms;
	o->limit = r->services->config->max_seats_per_user;
	r->services->orders->ready(r->services->orders, o);
}

static int order_recorded(struct flow *f)
{
	struct ready_payment *r = self(f);

	if (tk_failed(f->err)) return end(r, READY_FAILED);
	switch (r->order.verdict) {
	case READY_CREATED: return end(r, READIED);
	case READY_AGAIN: return end(r, READY_BEFORE);
	case READY_SEAT_SOLD: return end(r, READY_OTHERS_SOLD);
	case READY_SEAT_HELD: return end(r, READY_OTHERS_HELD);
	case READY_LIMIT: return end(r, READY_OVER_LIMIT);
	case READY_ENDED: break;
	}
	/* The hold outlived its order (failed, or run out by PostgreSQL's clock): a new number, but no new time. */
	r->ended = r->claim.order_no;
	return r->renewals++ < RENEWALS_MAX ? CLAIM_SEAT : end(r, READY_NOT_OWNED);
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[CLAIM_SEAT] = {"claim_seat", claim_seat, seat_claimed},
	[LOAD_COPY] = {"load_copy", load_copy, copy_loaded},
	[RECORD_ORDER] = {"record_order", record_order, order_recorded},
};

void ready_payment_start(struct ready_payment *r, struct services *s, void (*done)(struct flow *f))
{
	r->services = s;
	flow_start(&r->flow, STEPS, FIND_SCHEDULE, done);
}

void ready_payment_finish(struct ready_payment *r)
{
	find_schedule_finish(&r->find);
}
