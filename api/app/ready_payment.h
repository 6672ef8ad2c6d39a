/* ready_payment: an order for a seat that the user holds. One round trip to Redis (is it the user's; its order number;
 * the one prolonging), one to PostgreSQL (the fences, the order).
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_READY_PAYMENT_H
#define TK_READY_PAYMENT_H

#include "api/app/find_schedule.h"
#include "port/orders.h"
#include "port/seat_lock.h"

enum ready_outcome {
	READIED,
	READY_BEFORE,
	READY_FAILED,
	READY_NO_SCHEDULE,
	READY_NO_SEAT,
	READY_NOT_OWNED,
	READY_OTHERS_HELD,
	READY_OTHERS_SOLD,
	READY_OVER_LIMIT,
	READY_OUTCOMES
};

struct ready_payment {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t user, schedule;
	struct seat_no seat;
	/* out */
	enum ready_outcome outcome;
	struct order_ready order;
	/* between */
	struct find_schedule find;
	int32_t place;
	struct seat_claim claim;
	struct uuid ended; /* the hold's order that has failed or run out */
	struct seating_ask reload;
	unsigned reloads, renewals;
};
void ready_payment_start(struct ready_payment *r, struct services *s, void (*done)(struct flow *f));
void ready_payment_finish(struct ready_payment *r);

#endif
