#include "api/app/leave_queue.h"

enum { FIND_SCHEDULE, GIVE_BACK };

static struct leave_queue *self(struct flow *f)
{
	return container_of(f, struct leave_queue, flow);
}

static int end(struct leave_queue *l, enum leave_outcome o)
{
	l->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct leave_queue *l = self(f);
	l->find.last_known = true;
	find_schedule_ask(&l->find, l->services, f, l->call.schedule);
}

static int schedule_found(struct flow *f)
{
	struct leave_queue *l = self(f);

	if (tk_failed(f->err)) return end(l, LEAVE_FAILED);
	if (find_schedule_got(&l->find, l->services, NULL, 0, NULL) != FOUND) return end(l, LEAVE_NO_SCHEDULE);
	return GIVE_BACK;
}

static void give_back(struct flow *f)
{
	struct leave_queue *l = self(f);

	l->call.call.flow = f;
	l->services->queue->leave(l->services->queue, &l->call);
}

static int given_back(struct flow *f)
{
	return end(self(f), tk_failed(f->err) ? LEAVE_FAILED : LEFT);
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[GIVE_BACK] = {"give_back", give_back, given_back},
};

void leave_queue_start(
	struct leave_queue *l, struct services *s, int64_t schedule, int64_t user, void (*done)(struct flow *f))
{
	l->services = s;
	l->call = (struct queue_leave){.schedule = schedule, .user = user, .number = QUEUE_NUMBER_ANY};
	flow_start(&l->flow, STEPS, FIND_SCHEDULE, done);
}

void expire_token_start(
	struct leave_queue *l, struct services *s, const struct queue_ticket *t, void (*done)(struct flow *f))
{
	l->services = s;
	l->call = (struct queue_leave){
		.schedule = t->schedule,
		.user = t->user,
		.number = t->number ? t->number : QUEUE_NUMBER_EARLY,
		.expire = true,
	};
	flow_start(&l->flow, STEPS, GIVE_BACK, done);
}

void leave_queue_finish(struct leave_queue *l)
{
	find_schedule_finish(&l->find);
}
