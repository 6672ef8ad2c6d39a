/* fail_payment: the gateway says that no money was taken: the order FAILED (PostgreSQL), then the hold goes (Redis; if
 * Redis is away the hold ends by its TTL).
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_FAIL_PAYMENT_H
#define TK_FAIL_PAYMENT_H

#include "api/app/services.h"
#include "port/orders.h"
#include "port/seat_lock.h"

enum fail_outcome { FAILED_NOW_OR_BEFORE, FAIL_ERROR, FAIL_NOT_PAYABLE, FAIL_NO_ORDER, FAIL_OUTCOMES };

struct fail_payment {
	struct flow flow;
	struct services *services;
	/* in: fail.order_no, fail.user, fail.reason */
	struct order_fail fail;
	enum fail_outcome outcome;
	struct seat_release release;
};
void fail_payment_start(struct fail_payment *p, struct services *s, void (*done)(struct flow *f));

#endif
