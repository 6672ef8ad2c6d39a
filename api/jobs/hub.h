/* hub: the owner's side of seating: what is known of schedules in use, looked up once for all shards.
 *
 * An entry is `known` when its row and plan have been looked up; others only carry flights, watches or a mark. A flight
 * is a look-up under way: one of a kind for each schedule, whoever asks meanwhile joins it.
 * Thread: backstage's. Private to api/jobs. */
#ifndef TK_HUB_H
#define TK_HUB_H

#include "api/app/id_table.h"
#include "api/jobs/inside.h"

enum flight_kind {
	FLIGHT_LOOK,   /* the row and the plan */
	FLIGHT_MAP,	   /* the seats' statuses; looks or reloads first, where needed */
	FLIGHT_RELOAD, /* what the database knows of the seats goes into the copy that forgot it */
	FLIGHT_REVIVE, /* the queue that Redis forgot goes on, in a new epoch */
	FLIGHTS
};
struct flight;

struct hub_entry {
	struct id_node node;
	bool known, marked; /* marked: Redis missed a change */
	struct schedule schedule;
	struct seat_plan *plan;
	struct seat_map *map;
	int64_t row_as_of_ms, plan_as_of_ms, map_as_of_ms; /* when the look-up began */
	int64_t mend_tried_ms;
	uint64_t prune_cursor; /* where mending goes on with users who hold nothing any more */
	uint64_t first_poll;   /* the first poll that covers it */
	struct seating_use *use;
	unsigned watches; /* shards that watch it */
	struct flight *flight[FLIGHTS];
};

struct hub {
	struct backstage *b;
	struct id_table table;
	struct seating **shards;
	unsigned shard_count;
	uint64_t poll, good_poll; /* number of the latest poll of all rows, and of the latest that worked */
	int64_t polled_ms;		  /* when that one began */
	size_t known, plan_seats, map_seats;
	unsigned flights;
	bool closed; /* stopping: nothing new begins */
	bool ended;	 /* the thread has ended: nobody is told anything */
};

struct hub *hub_create(struct backstage *b);
void hub_destroy(struct hub *h);
void hub_add_shard(struct hub *h, struct seating *s);
void hub_take_request(struct mail *m, void *backstage);

struct hub_entry *hub_find(const struct hub *h, int64_t schedule);
struct hub_entry *hub_need(struct hub *h, int64_t schedule);
struct hub_entry *hub_next(const struct hub *h, const struct hub_entry *e); /* NULL gives the first */
void hub_learn(
	struct hub *h, struct hub_entry *e, const struct schedule *row, struct seat_plan *plan, int64_t as_of_ms);
void hub_learn_row(struct hub *h, struct hub_entry *e, const struct schedule *row, int64_t as_of_ms);
/* The statuses (malloc'd, taken over) of a look-up that began at `as_of_ms`. */
void hub_learn_map(struct hub *h, struct hub_entry *e, struct seat_plan *plan, uint8_t *status, int64_t as_of_ms);
void hub_learn_poll(struct hub *h, uint64_t poll, int64_t as_of_ms); /* all rows are as they are, since then */
int64_t hub_row_as_of(const struct hub *h, const struct hub_entry *e);
void hub_forget(struct hub *h, struct hub_entry *e); /* the entry may be gone afterwards */
void hub_drop_map(struct hub *h, struct hub_entry *e);
void hub_tidy(struct hub *h, struct hub_entry *e); /* frees an entry that carries nothing */

/* Waits for the flight of that kind, and starts it if need be; w NULL: nobody waits. */
void flight_join(struct hub *h, struct hub_entry *e, enum flight_kind kind, struct seating_wait *w);

static inline int64_t hub_now(const struct hub *h)
{
	return loop_now_ms(h->b->ports.loop);
}

#endif
