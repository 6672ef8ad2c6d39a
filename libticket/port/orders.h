/* orders: payment orders, payments and their outbox rows, in the database that decides.
 *
 * Calls of a kind that are under way at the same moment share one statement (micro-batch); one bad row of a batch is
 * repeated singly. PostgreSQL's now() is the only judge of time. Every call: fill the inputs and `call.flow`; the flow
 * is woken exactly once, on its thread, with
 *   TK_UNAVAILABLE  away, overloaded or beyond the deadline; nothing was done
 *   TK_UNCERTAIN    a write's outcome is unknown: repeating the same call is safe and settles it
 *   TK_INVALID      the data is refused
 *   TK_INTERNAL     a bug
 * Ownership: inputs are the caller's and stay until the wake. Thread: one instance a loop. */
#ifndef TK_ORDERS_H
#define TK_ORDERS_H

#include "domain/payment.h"
#include "domain/seat.h"
#include "event/payment_completed.h"
#include "runtime/flow.h"
#include "runtime/uuid.h"

enum ready_verdict {
	READY_CREATED,
	READY_AGAIN,	 /* the user's READY order for this seat (whatever its number): no second one is made */
	READY_SEAT_SOLD, /* another's, or the user's own, CONFIRMED reservation */
	READY_SEAT_HELD, /* another's HELD row or approved order */
	READY_LIMIT,
	READY_ENDED /* this order number has failed or run out: ask again with a new one */
};
struct order_ready {
	struct port_call call;
	struct uuid order_no; /* in: the hold's (idempotent: the same number never makes two); out: the order's */
	int64_t user, schedule, amount_krw; /* amount: out when READY_AGAIN */
	struct seat_no seat;
	int64_t remaining_ms; /* in: of the hold */
	int64_t limit;
	enum ready_verdict verdict;
	int64_t expires_ms; /* out */
};

enum approve_verdict {
	APPROVE_DONE,	   /* approved now: the event must go out */
	APPROVE_AGAIN,	   /* was approved before, still undecided */
	APPROVE_PAID,	   /* was approved before and is confirmed */
	APPROVE_REFUSED,   /* failed, cancelled, or its time has run out */
	APPROVE_NOT_FOUND, /* unknown, or someone else's */
	APPROVE_BUSY	   /* the adapter's own: locked by someone, asked again where waiting harms nobody */
};
struct order_approve {
	struct port_call call;
	struct uuid order_no, payment_id, event_id; /* candidates; event_id out: the event's */
	int64_t user;								/* 0: anybody's (TICKET_AUTH=off) */
	char traceparent[TRACEPARENT_TEXT];
	enum approve_verdict verdict;
	struct payment_completed event; /* out, when APPROVE_DONE or APPROVE_AGAIN */
	int64_t rev;					/* then too: for the pending mark */
};

enum fail_verdict { FAIL_DONE, FAIL_AGAIN, FAIL_REFUSED, FAIL_NOT_FOUND };
struct order_fail {
	struct port_call call;
	struct uuid order_no;
	int64_t user;		/* 0: anybody's */
	const char *reason; /* <= 200 characters, UTF-8 */
	enum fail_verdict verdict;
	int64_t owner, schedule; /* out, unless not found */
	struct seat_no seat;
};

/* What stands in the way of releasing a seat; a READY order of the user without an approved payment fails (RELEASED). */
enum unready_verdict { UNREADY_DONE, UNREADY_PAYMENT_IN_PROGRESS, UNREADY_SOLD };
struct order_unready {
	struct port_call call;
	int64_t user, schedule;
	struct seat_no seat;
	enum unready_verdict verdict;
};

struct order_view {
	struct port_call call;
	struct uuid order_no;
	int64_t user; /* 0: anybody's */
	bool found;
	int64_t owner, schedule, amount_krw;
	struct seat_no seat;
	enum order_status status;
	char fail_reason[801];		/* "": null; 200 characters */
	struct uuid reservation_id; /* nil: null */
	bool has_payment;
	enum payment_method method;
	enum payment_status payment_status;
	int64_t created_ms, updated_ms;
};

struct orders {
	void (*ready)(struct orders *, struct order_ready *);
	void (*approve)(struct orders *, struct order_approve *);
	void (*fail)(struct orders *, struct order_fail *);
	void (*unready)(struct orders *, struct order_unready *);
	void (*view)(struct orders *, struct order_view *);
};

#endif
