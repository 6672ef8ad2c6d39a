/* fake_event_out: an event_out that remembers what it was given. A fault is a field.
 * As with the real one a report never comes from within publish: the test says when (fake_event_out_report), which is
 * also how a report is late. */
#ifndef TK_FAKE_EVENT_OUT_H
#define TK_FAKE_EVENT_OUT_H

#include "port/event_out.h"

enum { FAKE_EVENTS_MAX = 256, FAKE_BYTES_MAX = 512 };
enum fake_event_kind { FAKE_PAYMENT, FAKE_RESERVATION, FAKE_DEAD_LETTER };

struct fake_event {
	enum fake_event_kind kind;
	uint64_t tag;
	bool reported;
	enum delivery delivery;
	struct payment_completed payment;
	struct reservation_decided reservation;
	struct dead_letter dead_letter; /* its bytes are copied below; headers as given */
	char key[FAKE_BYTES_MAX], value[FAKE_BYTES_MAX];
};

struct fake_event_out {
	struct event_out port;
	struct fake_event event[FAKE_EVENTS_MAX];
	unsigned count; /* accepted, also those beyond FAKE_EVENTS_MAX */

	/* Faults; all zero: every event is accepted, and reported as delivered. */
	int refuse_in;	/* n: the n-th publish from now is refused (TK_UNAVAILABLE); counts down */
	int refuse_for; /* ... and so many in all (0: one) */
	int fail_in;	/* n: the n-th accepted from now is reported as failed; counts down */
	int fail_for;	/* ... and so many in all (0: one) */
	size_t
		too_large; /* n: a dead letter of more bytes (value and key) is refused for good, by the broker; 0: none is */
	bool too_large_here; /* ... by publish itself */
	bool never;			 /* no report is ever made */
	bool away;			 /* reachable answers false */
};

void fake_event_out_init(struct fake_event_out *f);

/* Reports every accepted event that was not reported yet, in the order of publishing. Returns how many. */
unsigned fake_event_out_report(struct fake_event_out *f);

#endif
