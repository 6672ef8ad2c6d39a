/* Someone who joins late must not be told "not found" by a look-up that began before they asked: a row may have come
 * in between. They get a flight of their own. */
#include "api/jobs/flight.h"

#include "runtime/mem.h"

static void inner_answered(struct seating_wait *w, struct tk_err err, bool found)
{
	struct flight *fl = container_of(w, struct flight, inner);

	fl->inner_found = found;
	flow_wake(&fl->flow, err);
}

void flight_wait_for(struct flight *fl, enum flight_kind kind)
{
	fl->inner.answer = inner_answered;
	flight_join(fl->hub, fl->entry, kind, &fl->inner);
}

static const struct flow_step *const STEPS[FLIGHTS] = {
	[FLIGHT_LOOK] = FLIGHT_LOOK_STEPS,
	[FLIGHT_MAP] = FLIGHT_MAP_STEPS,
	[FLIGHT_RELOAD] = FLIGHT_RELOAD_STEPS,
	[FLIGHT_REVIVE] = FLIGHT_REVIVE_STEPS,
};

static void answer_all(struct seating_wait *w, struct tk_err err, bool found)
{
	for (struct seating_wait *next; w; w = next) {
		next = w->next;
		w->answer(w, err, found);
	}
}

static void flight_free(struct flight *fl)
{
	free(fl->read.status);
	seat_plan_unref(fl->plan);
	free(fl->claims.changes);
	free(fl);
}

static void rejoin(struct hub *h, int64_t schedule, enum flight_kind kind, struct seating_wait *w)
{
	for (struct seating_wait *next; w; w = next) {
		next = w->next;
		flight_join(h, hub_need(h, schedule), kind, w);
	}
}

static void flight_ended(struct flow *f)
{
	struct flight *fl = flight_of(f);
	struct hub *h = fl->hub;
	struct hub_entry *e = fl->entry;
	int64_t schedule = e->node.id;
	bool again = !tk_failed(f->err) && !fl->found && fl->late && !h->closed;

	e->flight[fl->kind] = NULL;
	h->flights--;
	hub_tidy(h, e);
	/* The entry may be gone, and come again: whoever is answered may be another flight that ends by it. */
	if (again) rejoin(h, schedule, fl->kind, fl->late);
	answer_all(fl->waiting, f->err, fl->found);
	if (!again) answer_all(fl->late, f->err, fl->found);
	flight_free(fl);
}

static void push(struct seating_wait **list, struct seating_wait *w)
{
	if (!w) return;
	w->next = *list;
	*list = w;
}

void flight_join(struct hub *h, struct hub_entry *e, enum flight_kind kind, struct seating_wait *w)
{
	struct flight *fl = e->flight[kind];

	if (fl) {
		push(&fl->late, w);
		return;
	}
	fl = mem_must(calloc(1, sizeof *fl));
	fl->hub = h;
	fl->entry = e;
	fl->kind = kind;
	fl->began_ms = hub_now(h);
	push(&fl->waiting, w);
	e->flight[kind] = fl;
	h->flights++;
	flow_start(&fl->flow, STEPS[kind], 0, flight_ended);
}
