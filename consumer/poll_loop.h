/* poll_loop: from the topic to the batches and back to the offsets.
 *
 * What came first for a seat is decided first: batches are decided one after the other, or two at a time when the second
 * is full and they have no seat in common; while the database works, the next is read and decoded, and those before wait
 * for Redis and Kafka. Small batches keep a distance; an event after a quiet time goes at once. Offsets are stored in the
 * order in which batches were started, each after all that follows from it.
 * When partitions are taken away the batches under way get REVOKE_WAIT_MS to end, then go on without their offsets being
 * stored: whoever reads those events again finds them decided.
 *
 * Thread: the loop's. This is the one place besides main that knows Kafka and JSON, and it logs for the use cases. */
#ifndef TK_POLL_LOOP_H
#define TK_POLL_LOOP_H

#include "adapter/kafka/consumer.h"
#include "app/event_batch.h"
#include "app/mend_copies.h"

enum { POLL_BATCH_MAX = 1000, REVOKE_WAIT_MS = 5000 };

struct poll_loop;

struct poll_settings {
	struct kafka_consumer_settings kafka;
	struct event_ports ports; /* event_out: its `delivered` and `ctx` are set here */
	struct catalogue *catalogue;
	unsigned batch_max; /* 0: POLL_BATCH_MAX */
};

struct poll_loop *poll_loop_create(
	const struct poll_settings *s, char *why, size_t why_len); /* subscribes; NULL: why */

/* No more is read. True as soon as nothing is under way; ask again after each turn. */
bool poll_loop_drain(struct poll_loop *p);
void poll_loop_give_up(struct poll_loop *p); /* what is under way ends with its ports, its offsets are not stored */
void poll_loop_leave(struct poll_loop *p);	 /* commits, leaves the group; blocks (kafka_consumer_destroy) */
void poll_loop_destroy(struct poll_loop *p); /* after the ports have answered everything; NULL is fine */

/* Of the partitions that are ours. */
size_t poll_loop_lag(struct poll_loop *p, struct kafka_lag *ret, size_t max);
bool poll_loop_reachable(const struct poll_loop *p);
const char *poll_loop_broken(const struct poll_loop *p); /* NULL, or why only a new process helps */

#endif
