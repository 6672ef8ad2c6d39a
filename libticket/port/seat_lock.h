/* seat_lock: short claims on seats, in a store that forgets (Redis).
 *
 * One script, one round trip a call. The key seat:lock:{schedule}:<seat> alone says who holds; what this store
 * knows of sold and pending seats is a copy with revisions (seat_apply). The limit per user counts held and
 * sold seats. Times are ms; expiries are unix ms by the store's clock.
 *
 * Every call: the caller fills the inputs and `call.flow`; the flow is woken exactly once, on its thread, with
 *   TK_UNAVAILABLE  the store is away, loading, full, read-only or beyond its deadline; it may have acted on a
 *                   timeout: holds then end by their TTL, releases are repeated
 *   TK_INTERNAL     a bug
 * Ownership: inputs are the caller's and stay until the wake. Thread: one instance a loop. */
#ifndef TK_SEAT_LOCK_H
#define TK_SEAT_LOCK_H

#include "domain/seat.h"
#include "runtime/flow.h"
#include "runtime/uuid.h"

enum { HOLD_SEATS_MAX = 100 }; /* the limit per user is never larger */

enum hold_verdict {
	HOLD_PLACED,	 /* all seats are the user's; `own[i]` marks those that were so before */
	HOLD_LIMIT,		 /* held + sold would exceed the limit */
	HOLD_HELD,		 /* seats[culprit] is held by someone else, pending, or held in the database */
	HOLD_SOLD,		 /* seats[culprit] is sold */
	HOLD_NOT_LOADED, /* the copy of sold seats is of another life of the store: load it, then ask again */
	HOLD_TOO_EARLY,	 /* before opens_at_ms, by the store's clock */
	HOLD_NO_ENTRY	 /* the gate: this place is not known to be admitted; ask the queue for why */
};

/* Judged in this order: gate, opening, limit, the seats' states. The gate is the waiting room's of the same store, where
 * the seats and the queue share one: an admitted place passes, and counts as claimed. */
struct seat_gate {
	int64_t number; /* of the user's token; 0: there is no gate */
	int64_t active_ttl_ms;
};
struct seat_hold {
	struct port_call call;
	/* in */
	int64_t schedule, user, ttl_ms;
	int64_t limit;
	int64_t opens_at_ms; /* unix ms; 0 or TIME_NONE: open */
	struct seat_gate gate;
	const struct seat_no *seats;
	unsigned count; /* 1..HOLD_SEATS_MAX, distinct */
	/* out */
	enum hold_verdict verdict;
	unsigned culprit;
	int64_t now_ms; /* the store's clock */
	int64_t expires_ms[HOLD_SEATS_MAX];
	bool own[HOLD_SEATS_MAX];
};

/* payment/ready: is it the user's? The first claim of a hold gives it its order number and prolongs it, once, to at
 * least `at_least_ms`; later ones, and those at the same moment, are told that number: one hold, one order. */
enum claim_verdict { CLAIM_OWN, CLAIM_NOT_OWNED, CLAIM_IS_SOLD, CLAIM_IS_TAKEN, CLAIM_NOT_LOADED };
struct seat_claim {
	struct port_call call;
	int64_t schedule, user, at_least_ms;
	struct seat_no seat;
	struct uuid order_no; /* in: a candidate; out: the hold's order */
	struct uuid ended;	  /* an order of this hold that has ended: the candidate takes its place, without prolonging */
	enum claim_verdict verdict;
	bool first;			  /* the candidate was taken */
	int64_t remaining_ms; /* of the hold, after prolonging */
};

/* Compare and delete. A hold that has an order is left, since that must fail first; unless it is the one that `ended`. */
enum release_verdict { RELEASE_DONE, RELEASE_NOT_HELD, RELEASE_NOT_OWNED, RELEASE_ORDERED };
struct seat_release {
	struct port_call call;
	int64_t schedule, user;
	struct seat_no seat;
	struct uuid ended; /* nil: none */
	bool only_ended;   /* nothing but the hold of that order, or else NOT_HELD */
	enum release_verdict verdict;
	struct uuid order_no; /* out: with RELEASE_ORDERED, the order in the way; nil when it is not known */
};

/* The user's holds of one schedule, by seat number. */
struct seat_holds {
	struct port_call call;
	int64_t schedule, user;
	unsigned count;
	struct seat_no seats[HOLD_SEATS_MAX];
	int64_t expires_ms[HOLD_SEATS_MAX];
	int64_t now_ms;
};

/* A change of the copy: applied only when `rev` is larger than what stands there. SOLD also ends every hold on the
 * seat; FREE, PENDING keep a hold of the same user (FREE: of anybody). */
struct seat_change {
	int64_t schedule, rev, user;
	struct seat_no seat;
	enum seat_claim_kind kind;
};
struct seat_apply {
	struct port_call call;
	const struct seat_change *changes; /* of any schedules; sent in scripts of <= 200 seats of one schedule */
	unsigned count;
	/* After all are merged, `load_schedule` is marked as loaded, if its copy is still of that birth; TK_UNAVAILABLE:
	 * it is not. 0: no load. */
	int64_t load_birth, load_schedule;
};

/* A load begins: asked before the database is read. The copy has one birth, the same for all who ask, until the store
 * loses it by whatever means (a restart, FLUSHALL, DEL). What others merged before that is lost, and does not show in
 * what was read before that either: such a load must not count. */
struct seat_birth {
	struct port_call call;
	int64_t schedule;
	int64_t birth; /* out, > 0 */
};

/* The state of all seats, in pieces that do not block the store; status[i] belongs to plan seat i. */
struct seat_plan;
struct seat_read {
	struct port_call call;
	int64_t schedule;
	const struct seat_plan *plan;
	uint8_t *status; /* enum seat_status, plan->count of them, the caller's */
	bool loaded;	 /* false: load, then ask again (status is not to be trusted) */
};

/* Forgets users whose holds have all ended, of whom the store keeps a note that would last until they come back. A
 * piece a call: it starts with cursor 0, and is through when the cursor is 0 again. */
struct seat_prune {
	struct port_call call;
	int64_t schedule;
	uint64_t cursor; /* in, and out */
	unsigned forgotten;
};

struct seat_lock {
	void (*hold)(struct seat_lock *, struct seat_hold *);
	void (*claim)(struct seat_lock *, struct seat_claim *);
	void (*release)(struct seat_lock *, struct seat_release *);
	void (*holds)(struct seat_lock *, struct seat_holds *);
	void (*birth)(struct seat_lock *, struct seat_birth *);
	void (*apply)(struct seat_lock *, struct seat_apply *);
	void (*read)(struct seat_lock *, struct seat_read *);
	void (*prune)(struct seat_lock *, struct seat_prune *);
};

#endif
