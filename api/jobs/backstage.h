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
#include "port/queue_books.h"
#include "port/queue_store.h"
#include "port/seat_lock.h"
#include "runtime/config.h"
#include "runtime/flow.h"

struct backlog;
struct loop;
struct seating;
struct queue_board;
struct metrics_sheet;
struct metrics_out;
struct backstage;

struct backstage_ports {
	struct loop *loop; /* the backstage thread's */
	struct catalogue *catalogue;
	struct seat_lock *seats;
	struct outbox *outbox;
	struct event_out *events;
	struct queue_store *queue; /* NULL: another daemon's (TICKET_ROLE=booking) */
	struct queue_books *books;
	struct metrics_sheet *metrics;
	const struct config *config;
};
/* Takes `delivered` and `ctx` of the event_out. NULL: errno. */
struct backstage *backstage_create(const struct backstage_ports *p);
struct seating *seating_create(struct backstage *b, struct loop *shard_loop); /* NULL: errno */
/* After the backstage thread has ended, while the shard's loop still exists; wakes nobody. */
void seating_destroy(struct seating *s);
/* The same for the waiting rooms; `store` is the shard's own, NULL where the queue is another daemon's. */
struct queue_board *queue_board_create(struct backstage *b, struct loop *shard_loop, struct queue_store *store);
void queue_board_destroy(struct queue_board *board);
bool backstage_start(struct backstage *b); /* false: errno */
/* Ends the thread: what is under way is finished and answered, within 3 s; new asks are refused meanwhile. Drain the
 * shards first: afterwards nobody answers an ask. */
void backstage_stop(struct backstage *b);
/* After the shards' threads and, when the stop hit its bound, after the ports have answered everything (pg_destroy and
 * the like), since they know calls that live in here. The loop is destroyed later. */
void backstage_destroy(struct backstage *b);

struct backlog *backstage_backlog(struct backstage *b); /* lives as long as backstage; any thread may use it */

/* Counts the outbox, refunds and double sales anew, so that a scrape shows what is true. Wakes with TK_NONE, or with
 * TK_UNAVAILABLE after 500 ms at the latest: then the last count stands. Thread: the shard's. */
struct backstage_stats_ask {
	struct port_call call;
};
void backstage_stats(struct seating *s, struct backstage_stats_ask *a);

/* Writes the counted gauges: main registers it by metrics_collector(backstage_collect, b). Any thread, until destroyed. */
void backstage_collect(void *backstage, struct metrics_out *out);

#endif
