/* flight: one look-up under way, and all who wait for it.
 *
 * Someone who joins late must not be told "not found" by a look-up that began before they asked: a row may have come
 * in between. They get a flight of their own. */
#include "api/jobs/hub.h"
#include "port/catalogue.h"
#include "port/seat_lock.h"
#include "runtime/log.h"
#include "runtime/mem.h"

#include <sys/random.h>

struct flight {
	struct flow flow;
	struct hub *hub;
	struct hub_entry *entry;
	enum flight_kind kind;
	int64_t began_ms;
	struct seating_wait *waiting, *late;
	struct seating_wait inner; /* its own place in another flight */
	bool found, inner_found, reloaded;
	struct schedule_load look;
	struct claims_load claims;
	struct seat_birth seat_birth;
	struct seat_apply apply;
	struct seat_read read;
	struct queue_birth birth;
	struct queue_epoch_next epoch;
	struct queue_revive revive;
	struct seat_plan *plan; /* of `read` */
};

static struct flight *self(struct flow *f)
{
	return container_of(f, struct flight, flow);
}

static struct backstage_ports *ports_of(const struct flight *fl)
{
	return &fl->hub->b->ports;
}

static void inner_answered(struct seating_wait *w, struct tk_err err, bool found)
{
	struct flight *fl = container_of(w, struct flight, inner);

	fl->inner_found = found;
	flow_wake(&fl->flow, err);
}

static void wait_for(struct flight *fl, enum flight_kind kind)
{
	fl->inner.answer = inner_answered;
	flight_join(fl->hub, fl->entry, kind, &fl->inner);
}

/* The row and the plan */

static void load_schedule(struct flow *f)
{
	struct flight *fl = self(f);

	fl->look = (struct schedule_load){.call.flow = f, .id = fl->entry->node.id, .with_seats = true};
	ports_of(fl)->catalogue->schedule(ports_of(fl)->catalogue, &fl->look);
}

