/* backstage: the one thread of an API process that serves nobody's request: it looks up schedules and seat maps for
 * all shards, fails READY orders whose time ran out, relays the outbox, sweeps, repairs and counts.
 *
 * It has a loop, database connections (1 fast, 1 slow), a Redis client and an event_out of its own, given by main
 * (the only place that picks adapters).
 * Thread: create, start and stop from the main thread; seating_create before start, from the main thread. */
#ifndef TK_BACKSTAGE_H
#define TK_BACKSTAGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "port/catalogue.h"
#include "port/event_out.h"
#include "port/outbox.h"
#include "port/seat_lock.h"
#include "runtime/config.h"

struct loop;
struct seating;
struct metrics_sheet;
struct backstage;

struct backstage_ports {
	struct loop *loop; /* the backstage thread's */
	struct catalogue *catalogue;
	struct seat_lock *seats;
	struct outbox *outbox;
	struct event_out *events;
	struct metrics_sheet *metrics;
	const struct config *config;
};
struct backstage *backstage_create(const struct backstage_ports *p);
struct seating *seating_create(struct backstage *b, struct loop *shard_loop);
void seating_destroy(struct seating *s); /* after the backstage thread has ended; wakes nobody */
bool backstage_start(struct backstage *b); /* false: errno */
void backstage_stop(struct backstage *b);  /* ends the thread: finishes what is under way, within a bound */
void backstage_destroy(struct backstage *b);

/* How many outbox rows there are, as far as this process knows: the last count (each second) plus what it has
 * approved since, minus what was delivered since. For the cap; any thread. */
int64_t backstage_outbox_estimate(const struct backstage *b);
void backstage_outbox_moved(struct backstage *b, int64_t by); /* +1 approved, -1 delivered; any thread */

#endif
