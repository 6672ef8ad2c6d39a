/* release_seat: give a held seat back. A READY order for it fails first (PostgreSQL), then the hold goes (Redis), so
 * that a seat is never free while its order can still be paid.
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_RELEASE_SEAT_H
#define TK_RELEASE_SEAT_H

#include "api/app/find_schedule.h"
#include "port/orders.h"
#include "port/seat_lock.h"

enum release_outcome {
	RELEASED, /* also when nothing was held */
	RELEASE_FAILED,
	RELEASE_NO_SCHEDULE,
	RELEASE_NO_SEAT,
	RELEASE_OF_OTHERS,
	RELEASE_PAYMENT_IN_PROGRESS,
	RELEASE_SEAT_SOLD,
	RELEASE_OUTCOMES
};

struct release_seat {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t user, schedule;
	struct seat_no seat;
	/* out */
	enum release_outcome outcome;
	/* between */
	struct find_schedule find;
	struct seat_release release;
	struct order_unready unready;
	struct uuid ended; /* the hold's order that was failed */
	unsigned rounds;   /* how often orders were failed */
};
void release_seat_start(struct release_seat *r, struct services *s, void (*done)(struct flow *f));
void release_seat_finish(struct release_seat *r);

#endif
