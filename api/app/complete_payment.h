/* complete_payment: the gateway says that the money was taken. One transaction marks the payment APPROVED and writes the
 * outbox row; after its commit the client is answered and everything else follows (after_payment.h).
 * An unknown outcome is settled by asking again with the same ids: the second try finds what the first one did, and where
 * that was the approval, what follows it does. Not beyond the deadline of one call: a client's repetition does the same.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_COMPLETE_PAYMENT_H
#define TK_COMPLETE_PAYMENT_H

#include "api/app/services.h"
#include "port/orders.h"

enum complete_outcome {
	COMPLETED,	   /* approved, now or before, and not decided yet */
	COMPLETE_PAID, /* confirmed already */
	COMPLETE_FAILED,
	COMPLETE_REFUSED,
	COMPLETE_NO_ORDER,
	COMPLETE_OUTCOMES
};

struct complete_payment {
	struct flow flow;
	struct services *services;
	/* in: approve.order_no, approve.user, approve.traceparent */
	struct order_approve approve; /* out: event_id */
	enum complete_outcome outcome;
	struct uuid event_id; /* ours, if it is we who approve */
	unsigned tries;
	int64_t until_ms; /* an unknown outcome is asked for again */
};
void complete_payment_start(struct complete_payment *c, struct services *s, void (*done)(struct flow *f));

#endif
