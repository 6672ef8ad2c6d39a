/* seat_set: the seats that a batch of events is about.
 * Pure: no I/O, no clock. Ownership: it points to the events, which stay the caller's and where they are. */
#ifndef TK_SEAT_SET_H
#define TK_SEAT_SET_H

#include <stdbool.h>

#include "event/payment_completed.h"

struct seat_set {
	const struct payment_completed **at; /* open addressing; NULL: empty */
	unsigned mask;
};

void seat_set_init(struct seat_set *s, unsigned max); /* room for `max` events */
void seat_set_finish(struct seat_set *s);
void seat_set_clear(struct seat_set *s);

bool seat_set_has(const struct seat_set *s, const struct payment_completed *e);
bool seat_set_add(struct seat_set *s, const struct payment_completed *e); /* false: its seat is there already */

#endif
