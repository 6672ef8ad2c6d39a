#include "domain/confirmation.h"

const char *const CONFIRMATION_REASON[CONFIRMATIONS] = {
	[CONFIRMATION_SEAT_TAKEN] = "SEAT_TAKEN",
	[CONFIRMATION_LATE_PAYMENT] = "LATE_PAYMENT",
	[CONFIRMATION_PARK_UNKNOWN_ORDER] = "unknown_order",
	[CONFIRMATION_PARK_MISMATCH] = "order_mismatch",
	[CONFIRMATION_PARK_ID_REUSED] = "event_id_reused",
	[CONFIRMATION_PARK_NO_DEBIT] = "points_not_debited",
	[CONFIRMATION_PARK_RETURNED] = "payment_returned",
};

/* Points are money of ours: only their debit, made before the event, says that they were taken. */
static bool debit_missing(const struct confirmation_facts *f)
{
	if (f->kept == KEPT_PENDING && f->kept_method == METHOD_POINT) return true;
	return f->method == METHOD_POINT && !(f->kept == KEPT_APPROVED && f->kept_method == METHOD_POINT);
}

static enum confirmation decide_ready(const struct confirmation_facts *f)
{
	if (f->kept == KEPT_RETURNED) return CONFIRMATION_PARK_RETURNED;
	return f->live == LIVE_TAKEN ? CONFIRMATION_SEAT_TAKEN : CONFIRMATION_CONFIRM;
}

enum confirmation confirmation_decide(const struct confirmation_facts *f)
{
	if (f->seen == SEEN_FOR_ANOTHER_ORDER) return CONFIRMATION_PARK_ID_REUSED;
	if (!f->order_found) return f->seen == SEEN_BEFORE ? CONFIRMATION_REPEAT : CONFIRMATION_PARK_UNKNOWN_ORDER;
	if (!f->order_matches) return CONFIRMATION_PARK_MISMATCH;
	if (f->seen == SEEN_BEFORE || f->order == ORDER_PAID || f->order == ORDER_CANCELLED) return CONFIRMATION_REPEAT;
	if (debit_missing(f)) return CONFIRMATION_PARK_NO_DEBIT;
	return f->order == ORDER_FAILED ? CONFIRMATION_LATE_PAYMENT : decide_ready(f);
}
