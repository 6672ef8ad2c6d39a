/* fake_queue_store: the port queue_store in memory, with the verdicts of the one on Redis (contract/queue_store_suite
 * holds both to them), a clock that the test moves, and faults that are fields:
 *
 *     f.fault[FAKE_ENTER] = (struct fake_fault){.countdown = 2, .err = TK_ERR(TK_UNAVAILABLE, "test")};
 *
 * fails the second entry from now; with `after_acting` the place is there and only its answer is lost. */
#ifndef TK_FAKE_QUEUE_STORE_H
#define TK_FAKE_QUEUE_STORE_H

#include "fake/fake_fault.h"
#include "port/queue_store.h"

enum fake_queue_call {
	FAKE_ENTER,
	FAKE_STATUS,
	FAKE_LEAVE,
	FAKE_VERIFY,
	FAKE_USED,
	FAKE_TICK,
	FAKE_LOOK,
	FAKE_SLICE,
	FAKE_HEAR,
	FAKE_SCAN,
	FAKE_NUMBER,
	FAKE_BIRTH,
	FAKE_REVIVE,
	FAKE_WAKE,
	FAKE_OPEN,
	FAKE_QUEUE_CALLS
};
struct fake_line; /* a schedule */

struct fake_queue_store {
	struct queue_store port;
	struct fake_desk desk;
	int64_t now_ms;
	uint32_t life;
	struct fake_fault fault[FAKE_QUEUE_CALLS];
	unsigned calls[FAKE_QUEUE_CALLS]; /* how many there were */

	struct fake_line **lines;
	unsigned line_count;
};
void fake_queue_store_init(struct fake_queue_store *f, struct loop *l); /* nothing is revived */
void fake_queue_store_finish(struct fake_queue_store *f);

void fake_queue_store_lose(struct fake_queue_store *f);	   /* FLUSHALL */
void fake_queue_store_restart(struct fake_queue_store *f); /* another life, with all that was there */

#endif
