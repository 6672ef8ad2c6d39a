#include "api/app/revive_queue.h"

bool revive_queue_may(struct revive_queue *r)
{
	return r->times++ < REVIVALS_MAX;
}

void revive_queue_ask_epoch(struct revive_queue *r, struct services *s, struct flow *f, int64_t schedule)
{
	r->epoch = (struct queue_epoch_next){.call.flow = f, .schedule = schedule};
	s->books->epoch(s->books, &r->epoch);
}

void revive_queue_ask_store(struct revive_queue *r, struct services *s, struct flow *f, int64_t number_seen)
{
	r->revive = (struct queue_revive){
		.call.flow = f,
		.schedule = r->epoch.schedule,
		.epoch = r->epoch.epoch,
		.number_seen = number_seen,
	};
	s->queue->revive(s->queue, &r->revive);
}
