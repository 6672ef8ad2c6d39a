/* Seats that were added by SQL, or repriced before the sale, appear in the maps in use: the oldest plan among them is
 * looked up again, for at most a twentieth of the time. */
#include "api/jobs/hub.h"

enum { PERIOD_MS = 250, REST = 20, OLD_MS = 1000, IN_USE_MS = 5000 };

struct refresh_plans {
	struct job job;
	struct seating_wait wait;
	int64_t schedule, began_ms;
};

static struct refresh_plans *self(struct flow *f)
{
	return container_of(job_of(f), struct refresh_plans, job);
}

static bool is_due(const struct hub *h, const struct hub_entry *e)
{
	int64_t now = hub_now(h);

	if (!e->known || !e->map || now - e->plan_as_of_ms < OLD_MS) return false;
	return e->watches || now - atomic_load_explicit(&e->use->map_used_ms, memory_order_relaxed) < IN_USE_MS;
}

enum { CHOOSE, LOOK };

static int oldest_chosen(struct flow *f)
{
	struct refresh_plans *r = self(f);
	struct hub *h = r->job.b->hub;
	const struct hub_entry *found = NULL;

	for (const struct hub_entry *e = hub_next(h, NULL); e; e = hub_next(h, e)) {
		if (is_due(h, e) && (!found || e->plan_as_of_ms < found->plan_as_of_ms)) found = e;
	}
	r->schedule = found ? found->node.id : 0;
	return found ? LOOK : FLOW_END;
}

static void answered(struct seating_wait *w, struct tk_err err, bool found)
{
	(void)found;
	flow_wake(&container_of(w, struct refresh_plans, wait)->job.flow, err);
}

static void look(struct flow *f)
{
	struct refresh_plans *r = self(f);
	struct hub *h = r->job.b->hub;

	r->began_ms = hub_now(h);
	r->wait.answer = answered;
	flight_join(h, hub_find(h, r->schedule), FLIGHT_LOOK, &r->wait);
}

static int looked(struct flow *f)
{
	struct refresh_plans *r = self(f);
	int64_t rest_ms = (hub_now(r->job.b->hub) - r->began_ms) * REST;

	if (rest_ms > PERIOD_MS) r->job.next_in_ms = rest_ms;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {
	[CHOOSE] = {"choose_oldest", NULL, oldest_chosen},
	[LOOK] = {"look", look, looked},
};
const struct job_kind REFRESH_PLANS_KIND = {
	"refresh_plans", PERIOD_MS, sizeof(struct refresh_plans), STEPS, NULL, NULL, NULL};
