#include "api/app/check_place.h"

#include <string.h>

#include "runtime/when.h"

enum { VERIFY, REVIVE };

static struct check_place *self(struct flow *f)
{
	return container_of(f, struct check_place, flow);
}

static void verify(struct flow *f)
{
	struct check_place *c = self(f);
	const struct config *config = c->services->config;

	c->call.call.flow = f;
	c->call.schedule = c->ticket.schedule;
	c->call.user = c->ticket.user;
	c->call.number = c->ticket.number;
	c->call.epoch = c->ticket.epoch;
	c->call.rules = (struct queue_rules){
		.opens_at_ms = TIME_NONE, /* who is admitted knows */
		.active_ttl_ms = config->queue_active_ttl_s * 1000,
		.claim_ttl_ms = config->queue_claim_ttl_s * 1000,
		.grace_ms = config->queue_wait_grace_s * 1000,
	};
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
