/* visit_queue: enter the waiting room, or see where one stands. One round trip; after Redis lost the queue one more to the
 * database for a new epoch and one to revive it.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_VISIT_QUEUE_H
#define TK_VISIT_QUEUE_H

#include "api/app/find_schedule.h"
#include "api/app/revive_queue.h"
#include "port/queue_store.h"
#include "port/queue_token.h"

enum visit_outcome {
	VISIT_PLACED,
	VISIT_FAILED,
	VISIT_NO_SCHEDULE,
	VISIT_OTHER_CONCERT, /* concertId names another one */
	VISIT_NO_QUEUE,
	VISIT_CLOSED,
	VISIT_SOLD_OUT,
	VISIT_NO_PLACE,
	VISIT_OUTCOMES
};

struct visit_queue {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t user, schedule, concert; /* concert 0: not said */
	const char *token;               /* NULL: none; a valid one of this user and schedule brings a lost place back */
	bool enter;
	/* out */
	enum visit_outcome outcome;
	struct queue_place_call call; /* call.place */
	char sealed[QUEUE_TOKEN_TEXT];
	int64_t eta_s; /* -1: nobody can say */
	int64_t poll_after_ms;
	/* between */
	struct find_schedule find;
	struct revive_queue revive;
};
void visit_queue_start(struct visit_queue *v, struct services *s, void (*done)(struct flow *f));
void visit_queue_finish(struct visit_queue *v);

/* The rules of a schedule's queue, from its row and the settings. */
struct queue_rules queue_rules_of(const struct services *s, const struct schedule *schedule);

#endif
