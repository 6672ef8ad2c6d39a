/* hold_seat: take one seat or several, all or nothing, for a few minutes.
 * Round trips: the schedule (cached), then one script in Redis; again after a load when Redis had lost its copy. Where a
 * waiting room stands before the seats and shares their Redis, the same script is the gate; a queue elsewhere, and
 * whoever does not pass at once, costs one more round trip before it.
 * Checked in the contract's order: schedule, CLOSED, gate, seat, opening, limit, the seat's state.
 * Ownership: the caller's memory, its seats too, until `flow.done`. Thread: the shard's. */
#ifndef TK_HOLD_SEAT_H
#define TK_HOLD_SEAT_H

#include "api/app/check_admission.h"
#include "api/app/find_schedule.h"
#include "port/seat_lock.h"

enum hold_outcome {
	HELD_NEW,
	HELD_BEFORE, /* all of them were the user's already; not prolonged */
	HOLD_FAILED, /* see flow.err */
	HOLD_NO_SCHEDULE,
	HOLD_CLOSED,
	HOLD_NEEDS_TOKEN,
	HOLD_TOKEN_REFUSED,
	HOLD_STILL_WAITING,
	HOLD_NO_QUEUE, /* the queue can't be asked */
	HOLD_NO_SEAT,
	HOLD_NOT_OPEN,
	HOLD_OVER_LIMIT,
	HOLD_SEAT_HELD,
	HOLD_SEAT_SOLD,
	HOLD_OUTCOMES
};

struct hold_seat {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t user, schedule;
	const char *token;			 /* Queue-Token; NULL: none */
	const struct seat_no *seats; /* all of them, but at most HOLD_SEATS_MAX; more than that are over the limit */
	unsigned count;
	/* out */
	enum hold_outcome outcome;
	bool bypassed; /* a dead queue was passed */
	unsigned culprit;
	int32_t place[HOLD_SEATS_MAX]; /* in find.plan */
	struct find_schedule find;
	struct seat_hold hold;
	/* between */
	bool admitted;
	bool no_seat; /* to be told once the gate is passed */
	struct queue_ticket ticket;
	struct check_admission check;
	struct seating_ask reload;
	unsigned reloads;
};
void hold_seat_start(struct hold_seat *h, struct services *s, void (*done)(struct flow *f));
void hold_seat_finish(struct hold_seat *h);

#endif
