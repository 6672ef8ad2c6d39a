/* Fails READY orders whose time ran out. Their holds in Redis end by themselves. */
#include "api/jobs/inside.h"
#include "port/outbox.h"

struct expire {
	struct job job;
	struct orders_expire call;
};

static void expire_orders(struct flow *f)
{
	struct expire *e = container_of(job_of(f), struct expire, job);

	e->call = (struct orders_expire){.call.flow = f};
	e->job.b->ports.outbox->expire(e->job.b->ports.outbox, &e->call);
}

static int orders_expired(struct flow *f)
{
	struct expire *e = container_of(job_of(f), struct expire, job);

	if (tk_failed(f->err)) return FLOW_END;
	metrics_add(e->job.b->ports.metrics, METRIC_ORDERS_EXPIRED, 0, e->call.count);
	if (e->call.more) job_kick(&e->job);
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"expire_orders", expire_orders, orders_expired}};
const struct job_kind EXPIRE_KIND = {"expire", 1000, sizeof(struct expire), STEPS, NULL, NULL, NULL};
