/* event_out: events on their way to Kafka.
 *
 * publish_* copies the event, returns at once and never blocks. The delivery report comes later to `delivered` of the
 * instance, on its own thread, exactly once per accepted event. A report of failure does not mean that the event is
 * not in the log. One producer a process; one instance (with its own mailbox) a loop.
 *
 * Errors of publish; nothing was taken:
 *   TK_UNAVAILABLE  the producer's queue is full or it is being replaced
 *   TK_INVALID      too large, now and for ever */
#ifndef TK_EVENT_OUT_H
#define TK_EVENT_OUT_H

#include "event/dead_letter.h"
#include "event/payment_completed.h"
#include "event/reservation_decided.h"
#include "runtime/err.h"

enum delivery {
	DELIVERY_DONE,	 /* the broker has it */
	DELIVERY_FAILED, /* nobody knows; again, later */
	DELIVERY_REFUSED /* the broker does not take such a message (its size, its form): the same again would be refused again */
};

struct event_out {
	struct tk_err (*publish_payment)(struct event_out *, const struct payment_completed *e, uint64_t tag);
	struct tk_err (*publish_reservation)(struct event_out *, const struct reservation_decided *e, uint64_t tag);
	/* A message as it came, with extra headers: the dead letters. */
	struct tk_err (*publish_dead_letter)(struct event_out *, const struct dead_letter *d, uint64_t tag);
	/* Set by the owner. */
	void (*delivered)(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d);
	void *ctx;
	bool (*reachable)(struct event_out *); /* false: all brokers are known to be away */
};

#endif
