#include "api/app/after_payment.h"

#include <stdlib.h>
#include <string.h>

#include "api/app/backlog.h"
#include "api/app/seating.h"
#include "port/event_out.h"
#include "port/outbox.h"
#include "port/seat_lock.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

/* Marks that wait for the next script; beyond, they are left to backstage's comparison. A script costs Redis much
 * beside its marks, and nobody waits for them: until it comes the seat is protected by the key of its hold, and where
 * that has just ended, payment/ready refuses it to others by the payment. */
enum { MARKS_MAX = 4096, MARKS_EVERY_MS = 5 };

/* The producer sends a request for each partition that has something, and the broker's work is by the request: under
 * load the events of some time go out together. On a calm system, at once. */
enum { EVENTS_MAX = 1000, EVENTS_AT_ONCE = 2, EVENTS_EVERY_MS = 20 };

struct after_payment {
	struct services *services;
	/* Events that wait for the end of this stretch of EVENTS_EVERY_MS; `at_once` went out in it without waiting. */
	struct timer events_due;
	unsigned at_once, waiting;
	struct payment_completed events[EVENTS_MAX];
	struct clearing *spare;
	unsigned clearings, unreported;
	/* Two halves: one is with Redis, the other fills up meanwhile. */
	struct flow marking;
	struct timer mark_next;
	int64_t mark_at_ms; /* the next script, at the earliest */
	struct seat_apply apply;
	struct seat_change marks[2][MARKS_MAX];
	unsigned filling, count;
	bool under_way;
};

/* --- delivery reports: the outbox row goes --- */

struct clearing {
	struct flow flow;
	struct outbox_clear clear;
	struct after_payment *owner;
	struct clearing *next;
};

static void clear_row(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);
	c->owner->services->outbox->clear(c->owner->services->outbox, &c->clear);
}

/* Failed: the row stays, the relay publishes once more; a duplicate is normal. */
static int row_cleared(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);

	if (!tk_failed(f->err)) backlog_moved(c->owner->services->backlog, -1);
	return FLOW_END;
}

static const struct flow_step CLEARING[] = {{"clear_row", clear_row, row_cleared}};

static void clearing_done(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);

	c->owner->clearings--;
	c->next = c->owner->spare;
	c->owner->spare = c;
}

static void delivered(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct after_payment *a = ctx;
	struct clearing *c = a->spare;

	(void)tag;
	a->unreported--;
	if (d != DELIVERY_DONE) return;
	if (c) a->spare = c->next;
	else if (!(c = malloc(sizeof *c))) return;
	*c = (struct clearing){.owner = a, .clear.event_id = *event_id};
	c->clear.call.flow = &c->flow;
	a->clearings++;
	metrics_add(a->services->metrics, METRIC_PAYMENT_EVENTS, 0, 1);
	flow_start(&c->flow, CLEARING, 0, clearing_done);
}

/* --- pending marks: the first at once, then as many as came since the last script --- */

static void mark_seats(struct flow *f)
{
	struct after_payment *a = container_of(f, struct after_payment, marking);

	a->mark_at_ms = loop_now_ms(a->services->loop) + MARKS_EVERY_MS;
	a->apply = (struct seat_apply){.call.flow = f, .changes = a->marks[a->filling], .count = a->count};
	a->filling ^= 1;
	a->count = 0;
	a->services->seats->apply(a->services->seats, &a->apply);
}

static int seats_marked(struct flow *f)
{
	struct after_payment *a = container_of(f, struct after_payment, marking);

	for (unsigned i = 0; tk_failed(f->err) && i < a->apply.count; i++)
		seating_mend(a->services->seating, a->apply.changes[i].schedule);
	return FLOW_END;
}

static const struct flow_step MARKING[] = {{"mark_seats", mark_seats, seats_marked}};

static void mark_now(struct after_payment *a);

static void mark_soon(struct after_payment *a)
{
	if (a->under_way || a->count == 0) return;
	if (loop_now_ms(a->services->loop) >= a->mark_at_ms) mark_now(a);
	else if (a->mark_next.slot == 0) timer_arm(a->services->loop, &a->mark_next, a->mark_at_ms);
}

static void mark_due(struct timer *t)
{
	mark_soon(container_of(t, struct after_payment, mark_next));
}

static void marking_done(struct flow *f)
{
	struct after_payment *a = container_of(f, struct after_payment, marking);

	a->under_way = false;
	mark_soon(a);
}

static void mark_now(struct after_payment *a)
{
	a->under_way = true;
	flow_start(&a->marking, MARKING, 0, marking_done);
}

static void mark_pending(struct after_payment *a, const struct order_approve *o)
{
	if (a->count == MARKS_MAX) {
		seating_mend(a->services->seating, o->event.schedule);
		return;
	}
	a->marks[a->filling][a->count++] = (struct seat_change){
		.schedule = o->event.schedule,
		.rev = o->rev,
		.user = o->event.user,
		.seat = o->event.seat,
		.kind = CLAIM_PENDING,
	};
	mark_soon(a);
}

/* --- events --- */

static void publish(struct after_payment *a, const struct payment_completed *e)
{
	struct event_out *out = a->services->events;

	if (!tk_failed(out->publish_payment(out, e, 0))) a->unreported++;
}

static void publish_waiting(struct after_payment *a)
{
	for (unsigned i = 0; i < a->waiting; i++) publish(a, &a->events[i]);
	a->waiting = 0;
}

static void next_stretch(struct after_payment *a, unsigned at_once)
{
	a->at_once = at_once;
	timer_arm(a->services->loop, &a->events_due, loop_now_ms(a->services->loop) + EVENTS_EVERY_MS);
}

static void stretch_ended(struct timer *t)
{
	struct after_payment *a = container_of(t, struct after_payment, events_due);

	if (!a->waiting) return;
	publish_waiting(a);
	next_stretch(a, EVENTS_AT_ONCE);
}

static void publish_soon(struct after_payment *a, const struct payment_completed *e)
{
	if (a->events_due.slot == 0) next_stretch(a, 0);
	if (a->at_once < EVENTS_AT_ONCE) {
		a->at_once++;
		publish(a, e);
		return;
	}
	if (a->waiting == EVENTS_MAX) publish_waiting(a);
	a->events[a->waiting++] = *e;
}

void after_payment_approved(struct after_payment *a, const struct order_approve *o)
{
	backlog_moved(a->services->backlog, 1);
	publish_soon(a, &o->event);
	mark_pending(a, o);
}

struct after_payment *after_payment_create(struct services *s)
{
	struct after_payment *a = calloc(1, sizeof *a);

	if (!a) return NULL;
	a->services = s;
	a->mark_next.fired = mark_due;
	a->events_due.fired = stretch_ended;
	s->events->delivered = delivered;
	s->events->ctx = a;
	return a;
}

bool after_payment_idle(const struct after_payment *a)
{
	return !a->waiting && !a->under_way && !a->count && !a->clearings && !a->unreported;
}

void after_payment_destroy(struct after_payment *a)
{
	struct clearing *c;

	if (!a) return;
	timer_stop(a->services->loop, &a->mark_next);
	timer_stop(a->services->loop, &a->events_due);
	while ((c = a->spare)) {
		a->spare = c->next;
		free(c);
	}
	free(a);
}
