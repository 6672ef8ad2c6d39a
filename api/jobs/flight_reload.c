/* The copy in Redis: what the database knows of the seats goes into the copy that forgot it. */
#include "api/jobs/flight.h"
#include "runtime/log.h"

enum { RELOAD_BIRTH, RELOAD_CLAIMS, RELOAD_APPLY };

static void ask_seat_birth(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->seat_birth = (struct seat_birth){.call.flow = f, .schedule = fl->entry->node.id};
	flight_ports(fl)->seats->birth(flight_ports(fl)->seats, &fl->seat_birth);
}

static int seat_birth_known(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : RELOAD_CLAIMS;
}

static void load_claims(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->claims = (struct claims_load){.call.flow = f, .schedule = fl->entry->node.id};
	flight_ports(fl)->catalogue->claims(flight_ports(fl)->catalogue, &fl->claims);
}

static int claims_loaded(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : RELOAD_APPLY;
}

static void apply_claims(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->apply = (struct seat_apply){
		.call.flow = f,
		.changes = fl->claims.changes,
		.count = fl->claims.count,
		.load_birth = fl->seat_birth.birth,
		.load_schedule = fl->entry->node.id,
	};
	flight_ports(fl)->seats->apply(flight_ports(fl)->seats, &fl->apply);
}

static int claims_applied(struct flow *f)
{
	struct flight *fl = flight_of(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = true;
	metrics_add(flight_ports(fl)->metrics, METRIC_RELOADS, 0, 1);
	LOG(state_reloaded, LF_I("schedule", fl->entry->node.id), LF_I("seats", fl->claims.count));
	return FLOW_END;
}

const struct flow_step FLIGHT_RELOAD_STEPS[] = {
	[RELOAD_BIRTH] = {"ask_seat_birth", ask_seat_birth, seat_birth_known},
	[RELOAD_CLAIMS] = {"load_claims", load_claims, claims_loaded},
	[RELOAD_APPLY] = {"apply_claims", apply_claims, claims_applied},
};
