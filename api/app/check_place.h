/* check_place: is the place of this token admitted? As GET /queue/tokens/verify answers it, and a hold asks where the
 * queue has a Redis of its own. One round trip; more in a new life of the store.
 * Counts as being heard of, and claims the admission.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_CHECK_PLACE_H
#define TK_CHECK_PLACE_H

#include "api/app/revive_queue.h"
#include "port/queue_store.h"
#include "port/queue_token.h"

struct check_place {
	struct flow flow;
	struct services *services;
	/* in */
	struct queue_ticket ticket;
	/* out: call.verdict, call.expires_in_ms, unless flow.err */
	struct queue_verify call;
	/* between */
	struct revive_queue revive;
};
void check_place_start(struct check_place *c, struct services *s, void (*done)(struct flow *f));

/* The call that asks for a place: but for its flow. */
struct queue_verify queue_verify_of(const struct services *s, const struct queue_ticket *t);

/* A token as clients send it; false: not ours, or of another schedule. */
bool queue_ticket_of(struct services *s, const char *token, int64_t schedule, struct queue_ticket *ret);

#endif
