#include "api/app/check_place.h"

#include <string.h>

#include "runtime/when.h"

enum { VERIFY, REVIVE };

static struct check_place *self(struct flow *f)
{
	return container_of(f, struct check_place, flow);
}

struct queue_verify queue_verify_of(const struct services *s, const struct queue_ticket *t)
{
	return (struct queue_verify){
		.schedule = t->schedule,
		.user = t->user,
		.number = t->number,
		.epoch = t->epoch,
		.rules =
			{
				.opens_at_ms = TIME_NONE, /* nobody is admitted before */
				.active_ttl_ms = s->config->queue_active_ttl_s * 1000,
				.claim_ttl_ms = s->config->queue_claim_ttl_s * 1000,
				.grace_ms = s->config->queue_wait_grace_s * 1000,
			},
	};
}

static void verify(struct flow *f)
{
	struct check_place *c = self(f);

	c->call = queue_verify_of(c->services, &c->ticket);
	c->call.call.flow = f;
	c->services->queue->verify(c->services->queue, &c->call);
}

static int verified(struct flow *f)
{
	struct check_place *c = self(f);

	if (tk_failed(f->err) || c->call.verdict != VERIFY_NEW_LIFE) return FLOW_END;
	return revive_queue_may(&c->revive, &f->err) ? REVIVE : FLOW_END;
}

static void revive(struct flow *f)
{
	struct check_place *c = self(f);
	revive_queue_ask(&c->revive, c->services, f, c->ticket.schedule);
}

static int revived(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : VERIFY;
}

static const struct flow_step STEPS[] = {
	[VERIFY] = {"verify", verify, verified},
	[REVIVE] = {"revive", revive, revived},
};

void check_place_start(struct check_place *c, struct services *s, void (*done)(struct flow *f))
{
	c->services = s;
	flow_start(&c->flow, STEPS, VERIFY, done);
}

bool queue_ticket_of(struct services *s, const char *token, int64_t schedule, struct queue_ticket *ret)
{
	return token && s->tokens->read(s->tokens, token, strlen(token), ret) && ret->schedule == schedule;
}
