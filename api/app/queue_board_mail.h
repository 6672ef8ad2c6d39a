/* queue_board_mail: what a shard's board and the owner of the truth (api/jobs/rooms.c) send each other, as in
 * seating_mail.h. Private to the two. */
#ifndef TK_QUEUE_BOARD_MAIL_H
#define TK_QUEUE_BOARD_MAIL_H

#include "api/app/queue_board.h"

/* Who wants what of a room: written by all shards, read by the owner. */
struct queue_use {
	atomic_int refs;
	_Atomic int64_t used_ms, sight_used_ms; /* written at most once a second by each shard */
	_Atomic int watchers;
	_Atomic int64_t watched_to; /* the largest number that is watched; the owner resets it with each look */
};
void queue_use_unref(struct queue_use *u);

/* --- owner to shard --- */
struct queue_copy {
	struct mail mail;
	struct queue_news *news;
	struct queue_copy *next; /* the shard's */
};
struct queue_gone { /* nobody used it */
	struct mail mail;
	int64_t schedule;
};
void queue_board_take_copy(struct mail *m, void *ctx);
void queue_board_take_gone(struct mail *m, void *ctx);
void queue_board_take_answer(struct mail *m, void *ctx);	  /* a request on its way back */
void queue_board_post(struct queue_board *b, struct mail *m); /* any thread */

/* --- shard to owner --- */
struct queue_request {
	struct mail mail;
	struct queue_request *next; /* the owner's */
	struct queue_board *from;
	int64_t schedule;
	bool sight;
	struct port_call *call; /* the shard's: who is woken */
	struct tk_err err;
};

struct queue_owner {
	struct mailbox *mailbox;
	void (*take)(struct mail *m, void *ctx); /* a request */
};
struct queue_board_ports {
	struct loop *loop;
	struct queue_store *store; /* NULL: another daemon's; then nothing can be watched */
	struct queue_rules rules;  /* of every schedule, but for its opening */
};
struct queue_board *queue_board_open(
	const struct queue_board_ports *p, const struct queue_owner *owner); /* NULL: errno */
void queue_board_close(struct queue_board *b); /* after the owner's thread has ended; wakes nobody */

#endif
