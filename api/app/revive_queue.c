#include "api/app/revive_queue.h"

bool revive_queue_may(struct revive_queue *r, struct tk_err *ret)
{
	if (r->times++ < REVIVALS_MAX) return true;
	*ret = TK_ERR(TK_UNAVAILABLE, "Redis keeps losing the queue");
	return false;
}

void revive_queue_ask(struct revive_queue *r, struct services *s, struct flow *f, int64_t schedule)
{
	r->ask = (struct seating_ask){.call.flow = f, .schedule = schedule, .need = NEED_QUEUE};
	seating_ask(s->seating, &r->ask);
}
