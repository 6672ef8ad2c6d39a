/* redis_batches: calls of one op and schedule that wait to share a script.
 *
 * A batch is there while calls of it wait or a script of it is under way; its calls are alike and never heavier than
 * the op's `max`. Nothing is allocated a call. Thread: the loop's. */
#ifndef TK_REDIS_BATCH_H
#define TK_REDIS_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "adapter/redis/client.h"

struct redis_batch {
	const struct redis_op *op;
	int64_t schedule;
	struct port_call *first, **tail; /* that wait, linked by `next` in order of coming */
	unsigned weight;				 /* of those */
	unsigned under_way;				 /* scripts */
	TAILQ_ENTRY(redis_batch) waiting;
	LIST_ENTRY(redis_batch) chain;
};
LIST_HEAD(redis_batch_chain, redis_batch);

enum { REDIS_BATCH_CHAINS = 64 };
struct redis_batches {
	TAILQ_HEAD(, redis_batch) waiting; /* those with calls, in order of the first one's coming */
	struct redis_batch_chain chains[REDIS_BATCH_CHAINS], spare;
};
void redis_batches_init(struct redis_batches *all);
void redis_batches_finish(struct redis_batches *all); /* nothing waits or is under way any more */

struct redis_batch *redis_batch_of(struct redis_batches *all, const struct redis_op *op, const struct port_call *c);
bool redis_batch_takes(const struct redis_batch *b, const struct port_call *c); /* false: they must leave first */
bool redis_batch_full(const struct redis_batch *b);
void redis_batch_add(struct redis_batches *all, struct redis_batch *b, struct port_call *c);
struct port_call *redis_batch_leave(struct redis_batches *all, struct redis_batch *b); /* `under_way` counts it */
void redis_batch_back(struct redis_batches *all, struct redis_batch *b);			   /* a script of it was answered */

#endif