static int schedule_loaded(struct flow *f)
{
	struct flight *fl = self(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = fl->look.found;
	if (fl->found) hub_learn(fl->hub, fl->entry, &fl->look.schedule, fl->look.plan, fl->began_ms);
	else hub_forget(fl->hub, fl->entry);
	return FLOW_END;
}

static const struct flow_step LOOK_STEPS[] = {{"load_schedule", load_schedule, schedule_loaded}};

/* The map */

enum { MAP_LOOK, MAP_READ, MAP_RELOAD };

static void look_if_unknown(struct flow *f)
{
	struct flight *fl = self(f);

	fl->inner_found = fl->entry->known;
	if (fl->entry->known) flow_wake(f, TK_NONE);
	else wait_for(fl, FLIGHT_LOOK);
}

static int looked(struct flow *f)
{
	struct flight *fl = self(f);

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
	struct flight *fl = self(f);

	drop_read(fl);
	fl->plan = seat_plan_ref(fl->entry->plan);
	fl->began_ms = hub_now(fl->hub);
	fl->read = (struct seat_read){
		.call.flow = f,
		.schedule = fl->entry->node.id,
		.plan = fl->plan,
		.status = mem_must(calloc(fl->plan->count + 1, 1)),
	};
	ports_of(fl)->seats->read(ports_of(fl)->seats, &fl->read);
}

static int seats_read(struct flow *f)
{
	struct flight *fl = self(f);
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
	wait_for(self(f), FLIGHT_RELOAD);
}

static int reloaded(struct flow *f)
{
	struct flight *fl = self(f);

	fl->reloaded = true;
	if (!tk_failed(f->err) && !fl->entry->known) fl->found = false;
	return tk_failed(f->err) || !fl->found ? FLOW_END : MAP_READ;
}

static const struct flow_step MAP_STEPS[] = {
	[MAP_LOOK] = {"look_if_unknown", look_if_unknown, looked},
	[MAP_READ] = {"read_seats", read_seats, seats_read},
	[MAP_RELOAD] = {"reload", reload, reloaded},
};

/* The copy in Redis */

enum { RELOAD_BIRTH, RELOAD_CLAIMS, RELOAD_APPLY };

static void ask_seat_birth(struct flow *f)
{
	struct flight *fl = self(f);

	fl->seat_birth = (struct seat_birth){.call.flow = f, .schedule = fl->entry->node.id};
	ports_of(fl)->seats->birth(ports_of(fl)->seats, &fl->seat_birth);
}

static int seat_birth_known(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : RELOAD_CLAIMS;
}

static void load_claims(struct flow *f)
{
	struct flight *fl = self(f);

	fl->claims = (struct claims_load){.call.flow = f, .schedule = fl->entry->node.id};
	ports_of(fl)->catalogue->claims(ports_of(fl)->catalogue, &fl->claims);
}

static int claims_loaded(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : RELOAD_APPLY;
}

static void apply_claims(struct flow *f)
{
	struct flight *fl = self(f);

	fl->apply = (struct seat_apply){
		.call.flow = f,
		.changes = fl->claims.changes,
		.count = fl->claims.count,
		.load_birth = fl->seat_birth.birth,
		.load_schedule = fl->entry->node.id,
	};
	ports_of(fl)->seats->apply(ports_of(fl)->seats, &fl->apply);
}

static int claims_applied(struct flow *f)
{
	struct flight *fl = self(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = true;
	metrics_add(ports_of(fl)->metrics, METRIC_RELOADS, 0, 1);
	LOG(state_reloaded, LF_I("schedule", fl->entry->node.id), LF_I("seats", fl->claims.count));
	return FLOW_END;
}

static const struct flow_step RELOAD_STEPS[] = {
	[RELOAD_BIRTH] = {"ask_seat_birth", ask_seat_birth, seat_birth_known},
	[RELOAD_CLAIMS] = {"load_claims", load_claims, claims_loaded},
	[RELOAD_APPLY] = {"apply_claims", apply_claims, claims_applied},
};

/* The queue */

enum { REVIVE_BIRTH, REVIVE_EPOCH, REVIVE_QUEUE };

static int64_t random_birth(void)
{
	uint64_t r;

	if (getrandom(&r, sizeof r, 0) != sizeof r) abort();
	return (int64_t)(r >> 11 | 1);
}

static void ask_birth(struct flow *f)
{
	struct flight *fl = self(f);

	fl->birth = (struct queue_birth){.call.flow = f, .schedule = fl->entry->node.id, .candidate = random_birth()};
	ports_of(fl)->queue->birth(ports_of(fl)->queue, &fl->birth);
}

static int birth_known(struct flow *f)
{
	struct flight *fl = self(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = fl->birth.birth == 0;
	return fl->found ? FLOW_END : REVIVE_EPOCH;
}

/* Several daemons may do it at once: the birth that they share makes their epochs one. */
static void next_epoch(struct flow *f)
{
	struct flight *fl = self(f);

	fl->epoch = (struct queue_epoch_next){.call.flow = f, .schedule = fl->birth.schedule, .birth = fl->birth.birth};
	ports_of(fl)->books->epoch(ports_of(fl)->books, &fl->epoch);
}

static int epoch_given(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : REVIVE_QUEUE;
}

static void revive_queue(struct flow *f)
{
	struct flight *fl = self(f);

	fl->revive = (struct queue_revive){
		.call.flow = f, .schedule = fl->birth.schedule, .birth = fl->birth.birth, .epoch = fl->epoch.epoch};
	ports_of(fl)->queue->revive(ports_of(fl)->queue, &fl->revive);
}

static int queue_revived(struct flow *f)
{
	struct flight *fl = self(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = true;
	if (fl->revive.revived) LOG(queue_revived, LF_I("schedule", fl->epoch.schedule), LF_I("epoch", fl->epoch.epoch));
	return FLOW_END;
}

static const struct flow_step REVIVE_STEPS[] = {
	[REVIVE_BIRTH] = {"ask_birth", ask_birth, birth_known},
	[REVIVE_EPOCH] = {"next_epoch", next_epoch, epoch_given},
	[REVIVE_QUEUE] = {"revive_queue", revive_queue, queue_revived},
};

/* All of them */

static const struct flow_step *const STEPS[FLIGHTS] = {
	[FLIGHT_LOOK] = LOOK_STEPS,
	[FLIGHT_MAP] = MAP_STEPS,
	[FLIGHT_RELOAD] = RELOAD_STEPS,
	[FLIGHT_REVIVE] = REVIVE_STEPS,
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
	drop_read(fl);
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
	struct flight *fl = self(f);
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
