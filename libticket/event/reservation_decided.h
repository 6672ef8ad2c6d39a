/* reservation_decided: what the consumer says on reservation.events, version 1 (docs/asyncapi.yaml).
 * `event_id` is derived from the order's number and the type, and `occurred_at_ms` is the time stored with the decision:
 * every telling of one decision is the same, whichever payment event caused it to be told. */
#ifndef TK_RESERVATION_DECIDED_H
#define TK_RESERVATION_DECIDED_H

#include "event/payment_completed.h"

enum reservation_event { RESERVATION_CONFIRMED, RESERVATION_REJECTED, RESERVATION_CANCELLED, RESERVATION_EVENTS };
extern const char *const RESERVATION_EVENT_NAME[RESERVATION_EVENTS]; /* "ReservationConfirmedEvent", ... */

struct reservation_decided {
	enum reservation_event type;
	struct uuid event_id, order_no, reservation_id; /* reservation_id nil: null */
	int64_t occurred_at_ms;
	int64_t user, schedule, amount_krw;
	struct seat_no seat;
	const char *reason; /* static, NULL: null */
	char traceparent[TRACEPARENT_TEXT];
};

#endif
