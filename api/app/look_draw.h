/* look_draw: the commitment to a schedule's draw, and after it how it came out. Who asks first makes it.
 * Round trips: the schedule (cached), one to the database.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_LOOK_DRAW_H
#define TK_LOOK_DRAW_H

#include "api/app/find_schedule.h"
#include "port/queue_books.h"

enum look_draw_outcome { DRAW_KNOWN, DRAW_FAILED, DRAW_NO_SCHEDULE, DRAW_NONE };

struct look_draw {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t schedule;
	/* out */
	enum look_draw_outcome outcome;
	struct queue_draw draw; /* the seed is a secret until `count` is known */
	struct find_schedule find;
};
void look_draw_start(struct look_draw *l, struct services *s, void (*done)(struct flow *f));
void look_draw_finish(struct look_draw *l);

#endif
