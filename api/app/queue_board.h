/* queue_board: a shard's view of the waiting rooms: how each is steered, how it stands, who waits in which order.
 *
 * Looked up by backstage (api/jobs/rooms.h) once for all shards and published to their mailboxes, so that any number of
 * streams and of GET /queue/serving costs the store the same. Steering (the operator's settings, sold out) is at most
 * 1 s old while the database can be asked, and what was known last when it can't. A sight is looked up each 450 ms while
 * somebody wants it: within the last 3 s, or by watching.
 *
 * Thread: the shard's. What queue_board_find gives stays until the next turn of the loop: take a reference over waits. */
#ifndef TK_QUEUE_BOARD_H
#define TK_QUEUE_BOARD_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "domain/waiting_room.h"
#include "port/queue_books.h"
#include "port/queue_store.h"
#include "runtime/flow.h"
#include "runtime/loop.h"

/* The waiting in their order, from the front as far back as anyone watches; the front is of the look it came with,
 * further pieces may be older. */
struct queue_line {
	atomic_int refs;
	bool whole; /* nobody waits behind the last of it */
	size_t count;
	int64_t (*users_numbers)[2]; /* numbers ascend */
};
void queue_line_unref(struct queue_line *l); /* NULL is fine */

struct queue_use;
struct queue_news {
	atomic_int refs;
	int64_t schedule;
	bool steered, looked;		  /* what of the following is known */
	struct queue_setting setting; /* in force: the schedule's own, or the environment's */
	bool sold_out;
	int64_t looked_ms; /* loop clock, when the look-up began */
	struct queue_look look;
	struct queue_line *line; /* NULL: nobody watched */
	struct queue_use *use;
};
struct queue_news *queue_news_ref(struct queue_news *n);
void queue_news_unref(struct queue_news *n); /* NULL is fine */

struct queue_board;

/* What is known, or NULL. */
struct queue_news *queue_board_find(struct queue_board *b, int64_t schedule);
/* The same with a look that is at most 1 s old, or NULL: ask. */
struct queue_news *queue_board_sight(struct queue_board *b, int64_t schedule);

struct queue_ask {
	struct port_call call;
	int64_t schedule;
	bool sight; /* also how it stands; else only how it is steered */
};
/* Wakes with TK_NONE: queue_board_find (`sight`: queue_board_sight) answers in that same turn; or with TK_UNAVAILABLE,
 * within the deadlines of the database and of Redis. An ask must live until it is woken. */
void queue_board_ask(struct queue_board *b, struct queue_ask *a);

/* A stream: one user's place, kept up to date from what is published. Users who are no longer where they were are asked
 * for together, and all are heard of together, four times in a grace. */
struct queue_watch {
	/* the watcher's */
	int64_t schedule, user;
	struct queue_place place; /* in: as the store said; then kept up to date. QUEUE_NOBODY: the place is lost */
	void (*changed)(struct queue_watch *w); /* may unwatch */
	/* the board's own */
	bool doubted;  /* its status is to be asked for */
	bool asked;	   /* it is being asked for */
	bool missed;   /* the store says that it waits, the line did not show it */
	bool unplaced; /* waits, but at which number is not known */
	int64_t heard_ms;
	struct queue_use *use;
	TAILQ_ENTRY(queue_watch) link;
};
void queue_board_watch(struct queue_board *b, struct queue_watch *w); /* after an ask with `sight` */
void queue_board_unwatch(struct queue_board *b, struct queue_watch *w);

#endif
