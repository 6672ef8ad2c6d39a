/* queue_board_inside: what queue_board.c and queue_watch.c share. */
#ifndef TK_QUEUE_BOARD_INSIDE_H
#define TK_QUEUE_BOARD_INSIDE_H

#include "api/app/id_table.h"
#include "api/app/queue_board_mail.h"

TAILQ_HEAD(queue_watch_list, queue_watch);

/* Many users' statuses, asked for in one call at a time. */
struct queue_hearing {
	struct flow flow;
	struct queue_known *known;
	struct queue_hear call;
	int64_t users[QUEUE_BATCH_MAX], ends_ms[QUEUE_BATCH_MAX], numbers[QUEUE_BATCH_MAX];
	uint8_t status[QUEUE_BATCH_MAX];
	bool under_way;
};

/* A room that news came of, or that is watched. */
struct queue_known {
	struct id_node node;
	struct queue_board *board;
	struct queue_copy *copy; /* NULL: only watched */
	struct queue_watch_list watches;
	struct queue_watch *next_watch; /* the one to look at next, while they are looked at */
	struct queue_hearing *hearing;	/* made with the first watch */
};

struct queue_board {
	struct queue_board_ports ports;
	struct mailbox mailbox;
	struct queue_owner owner;
	struct id_table table;
	struct hook retire;
	struct queue_copy *retired; /* pointers into them are good until the turn is over */
	unsigned asking;
	bool closed;
};

struct queue_known *queue_known_of(const struct queue_board *b, int64_t schedule); /* NULL */
struct queue_known *queue_known_need(struct queue_board *b, int64_t schedule);
void queue_known_tidy(struct queue_known *k); /* frees what carries nothing */

/* queue_watch.c */
void queue_watches_see(struct queue_known *k); /* news have come */

#endif
