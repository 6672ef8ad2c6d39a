/* rooms: what backstage knows of the schedules' waiting rooms: how they are steered, their draws, how they stand.
 *
 * A room is known while a shard has asked for it within the last minute, while admission must look at it, or while
 * somebody watches it. What shards must know is published to their boards (api/app/queue_board.h).
 * Thread: backstage's. Private to api/jobs. */
#ifndef TK_ROOMS_H
#define TK_ROOMS_H

#include "api/app/id_table.h"
#include "api/app/queue_board_mail.h"
#include "api/jobs/hub.h"
#include "runtime/when.h"

enum { ROOMS_MAX = 10000, ROOM_WAITS = 11 };

struct draw;

struct room {
	struct id_node node;
	struct queue_use *use;
	struct queue_request *asks; /* of shards, for steering or for a sight */
	/* as the operator and the database have it */
	bool steered, sold_out;
	struct queue_setting setting; /* in force */
	/* Orders that the store has counted as paid: at the last round of admission, at the one before the database was
	 * last asked for unsold seats (-1: not known), and when what it said will be used up (INT64_MAX: not known). */
	int64_t uses, uses_asked, uses_end;
	/* the draw, where there is an opening */
	int64_t draw_opens_ms; /* the opening it is known for; TIME_NONE: not known */
	int64_t drawn;		   /* how many; -1: not drawn yet */
	struct draw *draw;	   /* under way */
	/* admission */
	bool open;			 /* the store says: look at it */
	bool mine;			 /* this daemon admits here */
	int64_t tick_due_ms; /* not before */
	/* how it stands */
	bool looked;
	int64_t looked_ms;
	uint64_t look_round;
	struct queue_look look;
	struct queue_line *line;
	int64_t deep_offset; /* of the next piece behind the front */
	/* read by the metrics, on any thread */
	_Atomic int64_t waiting, active;
};

struct rooms {
	struct backstage *b;
	struct id_table table;
	struct queue_board **boards;
	unsigned board_count, draws;
	uint64_t daemon;			  /* who we are, to the lease */
	struct queue_rules rules;	  /* of every schedule, but for its opening */
	pthread_mutex_t metrics_lock; /* the table, against the metrics */
	_Atomic int64_t waited[ROOM_WAITS + 1], waited_sum_ms;
	bool ended; /* the thread has ended: nobody is told anything */
};

struct rooms *rooms_create(struct backstage *b);
void rooms_destroy(struct rooms *r);
void rooms_add_board(struct rooms *r, struct queue_board *b);
void rooms_take_request(struct mail *m, void *backstage);
void rooms_collect(struct rooms *r, struct metrics_out *out); /* any thread */
void rooms_note_wait(struct rooms *r, int64_t waited_ms, int64_t users);

struct room *room_find(const struct rooms *r, int64_t schedule);
struct room *room_need(struct rooms *r, int64_t schedule);			 /* NULL: too many */
struct room *room_next(const struct rooms *r, const struct room *m); /* NULL gives the first */
void rooms_let_idle_go(struct rooms *r);

void room_publish(struct rooms *r, const struct room *m);
/* Answers those who wait for what has just been learned, or, with an error, could not be. */
void room_answer(struct room *m, bool sight, struct tk_err err);
void room_forget_uses(struct room *m);
bool room_is_wanted(const struct rooms *r, const struct room *m); /* a sight of it */
bool room_is_watched(const struct room *m);
struct queue_rules room_rules(const struct rooms *r, const struct schedule *s);
/* The schedule's row where it is known and fresh, else NULL: then it is looked up. */
const struct schedule *room_schedule(struct rooms *r, const struct room *m);

/* draw.c */
void draw_begin(struct rooms *r, struct room *m, const struct schedule *s); /* harmless while one is under way */

#endif
