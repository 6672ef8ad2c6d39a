/* orders_suite: what port/orders.h promises, as tests for any implementation of it.
 * The world around the port is given by functions, since each implementation keeps it elsewhere. */
#ifndef TK_TEST_ORDERS_SUITE_H
#define TK_TEST_ORDERS_SUITE_H

#include "port/orders.h"

struct loop;
#define HELD_FOR_EVER INT64_MAX

struct orders_world {
	struct orders *orders;
	struct loop *loop; /* turned until a call is answered */
	int64_t next_id;   /* users and schedules that no test has used */
	/* The order's time has run out. */
	void (*run_out)(struct orders_world *, const struct uuid *order_no);
	/* A live reservation: HELD for `ms` more (negative: it should have ended; HELD_FOR_EVER: nothing says when
	 * it ends), or CONFIRMED. */
	void (*held)(struct orders_world *, int64_t user, int64_t schedule, const char *seat, int64_t ms);
	void (*confirmed)(struct orders_world *, int64_t user, int64_t schedule, const char *seat);
	/* As the consumer decides. PAID confirms a reservation, CANCELLED does not. */
	void (*decide)(struct orders_world *, const struct uuid *order_no, enum order_status to);
	int64_t (*orders_of)(struct orders_world *, int64_t user);
	int64_t (*payments_of)(struct orders_world *, const struct uuid *order_no);
	int64_t (*outbox_of)(struct orders_world *, const struct uuid *order_no);
	/* When the live reservation of a seat ends, unix ms. */
	int64_t (*held_until)(struct orders_world *, int64_t schedule, const char *seat);
};

int orders_suite(struct orders_world *w); /* the number of failed tests */

#endif
