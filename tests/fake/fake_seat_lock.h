/* fake_seat_lock: the port seat_lock in memory, with the verdicts of the one on Redis (contract/seat_lock_suite holds
 * both to them), a clock that the test moves, and faults that are fields.
 *
 *     f.fault[FAKE_HOLD] = (struct fake_fault){.countdown = 2, .err = TK_ERR(TK_UNAVAILABLE, "test")};
 *
 * fails the second hold from now; with `after_acting` the hold is taken and only its answer is lost. */
#ifndef TK_FAKE_SEAT_LOCK_H
#define TK_FAKE_SEAT_LOCK_H

#include "fake/fake_fault.h"
#include "port/seat_lock.h"

enum fake_seat_call {
	FAKE_HOLD,
	FAKE_CLAIM,
	FAKE_RELEASE,
	FAKE_HOLDS,
	FAKE_SEAT_BIRTH,
	FAKE_APPLY,
	FAKE_READ,
	FAKE_PRUNE,
	FAKE_SEAT_CALLS
};

struct fake_lock {						/* a lock key */
	int64_t schedule, user, expires_ms; /* INT64_MAX: set by hand without an end */
	struct seat_no seat;
	struct uuid order_no; /* nil: not claimed */
	bool listed;		  /* false: set by hand, and not seen since; does not count towards the limit */
};
struct fake_state { /* a field of the copy */
	int64_t schedule, rev, user;
	struct seat_no seat;
	enum seat_claim_kind kind;
};

struct fake_seat_lock {
	struct seat_lock port;
	struct fake_desk desk;
	int64_t now_ms;
	struct fake_fault fault[FAKE_SEAT_CALLS];
	unsigned calls[FAKE_SEAT_CALLS]; /* how many there were */
	unsigned changes;				 /* that were applied, new or not */
	int64_t birth;					 /* of every schedule's copy */
	int64_t admitted;				 /* the number of the place that passes a gate; 0: none */

	struct fake_lock *locks;
	unsigned lock_count;
	struct fake_state *states;
	unsigned state_count;
	int64_t *loaded; /* schedules */
	unsigned loaded_count;
};
void fake_seat_lock_init(struct fake_seat_lock *f, struct loop *l); /* no schedule is loaded */
void fake_seat_lock_finish(struct fake_seat_lock *f);

/* What somebody may do to the store behind everybody's back. */
void fake_seat_lock_delete(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat);
void fake_seat_lock_set(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat, int64_t user,
	int64_t ttl_ms); /* 0: without an end */
/* As PTTL: -1 no end, -2 no key. */
int64_t fake_seat_lock_left_ms(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat);
void fake_seat_lock_lose(struct fake_seat_lock *f);					  /* FLUSHALL */
void fake_seat_lock_load(struct fake_seat_lock *f, int64_t schedule); /* as if a load had finished */

#endif
