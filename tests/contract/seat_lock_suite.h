/* seat_lock_suite: what every implementation of the port seat_lock must do, as tests over a small world.
 * A program gives a world in its group setup (*state; NULL: everything is skipped) and calls seat_lock_suite. */
#ifndef TK_SEAT_LOCK_SUITE_H
#define TK_SEAT_LOCK_SUITE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "port/seat_lock.h"
#include "support/asker.h"

struct seat_world {
	struct seat_lock *lock;
	int64_t schedule;					/* of the test that runs; the suite counts on from what the program chose */
	void (*turn)(struct seat_world *w); /* lets answers arrive */
	void (*pass)(struct seat_world *w, int64_t ms);
	/* Somebody else, with redis-cli. ttl_ms 0: without an end. left_ms as PTTL: -1 no end, -2 no key. */
	void (*delete_key)(struct seat_world *w, const struct seat_no *seat);
	void (*set_key)(struct seat_world *w, const struct seat_no *seat, int64_t user, int64_t ttl_ms);
	int64_t (*left_ms)(struct seat_world *w, const struct seat_no *seat);
	void (*lose)(struct seat_world *w); /* all keys of the schedule */
};
int seat_lock_suite(const char *name, CMFixtureFunction setup, CMFixtureFunction teardown);

/* Single calls that wait for their answer and demand TK_OK; for programs with tests of their own. */
struct seat_no suite_seat(const char *s);
void suite_load(struct seat_world *w, const struct seat_change *changes, unsigned count); /* a whole load */
void suite_apply(struct seat_world *w, const struct seat_change *changes, unsigned count);
struct seat_change suite_change(
	const struct seat_world *w, const char *seat, int64_t rev, enum seat_claim_kind kind, int64_t user);
enum hold_verdict suite_hold(struct seat_world *w, int64_t user, const char *seat); /* limit 4, 60 s */
enum claim_verdict suite_claim(struct seat_world *w, int64_t user, const char *seat);
enum seat_status suite_status(struct seat_world *w, const char *seat); /* demands that the copy is loaded */

/* SEAT_CALL(w, hold, &h) asks the port, and is its answer, whatever it is. */
#define SEAT_CALL(w, method, k)                                                                                        \
	({                                                                                                                 \
		struct asker a_;                                                                                               \
		ASKER_ASK(&a_, (w)->lock, method, k);                                                                          \
		suite_await((w), &a_);                                                                                         \
	})
struct tk_err suite_await(struct seat_world *w, const struct asker *a);

#endif
