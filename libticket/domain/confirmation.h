/* confirmation: what becomes of a payment event. The first line that fits decides.
 *
 *   a wrong event (unknown order, not what the order says, an id used before)   park
 *   decided before: by this event or by any other                              repeat
 *   POINT without a debit                                                       park
 *   order FAILED                                                                reject, LATE_PAYMENT
 *   order READY, the seat live for someone else                                 reject, SEAT_TAKEN
 *   order READY, the seat free, the buyer's own, or held past its time          confirm
 *
 * Pure: the facts were read by the caller, and must still hold when the verdict is carried out. */
#ifndef TK_CONFIRMATION_H
#define TK_CONFIRMATION_H

#include "domain/payment.h"

/* The event's id in the inbox. */
enum confirmation_seen { SEEN_NEVER, SEEN_BEFORE, SEEN_FOR_ANOTHER_ORDER, CONFIRMATION_SEENS };

/* The order's payment that has not failed; there is one at most. */
enum confirmation_kept { KEPT_NONE, KEPT_PENDING, KEPT_APPROVED, KEPT_RETURNED, CONFIRMATION_KEPTS };

/* The seat's live reservation. */
enum confirmation_live {
	LIVE_NONE,
	LIVE_OWN_HELD,		/* whatever its expires_at says */
	LIVE_OWN_CONFIRMED, /* of this order, or of none yet */
	LIVE_OUTLIVED,		/* someone else's HELD, its time is over by PostgreSQL's clock */
	LIVE_TAKEN,			/* someone else's, or the buyer's by another order */
	CONFIRMATION_LIVES
};

struct confirmation_facts {
	enum confirmation_seen seen;
	bool order_found;
	bool order_matches; /* user, schedule, seat and amount are the event's */
	enum order_status order;
	enum confirmation_kept kept;
	enum payment_method kept_method; /* unless KEPT_NONE */
	enum payment_method method;		 /* the event's */
	enum confirmation_live live;
};

enum confirmation {
	CONFIRMATION_CONFIRM,
	CONFIRMATION_SEAT_TAKEN,   /* reject: order CANCELLED, the money goes back */
	CONFIRMATION_LATE_PAYMENT, /* the same */
	CONFIRMATION_REPEAT,	   /* nothing; what had to follow is made sure of */
	CONFIRMATION_PARK_UNKNOWN_ORDER,
	CONFIRMATION_PARK_MISMATCH,
	CONFIRMATION_PARK_ID_REUSED,
	CONFIRMATION_PARK_NO_DEBIT,
	CONFIRMATION_PARK_RETURNED, /* READY, but its money went back: must not be, and is not for us to mend */
	CONFIRMATIONS
};
/* fail_reason of the rejections ("SEAT_TAKEN"), dlq.reason of the parked ("unknown_order"), else NULL. */
extern const char *const CONFIRMATION_REASON[CONFIRMATIONS];

static inline bool confirmation_parks(enum confirmation c)
{
	return c >= CONFIRMATION_PARK_UNKNOWN_ORDER;
}
static inline bool confirmation_rejects(enum confirmation c)
{
	return c == CONFIRMATION_SEAT_TAKEN || c == CONFIRMATION_LATE_PAYMENT;
}

enum confirmation confirmation_decide(const struct confirmation_facts *f);

#endif
