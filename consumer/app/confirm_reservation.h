/* confirm_reservation: one payment event, decided once in the database.
 *
 *     CONFIRM --confirmed--------------------------------> end
 *        `--not so simple--> LOOK --parked, repeated-----> end
 *                             ^ `--verdict--> SETTLE ----> end
 *                             `--facts have changed--'  (at most 5 times)
 *
 * Ends with an `outcome` and what follows from it (the copy in Redis, the announcement), which the same event gives
 * again when it is delivered again; or with `failed`: nothing is known to be done, start it anew later (harmless).
 *
 * Ownership: the caller's memory until `done`. Thread: the ports'. */
#ifndef TK_CONFIRM_RESERVATION_H
#define TK_CONFIRM_RESERVATION_H

#include "event/payment_completed.h"
#include "event/reservation_decided.h"
#include "port/reservations.h"
#include "port/seat_lock.h"
#include "runtime/flow.h"

enum confirm_outcome { CONFIRM_CONFIRMED, CONFIRM_REJECTED, CONFIRM_DUPLICATE, CONFIRM_PARKED, CONFIRM_OUTCOMES };

struct confirm_reservation {
	struct flow flow;
	/* in */
	struct reservations *reservations;
	struct payment_completed event;
	void (*done)(struct confirm_reservation *);
	/* out */
	struct tk_err failed; /* TK_OK: decided */
	enum confirm_outcome outcome;
	const char *reason; /* CONFIRM_PARKED: dlq.reason, static */
	bool changes;		/* `change` is to be applied to the copy */
	struct seat_change change;
	bool announces; /* `decided` is to be published; its texts live here */
	struct reservation_decided decided;
	/* the flow's own */
	bool again; /* false for a new event: its first try's candidates are kept, so that a lost reply is recognised */
	unsigned looks;
	struct reservation_confirm confirm;
	struct reservation_look look;
	struct reservation_settle settle;
};

void confirm_reservation_start(struct confirm_reservation *c, int64_t now_ms);

#endif
