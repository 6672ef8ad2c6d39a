#include "api/app/complete_payment.h"

#include "api/app/after_payment.h"
#include "api/app/backlog.h"
#include "runtime/loop.h"
#include "runtime/when.h"

enum { CHECK_OUTBOX, APPROVE_PAYMENT };
enum { TRIES_MAX = 3 };

static struct complete_payment *self(struct flow *f)
{
	return container_of(f, struct complete_payment, flow);
}

static int end(struct complete_payment *c, enum complete_outcome o)
{
	c->outcome = o;
	return FLOW_END;
}

/* A payment that could not be told to Kafka for hours is better refused than taken. */
static int outbox_checked(struct flow *f)
{
	struct complete_payment *c = self(f);

	if (backlog_rows(c->services->backlog) < c->services->config->outbox_max) return APPROVE_PAYMENT;
	f->err = TK_ERR(TK_UNAVAILABLE, "the outbox is full");
	return end(c, COMPLETE_FAILED);
}

static void approve_payment(struct flow *f)
{
	struct complete_payment *c = self(f);

	if (!c->tries++) {
		int64_t now_ms = when_now_ms();
		c->approve.payment_id = uuid_v7(now_ms, 0);
		c->approve.event_id = c->event_id = uuid_v7(now_ms, 0);
		c->until_ms = loop_now_ms(c->services->loop) + c->services->config->database_timeout_ms;
	}
	c->approve.call.flow = f;
	c->services->orders->approve(c->services->orders, &c->approve);
}

/* Known only now: the commit of an earlier try whose answer was lost. */
static bool approved_by_us(const struct complete_payment *c)
{
	return c->approve.verdict == APPROVE_DONE ||
		(c->approve.verdict == APPROVE_AGAIN && uuid_equal(&c->approve.event_id, &c->event_id));
}

static bool may_ask_again(const struct complete_payment *c)
{
	return c->tries < TRIES_MAX && loop_now_ms(c->services->loop) < c->until_ms;
}

static int payment_approved(struct flow *f)
{
	struct complete_payment *c = self(f);

	if (f->err.kind == TK_UNCERTAIN && may_ask_again(c)) return APPROVE_PAYMENT;
	if (tk_failed(f->err)) return end(c, COMPLETE_FAILED);
	if (approved_by_us(c)) after_payment_approved(c->services->after_payment, &c->approve);
	switch (c->approve.verdict) {
	case APPROVE_DONE:
	case APPROVE_AGAIN: return end(c, COMPLETED);
	case APPROVE_PAID: return end(c, COMPLETE_PAID);
	case APPROVE_REFUSED: return end(c, COMPLETE_REFUSED);
	case APPROVE_NOT_FOUND:
	case APPROVE_BUSY: break;
	}
	return end(c, COMPLETE_NO_ORDER);
}

static const struct flow_step STEPS[] = {
	[CHECK_OUTBOX] = {"check_outbox", NULL, outbox_checked},
	[APPROVE_PAYMENT] = {"approve_payment", approve_payment, payment_approved},
};

void complete_payment_start(struct complete_payment *c, struct services *s, void (*done)(struct flow *f))
{
	c->services = s;
	flow_start(&c->flow, STEPS, CHECK_OUTBOX, done);
}
