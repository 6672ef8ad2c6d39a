/* leave_queue: a place is given back: by its owner, whatever place it is, or by whoever holds its token.
 * Round trips: the schedule (cached, not with a token), one script in Redis.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_LEAVE_QUEUE_H
#define TK_LEAVE_QUEUE_H

#include "api/app/find_schedule.h"
#include "port/queue_store.h"
#include "port/queue_token.h"

enum leave_outcome { LEFT, LEAVE_FAILED, LEAVE_NO_SCHEDULE, LEAVE_OUTCOMES };

struct leave_queue {
	struct flow flow;
	struct services *services;
	/* out */
	enum leave_outcome outcome;
	/* between */
	struct queue_leave call;
	struct find_schedule find;
};
void leave_queue_start(
	struct leave_queue *l, struct services *s, int64_t schedule, int64_t user, void (*done)(struct flow *f));
/* Afterwards the token is of no use, and its place remembered as EXPIRED. */
void expire_token_start(
	struct leave_queue *l, struct services *s, const struct queue_ticket *t, void (*done)(struct flow *f));
void leave_queue_finish(struct leave_queue *l);

#endif
