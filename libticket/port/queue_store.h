/* queue_store: the waiting room of a schedule, in Redis. One script, one round trip a call.
 *
 * Keys of schedule S (one cluster slot):
 *   queue:{S}         ZSET  waiting users, score: their number
 *   queue:heard:{S}:N STRING  of the numbers from 250000 N on, 4 bytes each: when last heard of (only with a grace)
 *   queue:active:{S}  ZSET  admitted users, score: when the admission ends
 *   queue:place:{S}   HASH  user -> "number:state"; 0 admitted, 1 admitted and claimed, U used, E expired
 *   queue:past:{S}    ZSET  users whose place was used or has expired, score: when that is forgotten (10 min)
 *   queue:pre:{S}     SET   who came before opening (PRE_QUEUE), until the draw has numbered them
 *   queue:left:{S}    SET   who of them left while the draw was under way
 *   queue:spent:{S}   SET   numbers of earlier lives of the store that came back by token and have ended since
 *   queue:head:{S}    STRING  what every call reads, packed (lua/queue_lib.lua): run (run_id this was last alive
 *                     under), shift, ticked, rate, base, pre, sold
 *   queue:seq:{S}     STRING  the last number
 *   queue:meta:{S}    HASH  what admission alone needs: serving, admitted, uses, credit, pace (of the last second), ...
 *   queue:when:{S}    ZSET  times, score: the last number then; from which it is known how long people waited
 *   queue:lease:{S}   the daemon that admits, PX
 *   queue:birth:{S}   "run_id:number" of a new life, from when somebody asks for it until it is revived
 *   queue:open        SET   of the schedules that admission must look at (no braces: not in the slot of any)
 * A user is in one of queue, place and pre at most (during a draw in queue and pre).
 *
 * Time is the queue's own: Redis TIME minus `shift`. When admission stood still for more than 5 s the gap is added to
 * `shift`, so that every deadline moves by it without being rewritten; until then the queue's time stands still too.
 * A clock that steps back is treated the same. What is told to clients is shifted back.
 *
 * After Redis lost or forgot (another run_id, or no head at all) a script answers QUEUE_NEW_LIFE: the caller asks for its
 * `birth`, draws that birth's epoch from the database (queue_epoch, 0 at first) and calls `revive`; numbers then go on
 * above epoch * 10^9, above any issued before; those with a token come back by it, at their old number. What an old
 * snapshot has stays as it is. However many daemons do this at once, there is one birth, one epoch and one revival.
 * The epoch of a number is number / 10^9, so that a place always has the same token.
 *
 * Errors, ownership, thread as in port/seat_lock.h. A call that failed may have acted; every call may be repeated. */
#ifndef TK_QUEUE_STORE_H
#define TK_QUEUE_STORE_H

#include "domain/waiting_room.h"
#include "runtime/flow.h"

enum { QUEUE_ADMIT_MAX = 200, QUEUE_BATCH_MAX = 500, QUEUE_SLICE_MAX = 5000, QUEUE_SCAN_MAX = 4 * QUEUE_BATCH_MAX };
enum { QUEUE_REMEMBER_MS = 600000, QUEUE_STALL_MS = 5000 };

/* What a script needs to know of the schedule, from caches of the caller. */
struct queue_rules {
	int64_t opens_at_ms;						   /* TIME_NONE: always open */
	int64_t active_ttl_ms, claim_ttl_ms, grace_ms; /* grace 0: never dropped */
};

/* Enter, status: what stands there now. Being asked for counts as being heard of, and claims an admission. */
enum queue_verdict {
	QUEUE_PLACED,	/* `place` says where. enter, sold out: SOLD_OUT with number 0 for who had no place; it made none */
	QUEUE_NO_PLACE, /* status only: not in the queue */
	QUEUE_NEW_LIFE
};
struct queue_place_call {
	struct port_call call;
	int64_t schedule, user;
	struct queue_rules rules;
	/* enter: a valid token of this user and schedule, or number 0: none. A place that the store has lost comes back. */
	int64_t token_number, token_epoch;
	enum queue_verdict verdict;
	struct queue_place place;
};

enum { QUEUE_NUMBER_ANY = 0, QUEUE_NUMBER_EARLY = -1 }; /* EARLY: only one from before the draw, or of it */
struct queue_leave {
	struct port_call call;
	int64_t schedule, user;
	int64_t number; /* only the place with this number (tokens/expire), or one of the above */
	bool expire;	/* a waiting or admitted place is remembered as EXPIRED instead of forgotten */
};

/* Verify and gate: is this place admitted; counts as being heard of and claims. */
struct queue_verify {
	struct port_call call;
	int64_t schedule, user, number, epoch; /* number 0: a token from before the draw, good for what that made of it */
	struct queue_rules rules;
	enum { VERIFY_ACTIVE, VERIFY_WAITING, VERIFY_INVALID, VERIFY_NEW_LIFE } verdict;
	int64_t expires_in_ms;
};

/* Orders became PAID: each is counted, and their buyers' admissions are USED, whoever of them has one. Cheap when nobody
 * has. Repeated, it counts again. */
struct queue_used {
	struct port_call call;
	int64_t schedule;
	const int64_t *users;
	unsigned count; /* <= QUEUE_BATCH_MAX */
};

