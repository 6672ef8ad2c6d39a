/* steer_queue: what the operator has set for a schedule's waiting room, and how it stands; or sets it anew.
 * In force on every daemon within 1 s (api/jobs/steer.c), kept by the database.
 * Round trips: the schedule (cached), one or two to the database, one to the queue's Redis.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_STEER_QUEUE_H
#define TK_STEER_QUEUE_H

#include "api/app/find_schedule.h"
#include "port/queue_books.h"
#include "port/queue_store.h"

enum steer_outcome { STEERED, STEER_FAILED, STEER_NO_SCHEDULE };

struct steer_queue {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t schedule;
	bool set; /* `setting` is to be in force */
	/* out */
	enum steer_outcome outcome;
	struct queue_setting setting; /* in force */
	struct queue_look look;		  /* waiting, active */
	bool counted;				  /* false: the queue's Redis is away, `look` says nothing */
	/* between */
	struct find_schedule find;
	struct queue_setting_put put;
	struct queue_settings_poll poll;
};
void steer_queue_start(struct steer_queue *s, struct services *services, void (*done)(struct flow *f));
void steer_queue_finish(struct steer_queue *s);

#endif
