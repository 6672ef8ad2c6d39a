/* revive_queue: rows shared by every use case that finds Redis to have lost a queue: the next epoch (PostgreSQL), then the
 * queue's numbers go on above it (Redis). Several daemons may do it at once: the first one's epoch stands.
 *
 *     [NEXT_EPOCH] = { "next_epoch", next_epoch, epoch_given }, [REVIVE] = { "revive", revive, revived } */
#ifndef TK_REVIVE_QUEUE_H
#define TK_REVIVE_QUEUE_H

#include "api/app/services.h"
#include "port/queue_books.h"
#include "port/queue_store.h"

enum { REVIVALS_MAX = 3 };

struct revive_queue {
	struct queue_epoch_next epoch;
	struct queue_revive revive;
	unsigned times;
};
bool revive_queue_may(struct revive_queue *r); /* false: tried often enough, give up */
void revive_queue_ask_epoch(struct revive_queue *r, struct services *s, struct flow *f, int64_t schedule);
void revive_queue_ask_store(struct revive_queue *r, struct services *s, struct flow *f, int64_t number_seen);

#endif
