/* Looks up the maps that streams watch. */
#include "api/jobs/hub.h"

/* A map that somebody has asked for since the last round is good until the next one: 400 + 500 < 1000. */
enum { PERIOD_MS = 500, FRESH_MS = 400 };

static int watched_followed(struct flow *f)
{
	struct hub *h = job_of(f)->b->hub;

	for (struct hub_entry *e = hub_next(h, NULL), *next; e; e = next) {
		next = hub_next(h, e);
		if (e->watches && hub_now(h) - e->map_as_of_ms > FRESH_MS && !e->flight[FLIGHT_MAP])
			flight_join(h, e, FLIGHT_MAP, NULL);
	}
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"follow_watched", NULL, watched_followed}};
const struct job_kind FOLLOW_MAPS_KIND = {"follow_maps", PERIOD_MS, sizeof(struct job), STEPS, NULL, NULL, NULL};
