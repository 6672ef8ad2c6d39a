/* revive_queue: the row shared by every use case that finds Redis to have lost a queue (also: never to have had it).
 * Backstage does it once for all who ask: the next epoch (PostgreSQL), then the queue's numbers go on above it (Redis).
 *
 *     [REVIVE] = { "revive", revive, revived }
 *
 * Thread: the shard's. */
#ifndef TK_REVIVE_QUEUE_H
#define TK_REVIVE_QUEUE_H

#include "api/app/seating.h"
#include "api/app/services.h"

enum { REVIVALS_MAX = 3 };

struct revive_queue {
	struct seating_ask ask;
	unsigned times;
};
bool revive_queue_may(struct revive_queue *r, struct tk_err *ret); /* false: tried often enough, *ret says so */
void revive_queue_ask(struct revive_queue *r, struct services *s, struct flow *f, int64_t schedule);

#endif
