#include "api/app/payment_events.h"

#include "api/app/services.h"
#include "port/event_out.h"
#include "runtime/err.h"

/* The producer sends a request for each partition that has something, and the work of the broker, of its disk and of the
 * consumer is by the request: 1,000 events in one go are about 40 for each partition. */
static const struct pace_terms TERMS = {.calm_ms = 5, .busy_ms = 100, .crowd = 16, .enough = PAYMENT_EVENTS_MAX};

static void publish_waiting(struct payment_events *p)
{
	struct event_out *out = p->services->events;

	if (p->count == 0 || !pace_is_time(&p->pace, p->count)) return;
	pace_went(&p->pace, p->count);
	for (unsigned i = 0; i < p->count; i++) p->unreported += !tk_failed(out->publish_payment(out, &p->waiting[i], 0));
	p->count = 0;
}

static void it_is_time(struct timer *t)
{
	publish_waiting(container_of(t, struct payment_events, pace.timer));
}

void payment_events_publish(struct payment_events *p, const struct payment_completed *e)
{
	p->waiting[p->count++] = *e;
	publish_waiting(p);
}

static void delivered(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct payment_events *p = ctx;

	(void)tag;
	p->unreported--;
	if (d == DELIVERY_DONE) outbox_clearing_delivered(&p->clearing, event_id);
}

bool payment_events_idle(const struct payment_events *p)
{
	return p->count == 0 && p->unreported == 0 && outbox_clearing_idle(&p->clearing);
}

void payment_events_init(struct payment_events *p, struct services *s)
{
	p->services = s;
	pace_init(&p->pace, s->loop, TERMS, it_is_time);
	outbox_clearing_init(&p->clearing, s);
	s->events->delivered = delivered;
	s->events->ctx = p;
}

void payment_events_finish(struct payment_events *p)
{
	pace_stop(&p->pace);
	outbox_clearing_finish(&p->clearing);
}
