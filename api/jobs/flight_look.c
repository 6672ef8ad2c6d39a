/* The row and the plan. */
#include "api/jobs/flight.h"

static void load_schedule(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->look = (struct schedule_load){.call.flow = f, .id = fl->entry->node.id, .with_seats = true};
	flight_ports(fl)->catalogue->schedule(flight_ports(fl)->catalogue, &fl->look);
}

static int schedule_loaded(struct flow *f)
{
	struct flight *fl = flight_of(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = fl->look.found;
	if (fl->found) hub_learn(fl->hub, fl->entry, &fl->look.schedule, fl->look.plan, fl->began_ms);
	else hub_forget(fl->hub, fl->entry);
	return FLOW_END;
}

const struct flow_step FLIGHT_LOOK_STEPS[] = {{"load_schedule", load_schedule, schedule_loaded}};
