#include "api/app/fail_payment.h"

enum { FAIL_ORDER, UNLOCK_SEAT };

static struct fail_payment *self(struct flow *f)
{
	return container_of(f, struct fail_payment, flow);
}

static int end(struct fail_payment *p, enum fail_outcome o)
{
	p->outcome = o;
	return FLOW_END;
}

static void fail_order(struct flow *f)
{
	struct fail_payment *p = self(f);

	p->fail.call.flow = f;
	p->services->orders->fail(p->services->orders, &p->fail);
}

static int order_failed(struct flow *f)
{
	struct fail_payment *p = self(f);

	if (tk_failed(f->err)) return end(p, FAIL_ERROR);
	switch (p->fail.verdict) {
	/* Again: the first one may have failed after PostgreSQL. */
	case FAIL_DONE:
	case FAIL_AGAIN: return UNLOCK_SEAT;
	case FAIL_REFUSED: return end(p, FAIL_NOT_PAYABLE);
	case FAIL_NOT_FOUND: break;
	}
	return end(p, FAIL_NO_ORDER);
}

static void unlock_seat(struct flow *f)
{
	struct fail_payment *p = self(f);

	p->release = (struct seat_release){
		.call.flow = f,
		.schedule = p->fail.schedule,
		.user = p->fail.owner,
		.seat = p->fail.seat,
		.ended = p->fail.order_no,
		.only_ended = true,
	};
	p->services->seats->release(p->services->seats, &p->release);
}

static int seat_unlocked(struct flow *f)
{
	return end(self(f), FAILED_NOW_OR_BEFORE);
}

static const struct flow_step STEPS[] = {
	[FAIL_ORDER] = {"fail_order", fail_order, order_failed},
	[UNLOCK_SEAT] = {"unlock_seat", unlock_seat, seat_unlocked},
};

void fail_payment_start(struct fail_payment *p, struct services *s, void (*done)(struct flow *f))
{
	p->services = s;
	flow_start(&p->flow, STEPS, FAIL_ORDER, done);
}
