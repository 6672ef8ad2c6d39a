/* stretch: two places in a table that is read in the order of a time, a bounded piece of each a round.
 *
 * `fresh` begins a day ago, catches up with the present and follows it. `slow` goes over everything, again and again:
 * it finds what was inserted with a time long past, or was overdue while no daemon ran.
 *
 * Rows that could not be dealt with now (someone has them locked) are come back to: `fresh` goes on, so that one row holds
 * up no others, and begins at the first missed one as soon as it has reached the present; `slow` stays before it.
 * Times are the database's own: µs since 2000, as in its binary format; the least one is -infinity. Pure. */
#ifndef TK_PG_STRETCH_H
#define TK_PG_STRETCH_H

#include <stdbool.h>
#include <stdint.h>

enum { STRETCH_NONE = 0 }; /* no row is as old as the epoch */

struct stretch {
	int64_t fresh_us, slow_us; /* rows after these come next */
	int64_t missed_us;		   /* the first that `fresh` has missed on its way, or STRETCH_NONE */
	bool started;
};
struct stretch_piece {
	int64_t rows, last_us; /* how many, and the time of the last */
	int64_t missed_us;	   /* the time of the first that was missed, or STRETCH_NONE */
};

void stretch_start(struct stretch *s, int64_t now_us); /* harmless when started; the clock is only a hint */

/* A piece of at least `full` rows has more behind it; at its end `fresh` stands at `present_us`. True: it has more. */
bool stretch_move(
	struct stretch *s, struct stretch_piece fresh, struct stretch_piece slow, int64_t full, int64_t present_us);

#endif
