/* seating: a shard's view of schedules, seat plans and seat maps.
 *
 * The truth is looked up by one thread a process (backstage) and published to every shard's mailbox, so that a
 * request reads without locks and one look-up serves all listeners. A schedule nobody has asked for in 60 s is let go.
 * Schedule rows are at most 1 s old (polled every 500 ms while in use), seat maps at most 1 s; unknown schedules
 * are looked up each time (a row inserted by SQL is found at once). A seat that a plan does not know is looked up once
 * more, if the plan is older than 200 ms.
 *
 * While the database is away a row stays good for 10 s after it was last confirmed, so that a short restart stops no
 * holds; after that seating_find gives NULL and asking TK_UNAVAILABLE. Who changes nothing may go by it longer.
 *
 * Thread: the shard's. Pointers from seating_find and seating_map stay until the next turn of the loop: take
 * references over waits. */
#ifndef TK_SEATING_H
#define TK_SEATING_H

#include <sys/queue.h>

#include "api/app/seat_map.h"
#include "domain/schedule.h"
#include "runtime/flow.h"

struct seating;

struct seating_entry {
	struct schedule schedule;
	struct seat_plan *plan;
	struct seat_map *map; /* NULL: not looked up yet */
	int64_t map_as_of_ms; /* loop clock at which the look-up that found this map still true began */
};

/* What is known now and fresh enough to use without asking, or NULL. */
const struct seating_entry *seating_find(struct seating *s, int64_t schedule);
/* What was known last, however long ago that was confirmed, or NULL. */
const struct seating_entry *seating_find_last(struct seating *s, int64_t schedule);

enum seating_need {
	NEED_SCHEDULE, /* the row and the plan */
	NEED_PLAN,	   /* the plan again: a seat is missing in it */
	NEED_MAP,	   /* a map that is at most 1 s behind */
	NEED_RELOAD,   /* Redis forgot the sold and pending seats: load them again (single flight) */
	NEED_QUEUE	   /* Redis forgot the waiting room: its numbers go on above all issued before (single flight) */
};
struct seating_ask {
	struct port_call call;
	int64_t schedule;
	enum seating_need need;
	bool found; /* out: false: no such schedule */
};
/* Wakes with TK_NONE (see `found`) or TK_UNAVAILABLE within the database's and Redis' deadlines, at once when it is
 * known already. With TK_NONE and `found`, seating_find (NEED_MAP: seating_map) answers in that same turn. An ask must
 * live until it is woken. */
void seating_ask(struct seating *s, struct seating_ask *a);

/* Redis could not be told of a change (sold, pending, free): its copy of this schedule is compared with the database
 * and mended soon, and again until that works. */
void seating_mend(struct seating *s, int64_t schedule);

/* The map without asking, when it is at most 1 s behind the truth; asks for the next one in the background when it
 * nears that. NULL: ask. */
struct seat_map *seating_map(struct seating *s, int64_t schedule);

/* Streams: told of every new version while subscribed (looked up every 500 ms). Who takes seating_map's version and
 * subscribes in the same turn misses none: the next has version + 1 and its delta. A map that nobody used or watched
 * is let go and starts over (version 1, delta NULL): send the whole. Versions may be unwatched inside `changed`. */
struct seating_watch {
	int64_t schedule;
	void (*changed)(struct seating_watch *w, struct seat_map *m); /* m stays until the call returns */
	TAILQ_ENTRY(seating_watch) link;
};
void seating_watch(struct seating *s, struct seating_watch *w);
void seating_unwatch(struct seating *s, struct seating_watch *w);

#endif