/* One round of admission. Does nothing for who does not hold the lease: then only `mine`, `new_life` and `uses` are set.
 * At least 5 rounds a second are needed to reach admit_per_s; no second ever sees more than admit_per_s. */
struct queue_tick {
	struct port_call call;
	int64_t schedule;
	uint64_t daemon; /* this process, random */
	int64_t lease_ms;
	int64_t max_active, admit_per_s;
	bool paused, sold_out, drawn; /* `drawn`: the draw is done, or there is none */
	int64_t uses_end;			  /* nobody is admitted once so many orders were counted; INT64_MAX: whatever was */
	struct queue_rules rules;
	/* out */
	bool mine, new_life;
	bool draw_due; /* opened, and early users must be numbered first (also when there are none and `drawn` is false) */
	int64_t admitted, waiting, active, pre; /* admitted in this round; the others now */
	int64_t serving;						/* the largest number admitted so far */
	int64_t uses;							/* orders counted so far; from 0 again when the store has lost them */
	int64_t rate_milli;						/* as in struct queue_place */
	int64_t waited_ms; /* how long the middle one of those admitted in this round waited (within 0.5 s); -1: none */
	bool more;		   /* a bound of the round was reached: call again at once */
};

/* The shared sight: for serving, streams and gauges, without a look-up per user. */
struct queue_look {
	struct port_call call;
	int64_t schedule;
	int64_t waiting, active, pre, serving, rate_milli, shift_ms;
	bool sold_out, new_life;
};

/* The waiting in their order, from `offset`, at most QUEUE_SLICE_MAX (1 ms of the store); for streams. */
struct queue_slice {
	struct port_call call;
	int64_t schedule, offset;
	int64_t (*users_numbers)[2]; /* the caller's, room for QUEUE_SLICE_MAX: user, number */
	unsigned count;
};
/* Many users are heard of (streams), and what has become of them: `status` for each. */
struct queue_hear {
	struct port_call call;
	int64_t schedule;
	const int64_t *users;
	unsigned count; /* <= QUEUE_BATCH_MAX */
	struct queue_rules rules;
	uint8_t *status;  /* enum queue_status, the caller's; untouched in a new life */
	int64_t *ends_ms; /* of the ACTIVE, unix ms; the caller's, or NULL */
	int64_t *numbers; /* of the ACTIVE; the caller's, or NULL */
	bool new_life;
};

/* The draw, once `draw_due`: early users in pieces (cursor 0 to start, ends at 0 again), then their numbers in pieces,
 * then done. The set no longer changes, so another daemon may start again with the same seed and comes to the same. */
struct queue_scan_pre {
	struct port_call call;
	int64_t schedule;
	uint64_t cursor; /* in, out */
	int64_t *users;	 /* the caller's, room for QUEUE_SCAN_MAX; a user may come twice in the course of a scan */
	unsigned count;
};
struct queue_number_pre {
	struct port_call call;
	int64_t schedule;
	uint64_t daemon;	  /* who holds the lease; another's: nothing is done */
	const int64_t *users; /* in the order of the draw, from `first_number` on */
	unsigned count;		  /* <= QUEUE_BATCH_MAX, also 0 */
	int64_t first_number; /* 1 in the first piece: place in the draw; the store adds what was issued before, if any */
	bool finish;		  /* this was the last piece: the draw is done */
	bool mine;			  /* out */
	struct queue_rules rules;
};

/* A new life has a birth: the same number for all who ask before it is revived, of no other life before. */
struct queue_birth {
	struct port_call call;
	int64_t schedule;
	int64_t candidate; /* random, 1 .. 2^53 - 1 */
	int64_t birth;	   /* out; 0: the queue lives, somebody was faster */
};
struct queue_revive {
	struct port_call call;
	int64_t schedule, birth, epoch, number_seen; /* numbers go on above the larger of epoch * 10^9 and number_seen */
	bool revived;								 /* out; false: that birth is over, nothing was done */
};

/* Admission looks at these schedules, until nobody is there and no draw is due. */
struct queue_wake {
	struct port_call call;
	const int64_t *schedules;
	unsigned count; /* >= 1 */
};

/* Schedules that admission must look at, <= `max` (any of them when there are more). */
struct queue_open {
	struct port_call call;
	int64_t *schedules;
	unsigned max, count;
};

struct queue_store {
	void (*enter)(struct queue_store *, struct queue_place_call *);
	void (*status)(struct queue_store *, struct queue_place_call *);
	void (*leave)(struct queue_store *, struct queue_leave *);
	void (*verify)(struct queue_store *, struct queue_verify *);
	void (*used)(struct queue_store *, struct queue_used *);
	void (*tick)(struct queue_store *, struct queue_tick *);
	void (*look)(struct queue_store *, struct queue_look *);
	void (*slice)(struct queue_store *, struct queue_slice *);
	void (*hear)(struct queue_store *, struct queue_hear *);
	void (*scan_pre)(struct queue_store *, struct queue_scan_pre *);
	void (*number_pre)(struct queue_store *, struct queue_number_pre *);
	void (*birth)(struct queue_store *, struct queue_birth *);
	void (*revive)(struct queue_store *, struct queue_revive *);
	void (*wake)(struct queue_store *, struct queue_wake *);
	void (*open)(struct queue_store *, struct queue_open *);
};

#endif
