/* fake_orders: the port orders in memory, with the verdicts of the one on PostgreSQL (contract/orders_suite holds both to
 * them), the wall clock, and faults that are fields: with `after_acting` the write happened and only its answer is lost.
 * Thread: the loop's. */
#ifndef TK_FAKE_ORDERS_H
#define TK_FAKE_ORDERS_H

#include "fake/fake_fault.h"
#include "port/orders.h"

enum fake_orders_call { FAKE_READY, FAKE_APPROVE, FAKE_FAIL, FAKE_UNREADY, FAKE_VIEW, FAKE_ORDERS_CALLS };
enum { FAKE_ORDERS_MAX = 512, FAKE_RESERVATIONS_MAX = 256 };

struct fake_order {
	struct uuid order_no, event_id, reservation_id;
	int64_t user, schedule, amount_krw, expires_ms, rev;
	struct seat_no seat;
	enum order_status status;
	char fail_reason[801];
	bool approved;
};
struct fake_reservation { /* a live one */
	int64_t user, schedule, expires_ms;
	struct seat_no seat;
	bool confirmed;
};
struct fake_orders {
	struct orders port;
	struct fake_desk desk;
	struct fake_fault fault[FAKE_ORDERS_CALLS];
	unsigned calls[FAKE_ORDERS_CALLS];
	struct fake_order orders[FAKE_ORDERS_MAX];
	struct fake_reservation reservations[FAKE_RESERVATIONS_MAX];
	unsigned order_count, reservation_count;
	int64_t rev;
};
void fake_orders_init(struct fake_orders *f, struct loop *l);
void fake_orders_finish(struct fake_orders *f);
struct fake_order *fake_orders_find(struct fake_orders *f, const struct uuid *order_no); /* NULL: unknown */
void fake_orders_reserve(
	struct fake_orders *f, int64_t user, int64_t schedule, struct seat_no seat, bool confirmed, int64_t expires_ms);
/* As the consumer decides: PAID confirms a reservation. */
void fake_orders_decide(struct fake_orders *f, const struct uuid *order_no, enum order_status to);

#endif
