/* fake_outbox: the port outbox in memory, on the loop's clock. Rows are never forgotten, only marked, so that a test can
 * ask what happened to each.
 * Thread: the loop's. */
#ifndef TK_FAKE_OUTBOX_H
#define TK_FAKE_OUTBOX_H

#include "fake/fake_fault.h"
#include "port/outbox.h"

enum fake_outbox_call { FAKE_CLEAR, FAKE_LEASE, FAKE_SWEEP, FAKE_EXPIRE, FAKE_STATS, FAKE_OUTBOX_CALLS };

struct fake_row {
	struct payment_completed event;
	int64_t next_try_ms;
	unsigned leases, clears;
};
struct fake_outbox {
	struct outbox port;
	struct fake_desk desk;
	struct fake_fault fault[FAKE_OUTBOX_CALLS];
	unsigned calls[FAKE_OUTBOX_CALLS];
	struct fake_row *rows;			/* row i has the event id that fake_event_id(i) gives */
	unsigned row_count, first_left; /* all rows before that are cleared */
	int64_t to_expire;				/* READY orders whose time has run out */
	int64_t restored, stuck;		/* what the next sweep says */
	struct outbox_stats stats;		/* what stats says; `pending` is counted */
};
void fake_outbox_init(struct fake_outbox *f, struct loop *l);
void fake_outbox_finish(struct fake_outbox *f);
void fake_outbox_add(struct fake_outbox *f, unsigned rows); /* due at once */
unsigned fake_outbox_left(const struct fake_outbox *f);
unsigned fake_outbox_leased(const struct fake_outbox *f); /* rows leased at least once */
struct uuid fake_event_id(unsigned row);
unsigned fake_event_row(const struct uuid *id);

#endif
