#include "support/asker.h"

#include <string.h>

#include "runtime/loop.h"

/* The test itself asks, after the flow has begun to wait. */
static void leave_it_to_the_test(struct flow *f)
{
	(void)f;
}

static int answered(struct flow *f)
{
	struct asker *a = container_of(f, struct asker, flow);
	a->err = f->err;
	a->answers++;
	return FLOW_END;
}

static void done(struct flow *f)
{
	(void)f;
}

static const struct flow_step STEPS[] = {{"ask", leave_it_to_the_test, answered}};

void asker_init(struct asker *a, struct port_call *c)
{
	memset(a, 0, sizeof *a);
	c->flow = &a->flow;
	flow_start(&a->flow, STEPS, 0, done);
}

bool asker_wait_ms(struct asker *a, struct loop *l, int64_t ms)
{
	int64_t until = loop_now_us() / 1000 + ms;
	while (a->answers == 0 && loop_now_us() / 1000 < until) loop_turn(l, 5);
	return a->answers > 0;
}

bool asker_wait(struct asker *a, struct loop *l)
{
	return asker_wait_ms(a, l, 20000);
}
