#include "api/app/look_draw.h"

#include <stdlib.h>
#include <sys/random.h>

#include "runtime/when.h"

enum { FIND_SCHEDULE, ASK_DRAW };

static struct look_draw *self(struct flow *f)
{
	return container_of(f, struct look_draw, flow);
}

static int end(struct look_draw *l, enum look_draw_outcome o)
{
	l->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct look_draw *l = self(f);
	find_schedule_ask(&l->find, l->services, f, l->schedule);
}

static int schedule_found(struct flow *f)
{
	struct look_draw *l = self(f);

	if (tk_failed(f->err)) return end(l, DRAW_FAILED);
	if (find_schedule_got(&l->find, l->services, NULL, 0, NULL) != FOUND) return end(l, DRAW_NO_SCHEDULE);
	const struct schedule *s = &l->find.schedule;
	return s->queue_required && s->sale_opens_at_ms != TIME_NONE ? ASK_DRAW : end(l, DRAW_NONE);
}

static void ask_draw(struct flow *f)
{
	struct look_draw *l = self(f);

	l->draw =
		(struct queue_draw){.call.flow = f, .schedule = l->schedule, .opens_at_ms = l->find.schedule.sale_opens_at_ms};
	if (getrandom(l->draw.candidate, sizeof l->draw.candidate, 0) != sizeof l->draw.candidate) abort();
	l->services->books->draw(l->services->books, &l->draw);
}

static int draw_asked(struct flow *f)
{
	return end(self(f), tk_failed(f->err) ? DRAW_FAILED : DRAW_KNOWN);
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[ASK_DRAW] = {"ask_draw", ask_draw, draw_asked},
};

void look_draw_start(struct look_draw *l, struct services *s, void (*done)(struct flow *f))
{
	l->services = s;
	flow_start(&l->flow, STEPS, FIND_SCHEDULE, done);
}

void look_draw_finish(struct look_draw *l)
{
	find_schedule_finish(&l->find);
}
