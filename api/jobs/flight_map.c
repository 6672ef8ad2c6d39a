/* The map: the seats' statuses, read from Redis; looks or reloads first, where needed. */
#include "api/jobs/flight.h"
#include "runtime/mem.h"

enum { MAP_LOOK, MAP_READ, MAP_RELOAD };

static void look_if_unknown(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->inner_found = fl->entry->known;
	if (fl->entry->known) flow_wake(f, TK_NONE);
	else flight_wait_for(fl, FLIGHT_LOOK);
}

static int looked(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->found = !tk_failed(f->err) && fl->inner_found && fl->entry->known;
	return fl->found ? MAP_READ : FLOW_END;
}

static void drop_read(struct flight *fl)
{
	free(fl->read.status);
	fl->read.status = NULL;
	seat_plan_unref(fl->plan);
	fl->plan = NULL;
}

static void read_seats(struct flow *f)
{
	struct flight *fl = flight_of(f);

	drop_read(fl);
	fl->plan = seat_plan_ref(fl->entry->plan);
	fl->began_ms = hub_now(fl->hub);
	fl->read = (struct seat_read){
		.call.flow = f,
		.schedule = fl->entry->node.id,
		.plan = fl->plan,
		.status = mem_must(calloc(fl->plan->count + 1, 1)),
	};
	flight_ports(fl)->seats->read(flight_ports(fl)->seats, &fl->read);
}

static int seats_read(struct flow *f)
{
	struct flight *fl = flight_of(f);
	uint8_t *status = fl->read.status;

	if (tk_failed(f->err)) return FLOW_END;
	if (!fl->read.loaded && !fl->reloaded && fl->entry->known) return MAP_RELOAD;
	if (!fl->read.loaded) {
		f->err = TK_ERR(TK_UNAVAILABLE, "Redis forgets faster than it is told");
		return FLOW_END;
	}
	fl->read.status = NULL;
	fl->found = fl->entry->known; /* it may have been deleted meanwhile */
	hub_learn_map(fl->hub, fl->entry, fl->plan, status, fl->began_ms);
	return FLOW_END;
}

static void reload(struct flow *f)
{
	flight_wait_for(flight_of(f), FLIGHT_RELOAD);
}

static int reloaded(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->reloaded = true;
	if (!tk_failed(f->err) && !fl->entry->known) fl->found = false;
	return tk_failed(f->err) || !fl->found ? FLOW_END : MAP_READ;
}

const struct flow_step FLIGHT_MAP_STEPS[] = {
	[MAP_LOOK] = {"look_if_unknown", look_if_unknown, looked},
	[MAP_READ] = {"read_seats", read_seats, seats_read},
	[MAP_RELOAD] = {"reload", reload, reloaded},
};
