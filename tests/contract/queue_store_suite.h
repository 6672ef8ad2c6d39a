/* queue_store_suite: what every implementation of the port queue_store must do, as tests over a small world.
 * A program gives a world in its group setup (*state; NULL: everything is skipped) and calls queue_store_suite. */
#ifndef TK_QUEUE_STORE_SUITE_H
#define TK_QUEUE_STORE_SUITE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "port/queue_store.h"
#include "support/asker.h"

struct queue_world {
	struct queue_store *store;
	int64_t schedule; /* of the test that runs; the suite counts on from what the program chose */
	struct queue_rules rules;
	void (*turn)(struct queue_world *w); /* lets answers arrive */
	void (*pass)(struct queue_world *w, int64_t ms);
	int64_t (*now_ms)(struct queue_world *w); /* the store's clock */
	void (*lose)(struct queue_world *w);	  /* all keys of the schedule */
	void (*restart)(struct queue_world *w);	  /* another life of the store, with all that was there */
};
int queue_store_suite(const char *name, CMFixtureFunction setup, CMFixtureFunction teardown);

/* ROOM_CALL(w, enter, &k) asks the port, and is its answer, whatever it is. */
#define ROOM_CALL(w, method, k)                                                                                        \
	({                                                                                                                 \
		struct asker a_;                                                                                               \
		ASKER_ASK(&a_, (w)->store, method, k);                                                                         \
		room_await((w), &a_);                                                                                          \
	})
struct tk_err room_await(struct queue_world *w, const struct asker *a);

/* Single calls that wait for their answer and demand TK_OK; for programs with tests of their own. */
struct queue_place room_enter(struct queue_world *w, int64_t user); /* demands a place */
struct queue_place room_enter_with(struct queue_world *w, int64_t user, int64_t token_number);
struct queue_place room_status(struct queue_world *w, int64_t user); /* QUEUE_NOBODY: has none */
void room_revive(struct queue_world *w, int64_t epoch, int64_t number_seen);
enum queue_verdict room_verdict(struct queue_world *w, int64_t user); /* of status */
void room_leave(struct queue_world *w, int64_t user);
struct queue_tick room_tick(struct queue_world *w, int64_t max_active); /* demands the lease; 1,000,000 a second */

#endif
