#include "api/app/release_seat.h"

enum { FIND_SCHEDULE, UNLOCK_SEAT, FAIL_ORDER };
enum { ROUNDS_MAX = 3 };

static struct release_seat *self(struct flow *f)
{
	return container_of(f, struct release_seat, flow);
}

static int end(struct release_seat *r, enum release_outcome o)
{
	r->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct release_seat *r = self(f);
	find_schedule_ask(&r->find, r->services, f, r->schedule);
}

static int schedule_found(struct flow *f)
{
	struct release_seat *r = self(f);

	if (tk_failed(f->err)) return end(r, RELEASE_FAILED);
	switch (find_schedule_got(&r->find, r->services, &r->seat, 1, NULL)) {
	case FOUND: return UNLOCK_SEAT;
	case FIND_AGAIN: return FIND_SCHEDULE;
	case FOUND_NO_SCHEDULE: return end(r, RELEASE_NO_SCHEDULE);
	case FOUND_NO_SEAT: break;
	}
	return end(r, RELEASE_NO_SEAT);
}

static void unlock_seat(struct flow *f)
{
	struct release_seat *r = self(f);

	r->release.call.flow = f;
	r->release.user = r->user;
	r->release.schedule = r->schedule;
	r->release.seat = r->seat;
	r->release.ended = r->ended;
	r->services->seats->release(r->services->seats, &r->release);
}

static int seat_unlocked(struct flow *f)
{
	struct release_seat *r = self(f);

	if (tk_failed(f->err)) return end(r, RELEASE_FAILED);
	switch (r->release.verdict) {
	case RELEASE_DONE: return end(r, RELEASED);
	case RELEASE_NOT_OWNED: return end(r, r->rounds ? RELEASED : RELEASE_OF_OTHERS);
	/* Redis may have lost a hold whose order is still READY: the database is asked in either case. */
	case RELEASE_NOT_HELD: return r->rounds ? end(r, RELEASED) : FAIL_ORDER;
	case RELEASE_ORDERED: break;
	}
	/* Ordered anew while the first order was being failed: that one must fail, too. */
	if (r->rounds < ROUNDS_MAX) return FAIL_ORDER;
	f->err = TK_ERR(TK_UNAVAILABLE, "the hold is ordered again and again");
	return end(r, RELEASE_FAILED);
}

static void fail_order(struct flow *f)
{
	struct release_seat *r = self(f);

	r->unready.call.flow = f;
	r->unready.user = r->user;
	r->unready.schedule = r->schedule;
	r->unready.seat = r->seat;
	r->services->orders->unready(r->services->orders, &r->unready);
}

static int order_failed(struct flow *f)
{
	struct release_seat *r = self(f);

	if (tk_failed(f->err)) return end(r, RELEASE_FAILED);
	switch (r->unready.verdict) {
	case UNREADY_PAYMENT_IN_PROGRESS: return end(r, RELEASE_PAYMENT_IN_PROGRESS);
	case UNREADY_SOLD: return end(r, RELEASE_SEAT_SOLD);
	case UNREADY_DONE: break;
	}
	r->rounds++;
	r->ended = r->release.order_no;
	return r->release.verdict == RELEASE_NOT_HELD ? end(r, RELEASED) : UNLOCK_SEAT;
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[UNLOCK_SEAT] = {"unlock_seat", unlock_seat, seat_unlocked},
	[FAIL_ORDER] = {"fail_order", fail_order, order_failed},
};

void release_seat_start(struct release_seat *r, struct services *s, void (*done)(struct flow *f))
{
	r->services = s;
	flow_start(&r->flow, STEPS, FIND_SCHEDULE, done);
}

void release_seat_finish(struct release_seat *r)
{
	find_schedule_finish(&r->find);
}
