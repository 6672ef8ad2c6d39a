/* reservations: the database's part in deciding payment events. It decides each once, whoever asks, however often.
 *
 * Three calls a use case makes in turn: `confirm` tries what nearly always holds, many events in one transaction; for what
 * it leaves undecided, `look` reads the facts (without a lock), the domain decides, and `settle` carries the verdict out
 * where the facts still hold, else answers `done` false: look again.
 *
 * Calls of a kind that are under way at the same moment share one statement; a bad one is repeated singly. Errors,
 * ownership and thread as in port/orders.h, and
 *   TK_CONFLICT     a unique constraint decided between look and settle: look again
 *   TK_INVALID      the data is refused: the event is poison */
#ifndef TK_RESERVATIONS_H
#define TK_RESERVATIONS_H

#include "domain/confirmation.h"
#include "domain/seat.h"
#include "event/payment_completed.h"
#include "runtime/flow.h"
#include "runtime/uuid.h"

struct reservation_confirm {
	struct port_call call;
	const struct payment_completed *event;
	struct uuid reservation_id, payment_id; /* candidates */
	bool confirmed;							/* out: committed; false: not decided here */
	int64_t rev;							/* out, of the seat's change */
	int64_t decided_ms;						/* out: as a look will say it later */
};

/* The seat's copy in Redis should say this, unless it knows something newer. */
struct seat_truth {
	int64_t rev; /* 0: nothing is known */
	int64_t user;
	enum seat_claim_kind kind;
};

struct reservation_look {
	struct port_call call;
	const struct payment_completed *event;
	struct confirmation_facts facts; /* out, all of them; the rest is for settle and for what follows */
	bool approved;					 /* the order's approved_at is set */
	struct uuid kept_id, live_id;	 /* nil: none */
	struct uuid reservation_id;		 /* of the decided order; nil */
	enum payment_status kept_status;
	char fail_reason[201];
	struct seat_truth truth; /* of the event's seat */
	int64_t decided_ms;		 /* when the order last changed */
};

struct reservation_settle {
	struct port_call call;
	const struct payment_completed *event;
	const struct reservation_look *seen; /* what must still be so */
	enum confirmation verdict;			 /* CONFIRM, a rejection, or REPEAT: the event's id is only noted */
	struct uuid reservation_id, payment_id, refund_id; /* candidates */
	bool done;										   /* out: committed */
	struct uuid settled_id;	 /* out, CONFIRM: the reservation (the held row, or the candidate) */
	struct seat_truth truth; /* out, unless REPEAT; ... */
	int64_t decided_ms;		 /* ... as a look will say it later */
};

struct reservations {
	void (*confirm)(struct reservations *, struct reservation_confirm *);
	void (*look)(struct reservations *, struct reservation_look *);
	void (*settle)(struct reservations *, struct reservation_settle *);
};

#endif
