#include "domain/payment.h"

#include <string.h>

const char *const METHOD_NAME[METHODS] = {[METHOD_CARD] = "CARD", [METHOD_POINT] = "POINT"};

const char *const ORDER_STATUS_NAME[ORDER_STATUSES] = {
	[ORDER_ILLEGAL] = "?",
	[ORDER_READY] = "READY",
	[ORDER_PAID] = "PAID",
	[ORDER_CANCELLED] = "CANCELLED",
	[ORDER_FAILED] = "FAILED",
};

const char *const PAYMENT_STATUS_NAME[PAYMENT_STATUSES] = {
	[PAYMENT_ILLEGAL] = "?",
	[PAYMENT_PENDING] = "PENDING",
	[PAYMENT_APPROVED] = "APPROVED",
	[PAYMENT_REFUND_PENDING] = "REFUND_PENDING",
	[PAYMENT_REFUNDED] = "REFUNDED",
	[PAYMENT_FAILED] = "FAILED",
};

const enum order_status ORDER_NEXT[ORDER_STATUSES][ORDER_MOVES] = {
	[ORDER_READY] = {[MOVE_PAY] = ORDER_PAID, [MOVE_REJECT] = ORDER_CANCELLED, [MOVE_FAIL] = ORDER_FAILED},
	[ORDER_PAID] = {[MOVE_PAY] = ORDER_PAID},
	[ORDER_CANCELLED] = {[MOVE_PAY] = ORDER_CANCELLED, [MOVE_REJECT] = ORDER_CANCELLED},
	/* Money that arrives for a failed order is given back. */
	[ORDER_FAILED] = {[MOVE_REJECT] = ORDER_CANCELLED, [MOVE_FAIL] = ORDER_FAILED},
};

static bool find(const char *const *names, size_t count, const char *s, size_t n, unsigned *ret)
{
	for (unsigned i = 0; i < count; i++) {
		if (names[i] && strlen(names[i]) == n && memcmp(names[i], s, n) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool method_parse(const char *s, size_t n, enum payment_method *ret)
{
	return find(METHOD_NAME, METHODS, s, n, (unsigned *)ret);
}

bool order_status_parse(const char *s, size_t n, enum order_status *ret)
{
	return find(ORDER_STATUS_NAME, ORDER_STATUSES, s, n, (unsigned *)ret) && *ret != ORDER_ILLEGAL;
}

bool payment_status_parse(const char *s, size_t n, enum payment_status *ret)
{
	return find(PAYMENT_STATUS_NAME, PAYMENT_STATUSES, s, n, (unsigned *)ret) && *ret != PAYMENT_ILLEGAL;
}
