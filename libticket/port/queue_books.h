/* queue_books: what the waiting room keeps in the database: the operator's settings, the draws' seeds, the epochs; and
 * what it must know from there: how many seats are left.
 * Calls, errors, ownership and thread as in port/orders.h. */
#ifndef TK_QUEUE_BOOKS_H
#define TK_QUEUE_BOOKS_H

#include "runtime/flow.h"

/* A schedule's queue begins, or Redis lost or forgot it: the epoch of that birth (port/queue_store.h), above every one
 * given before; the same again for who asks with the same birth as the last. */
struct queue_epoch_next {
	struct port_call call;
	int64_t schedule, birth;
	int64_t epoch; /* out: 0 the first time */
};

struct queue_setting {
	int64_t schedule; /* 0: this schedule has none, the daemon's environment holds */
	int64_t max_active, admit_per_s;
	bool paused;
};
struct queue_settings_poll {
	struct port_call call;
	const int64_t *ids;
	unsigned count;
	struct queue_setting *items; /* the caller's, room for count, in the order of ids */
};
struct queue_setting_put {
	struct port_call call;
	struct queue_setting setting;
	bool found; /* out: false: no such schedule */
};

/* How many seats of these schedules are not sold: no more than `most` of each are looked for. */
struct queue_unsold_poll {
	struct port_call call;
	const int64_t *ids;
	unsigned count;
	int64_t most; /* >= 1 */
	int64_t
		*unsold; /* the caller's, room for count, in the order of ids; `most`: so many or more, or it has no seats */
};

/* The draw of a schedule with an opening time: made when first asked for (32 bytes of getrandom, kept by whoever comes
 * first), so that its commitment is public before anyone enters. */
enum { QUEUE_SEED = 32 };
struct queue_draw {
	struct port_call call;
	int64_t schedule, opens_at_ms;
	uint8_t candidate[QUEUE_SEED]; /* in */
	uint8_t seed[QUEUE_SEED];	   /* out */
	int64_t count;				   /* out: how many were drawn; -1: not yet */
};
/* Schedules that have opened and whose draw is still to be made, <= `max`. One whose seed nobody ever asked for is not
 * among them. */
struct queue_draws_due {
	struct port_call call;
	int64_t *schedules; /* the caller's, room for max */
	unsigned max, count;
};
struct queue_draw_done {
	struct port_call call;
	int64_t schedule, count; /* the first count stands */
};

struct queue_books {
	void (*epoch)(struct queue_books *, struct queue_epoch_next *);
	void (*settings)(struct queue_books *, struct queue_settings_poll *);
	void (*put)(struct queue_books *, struct queue_setting_put *);
	void (*unsold)(struct queue_books *, struct queue_unsold_poll *);
	void (*draw)(struct queue_books *, struct queue_draw *);
	void (*draws_due)(struct queue_books *, struct queue_draws_due *);
	void (*drawn)(struct queue_books *, struct queue_draw_done *);
};

#endif
