#include "api/app/read.h"

static void ask(struct flow *f)
{
	struct read *r = container_of(f, struct read, flow);
	r->ask(r);
}

static int got(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"read", ask, got}};

void read_start(struct read *r, struct services *s, struct port_call *call, void (*ask_)(struct read *r),
	void (*done)(struct flow *f))
{
	r->services = s;
	r->ask = ask_;
	call->flow = &r->flow;
	flow_start(&r->flow, STEPS, 0, done);
}
