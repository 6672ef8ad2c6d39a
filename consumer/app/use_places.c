#include "app/use_places.h"

#include <stdlib.h>

static struct use_places *self(struct flow *f)
{
	return container_of(f, struct use_places, flow);
}

static int by_schedule(const void *a, const void *b)
{
	const struct used_place *x = a, *y = b;
	return (x->schedule > y->schedule) - (x->schedule < y->schedule);
}

static void use(struct flow *f)
{
	struct use_places *u = self(f);
	unsigned n = 0;
	int64_t schedule = u->places[u->at].schedule;
	while (u->at < u->count && u->places[u->at].schedule == schedule && n < QUEUE_BATCH_MAX)
		u->users[n++] = u->places[u->at++].user;
	u->call = (struct queue_used){.call.flow = f, .schedule = schedule, .users = u->users, .count = n};
	u->queue->used(u->queue, &u->call);
}

static int used(struct flow *f)
{
	struct use_places *u = self(f);
	return tk_failed(f->err) || u->at == u->count ? FLOW_END : 0;
}

static const struct flow_step STEPS[] = {{"use_places", use, used}};

static void ended(struct flow *f)
{
	struct use_places *u = self(f);
	u->done(u);
}

void use_places_start(struct use_places *u)
{
	u->at = 0;
	qsort(u->places, u->count, sizeof *u->places, by_schedule);
	flow_start(&u->flow, STEPS, 0, ended);
}
