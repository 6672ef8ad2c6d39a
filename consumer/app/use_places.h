/* use_places: buyers whose orders became PAID have used their places in the waiting room; the next ones are admitted.
 *
 * One call for each schedule of a batch (and QUEUE_BATCH_MAX buyers), one at a time. Never fails a batch: a place that
 * could not be told of ends by its own time. Nobody without a place is harmed.
 * Ownership: the caller's memory. Thread: the loop's. */
#ifndef TK_USE_PLACES_H
#define TK_USE_PLACES_H

#include "port/queue_store.h"

struct used_place {
	int64_t schedule, user;
};
struct use_places {
	/* in */
	struct queue_store *queue;
	struct used_place *places; /* the caller's; put in order */
	unsigned count;
	void (*done)(struct use_places *);
	/* its own */
	struct flow flow;
	struct queue_used call;
	int64_t users[QUEUE_BATCH_MAX];
	unsigned at;
};
void use_places_start(struct use_places *u); /* count > 0 */

#endif
