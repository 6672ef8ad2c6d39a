/* mend_copies: schedules whose copy in Redis missed a change (Redis was away) get the database's truth, as soon as it
 * can be reached again; larger revisions win, so that nothing newer is undone. Kept in memory: the API's own comparing
 * finds what a restart forgets.
 *
 * Bounds: COPIES_MAX schedules; beyond, a mark is dropped. Thread: the loop's. */
#ifndef TK_MEND_COPIES_H
#define TK_MEND_COPIES_H

#include "port/catalogue.h"
#include "port/seat_lock.h"
#include "runtime/loop.h"

enum { COPIES_MAX = 4096, COPIES_PAUSE_MS = 500 };

struct mend_copies {
	struct catalogue *catalogue;
	struct seat_lock *seat_lock;
	struct loop *loop;
	void (*mended)(void *ctx, int64_t schedule); /* for the log; may be NULL */
	void *ctx;
	/* its own */
	int64_t dirty[COPIES_MAX]; /* schedules; [0] is under way while `busy` */
	unsigned count;
	bool busy, again; /* marked anew while under way */
	struct flow flow;
	struct seat_birth birth;
	struct claims_load claims;
	struct seat_apply apply;
	struct timer pause;
};

/* `catalogue` to `ctx` are the caller's to fill, the rest zero. */
void mend_copies_mark(struct mend_copies *m, int64_t schedule);
void mend_copies_stop(struct mend_copies *m); /* what is under way ends with its ports */
void mend_copies_finish(struct mend_copies *m);

#endif
