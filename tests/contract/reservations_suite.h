/* reservations_suite: what port/reservations.h promises, as tests for any implementation of it, most of them through
 * the use case that lives on it (app/confirm_reservation), many events at once where that matters. */
#ifndef TK_TEST_RESERVATIONS_SUITE_H
#define TK_TEST_RESERVATIONS_SUITE_H

#include "port/reservations.h"

struct loop;

enum seat_row { SEAT_HELD_ROW, SEAT_OUTLIVED_ROW, SEAT_CONFIRMED_ROW };

/* What stands in the store after a decision. */
struct decided_state {
	enum order_status order;
	char fail_reason[64];
	struct uuid reservation_id; /* the order's */
	int64_t live_user;			/* 0: the seat is nobody's */
	bool live_confirmed;
	struct uuid live_id, live_order;
	int64_t live, expired;					 /* rows of the seat */
	enum payment_status kept;				 /* PAYMENT_ILLEGAL: none */
	int64_t payments, refunds;				 /* of the order */
	int64_t confirmed, rejected, duplicates; /* inbox rows of the order */
};

struct reservations_world {
	struct reservations *port;
	struct loop *loop;
	int64_t next_id;
	void (*add_order)(
		struct reservations_world *, const struct payment_completed *e, enum order_status s, bool approved);
	void (*add_payment)(struct reservations_world *, const struct payment_completed *e, enum payment_method m,
		enum payment_status s); /* points: the wallet has paid */
	void (*add_seat)(
		struct reservations_world *, int64_t user, const struct payment_completed *where, enum seat_row row);
	void (*end_seat)(struct reservations_world *, const struct payment_completed *where); /* as a cancellation does */
	void (*prolong_seat)(struct reservations_world *, const struct payment_completed *where); /* as an approval does */
	void (*fail_order)(struct reservations_world *, const struct payment_completed *e);
	void (*see)(struct reservations_world *, const struct payment_completed *e, struct decided_state *ret);
	int64_t (*points_back)(struct reservations_world *, int64_t user);
};

struct payment_completed a_purchase(struct reservations_world *w); /* an event with ids and a seat of its own */
int reservations_suite(struct reservations_world *w);			   /* the number of failed tests */

#endif
