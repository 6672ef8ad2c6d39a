/* payment: orders and payments, their states and the moves between them.
 * The grids say which state a move leads to; ILLEGAL (0) where it may not happen; a replay leads to the same state.
 * Pure. */
#ifndef TK_PAYMENT_H
#define TK_PAYMENT_H

#include <stdbool.h>
#include <stddef.h>

enum payment_method { METHOD_CARD, METHOD_POINT, METHODS };
extern const char *const METHOD_NAME[METHODS];
bool method_parse(const char *s, size_t n, enum payment_method *ret);

enum order_status { ORDER_ILLEGAL, ORDER_READY, ORDER_PAID, ORDER_CANCELLED, ORDER_FAILED, ORDER_STATUSES };
extern const char *const ORDER_STATUS_NAME[ORDER_STATUSES];
bool order_status_parse(const char *s, size_t n, enum order_status *ret);

enum order_move { MOVE_PAY, MOVE_REJECT, MOVE_FAIL, ORDER_MOVES };
extern const enum order_status ORDER_NEXT[ORDER_STATUSES][ORDER_MOVES];

enum payment_status {
	PAYMENT_ILLEGAL,
	PAYMENT_PENDING,
	PAYMENT_APPROVED,
	PAYMENT_REFUND_PENDING,
	PAYMENT_REFUNDED,
	PAYMENT_FAILED,
	PAYMENT_STATUSES
};
extern const char *const PAYMENT_STATUS_NAME[PAYMENT_STATUSES];
bool payment_status_parse(const char *s, size_t n, enum payment_status *ret);

#endif
