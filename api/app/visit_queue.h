/* visit_queue: enter the waiting room, or see where one stands. One round trip; a new life of the store costs one more
 * to the database for an epoch and one to revive the queue.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_VISIT_QUEUE_H
#define TK_VISIT_QUEUE_H

#include "api/app/find_schedule.h"
#include "api/app/queue_board.h"
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
	const char *token;				 /* NULL: none; a valid one of this user and schedule brings a lost place back */
	bool enter;
	/* out */
	enum visit_outcome outcome;
	struct queue_place_call call; /* call.place */
	/* between */
	struct find_schedule find;
	struct queue_ask steering;
	struct revive_queue revive;
	bool sold_out; /* nobody new is let in line */
};
void visit_queue_start(struct visit_queue *v, struct services *s, void (*done)(struct flow *f));
void visit_queue_finish(struct visit_queue *v);

/* The rules of a schedule's queue, from its row and the settings. */
struct queue_rules queue_rules_of(const struct services *s, const struct schedule *schedule);

/* What a client is told of a place beside what the store says. */
struct queue_prospect {
	char token[QUEUE_TOKEN_TEXT]; /* "": the place has none any more */
	int64_t eta_s;				  /* -1: nobody can say */
	int64_t poll_after_ms;
};
void queue_prospect_of(
	struct services *s, int64_t schedule, int64_t user, const struct queue_place *p, struct queue_prospect *ret);

#endif
