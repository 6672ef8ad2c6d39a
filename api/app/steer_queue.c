#include "api/app/steer_queue.h"

enum { FIND_SCHEDULE, PUT_SETTING, READ_SETTING, LOOK };

static struct steer_queue *self(struct flow *f)
{
	return container_of(f, struct steer_queue, flow);
}

static int end(struct steer_queue *s, enum steer_outcome o)
{
	s->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct steer_queue *s = self(f);
	find_schedule_ask(&s->find, s->services, f, s->schedule);
}

static int schedule_found(struct flow *f)
{
	struct steer_queue *s = self(f);

	if (tk_failed(f->err)) return end(s, STEER_FAILED);
	if (find_schedule_got(&s->find, s->services, NULL, 0, NULL) != FOUND) return end(s, STEER_NO_SCHEDULE);
	return s->set ? PUT_SETTING : READ_SETTING;
}

static void put_setting(struct flow *f)
{
	struct steer_queue *s = self(f);

	s->setting.schedule = s->schedule;
	s->put = (struct queue_setting_put){.call.flow = f, .setting = s->setting};
	s->services->books->put(s->services->books, &s->put);
}

static int setting_put(struct flow *f)
{
	struct steer_queue *s = self(f);

	if (tk_failed(f->err)) return end(s, STEER_FAILED);
	return s->put.found ? LOOK : end(s, STEER_NO_SCHEDULE);
}

static void read_setting(struct flow *f)
{
	struct steer_queue *s = self(f);

	s->poll = (struct queue_settings_poll){.call.flow = f, .ids = &s->schedule, .count = 1, .items = &s->setting};
	s->services->books->settings(s->services->books, &s->poll);
}

static int setting_read(struct flow *f)
{
	struct steer_queue *s = self(f);
	const struct config *c = s->services->config;

	if (tk_failed(f->err)) return end(s, STEER_FAILED);
	if (!s->setting.schedule) {
		s->setting.max_active = c->queue_max_active;
		s->setting.admit_per_s = c->queue_admit_per_s;
	}
	return LOOK;
}

static void look(struct flow *f)
{
	struct steer_queue *s = self(f);

	s->look = (struct queue_look){.call.flow = f, .schedule = s->schedule};
	s->services->queue->look(s->services->queue, &s->look);
}

/* Where nobody has ever entered, or the store has just lost it all, nobody waits. While it is away nobody can count them,
 * which is no reason to tell an operator that the setting has failed. */
static int looked(struct flow *f)
{
	struct steer_queue *s = self(f);

	s->counted = !tk_failed(f->err);
	return end(s, STEERED);
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[PUT_SETTING] = {"put_setting", put_setting, setting_put},
	[READ_SETTING] = {"read_setting", read_setting, setting_read},
	[LOOK] = {"look", look, looked},
};

void steer_queue_start(struct steer_queue *s, struct services *services, void (*done)(struct flow *f))
{
	s->services = services;
	flow_start(&s->flow, STEPS, FIND_SCHEDULE, done);
}

void steer_queue_finish(struct steer_queue *s)
{
	find_schedule_finish(&s->find);
}
