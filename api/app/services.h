/* services: what a shard's use cases work with. Wired by shard.c; everything belongs to the shard's thread. */
#ifndef TK_SERVICES_H
#define TK_SERVICES_H

#include "runtime/arena.h"
#include "runtime/config.h"

struct loop;
struct seat_lock;
struct orders;
struct outbox;
struct catalogue;
struct event_out;
struct seating;
struct backlog;
struct after_payment;
struct metrics_sheet;
struct rate_limit;
struct queue_store;
struct queue_token;
struct queue_books;
struct queue_board;
struct admission;
struct queue_pulse;
struct bypass_limit;

struct services {
	const struct config *config;
	struct loop *loop;
	struct seat_lock *seats;
	struct orders *orders;
	struct outbox *outbox;
	struct catalogue *catalogue;
	struct event_out *events;
	struct seating *seating;
	struct backlog *backlog;
	struct queue_store *queue; /* another daemon's (`admission`) is only to be looked at */
	struct queue_token *tokens;
	struct queue_books *books;
	struct queue_board *board;
	struct admission *admission; /* NULL: the queue is our own */
	struct queue_pulse *pulse;	 /* NULL: the queue shares the holds' Redis, and its fate */
	struct bypass_limit *bypass; /* of the process */
	struct after_payment *after_payment;
	struct metrics_sheet *metrics;
	struct rate_limit *rate_limit; /* of the process; NULL: no limit */
	struct arena_pool arenas;
	/* What is away now, for /readyz: names joined by ", ", "" when all is well; `fatal`: not ready. */
	void (*away)(const struct services *s, char *ret, size_t n, bool *ret_fatal);
};

#endif
