#include "api/app/outbox_clearing.h"

#include <stdlib.h>

#include "api/app/backlog.h"
#include "api/app/services.h"
#include "port/outbox.h"
#include "runtime/metrics.h"

struct clearing {
	struct flow flow;
	struct outbox_clear clear;
	struct outbox_clearing *owner;
	struct clearing *next;
};

static void clear_row(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);
	c->owner->services->outbox->clear(c->owner->services->outbox, &c->clear);
}

static int row_cleared(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);

	if (!tk_failed(f->err)) backlog_moved(c->owner->services->backlog, -1);
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"clear_row", clear_row, row_cleared}};

static void done(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);

	c->owner->under_way--;
	c->next = c->owner->spare;
	c->owner->spare = c;
}

void outbox_clearing_delivered(struct outbox_clearing *owner, const struct uuid *event_id)
{
	struct clearing *c = owner->spare;

	if (c) owner->spare = c->next;
	else if (!(c = malloc(sizeof *c))) return;
	*c = (struct clearing){.owner = owner, .clear.event_id = *event_id};
	c->clear.call.flow = &c->flow;
	owner->under_way++;
	metrics_add(owner->services->metrics, METRIC_PAYMENT_EVENTS, 0, 1);
	flow_start(&c->flow, STEPS, 0, done);
}

bool outbox_clearing_idle(const struct outbox_clearing *c)
{
	return c->under_way == 0;
}

void outbox_clearing_init(struct outbox_clearing *c, struct services *s)
{
	*c = (struct outbox_clearing){.services = s};
}

void outbox_clearing_finish(struct outbox_clearing *owner)
{
	struct clearing *c;

	while ((c = owner->spare)) {
		owner->spare = c->next;
		free(c);
	}
}
