/* payment_completed: the event PaymentCompletedEvent, version 1 (docs/asyncapi.yaml).
 * Kafka key "<scheduleId>:<seatNo>". Money is integer KRW, times unix ms. Values only. */
#ifndef TK_PAYMENT_COMPLETED_H
#define TK_PAYMENT_COMPLETED_H

#include "domain/payment.h"
#include "domain/seat.h"
#include "runtime/uuid.h"

enum { TRACEPARENT_TEXT = 56 }; /* W3C Trace Context, section 3.2: 55 characters and NUL; "" when absent */

struct payment_completed {
	struct uuid event_id, order_no;
	int64_t occurred_at_ms;
	int64_t user, schedule, amount_krw;
	struct seat_no seat;
	enum payment_method method;
	char traceparent[TRACEPARENT_TEXT]; /* travels in the headers */
};

#endif
