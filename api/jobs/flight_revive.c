/* The queue that Redis forgot goes on, in a new epoch. */
#include "api/jobs/flight.h"
#include "runtime/log.h"
#include "runtime/uuid.h"

enum { REVIVE_BIRTH, REVIVE_EPOCH, REVIVE_QUEUE };

static void ask_birth(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->queue_birth =
		(struct queue_birth){.call.flow = f, .schedule = fl->entry->node.id, .candidate = random_number()};
	flight_ports(fl)->queue->birth(flight_ports(fl)->queue, &fl->queue_birth);
}

static int birth_known(struct flow *f)
{
	struct flight *fl = flight_of(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = fl->queue_birth.birth == 0;
	return fl->found ? FLOW_END : REVIVE_EPOCH;
}

/* Several daemons may do it at once: the birth that they share makes their epochs one. */
static void next_epoch(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->epoch =
		(struct queue_epoch_next){.call.flow = f, .schedule = fl->queue_birth.schedule, .birth = fl->queue_birth.birth};
	flight_ports(fl)->books->epoch(flight_ports(fl)->books, &fl->epoch);
}

static int epoch_given(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : REVIVE_QUEUE;
}

static void revive_queue(struct flow *f)
{
	struct flight *fl = flight_of(f);

	fl->revive = (struct queue_revive){
		.call.flow = f, .schedule = fl->queue_birth.schedule, .birth = fl->queue_birth.birth, .epoch = fl->epoch.epoch};
	flight_ports(fl)->queue->revive(flight_ports(fl)->queue, &fl->revive);
}

static int queue_revived(struct flow *f)
{
	struct flight *fl = flight_of(f);

	if (tk_failed(f->err)) return FLOW_END;
	fl->found = true;
	if (fl->revive.revived) LOG(queue_revived, LF_I("schedule", fl->epoch.schedule), LF_I("epoch", fl->epoch.epoch));
	return FLOW_END;
}

const struct flow_step FLIGHT_REVIVE_STEPS[] = {
	[REVIVE_BIRTH] = {"ask_birth", ask_birth, birth_known},
	[REVIVE_EPOCH] = {"next_epoch", next_epoch, epoch_given},
	[REVIVE_QUEUE] = {"revive_queue", revive_queue, queue_revived},
};
