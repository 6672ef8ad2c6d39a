/* event_batch: up to `max` payment events on their way from a topic to "done with".
 *
 *     DECIDING   every event's confirm_reservation at once, so that they share their statements, but the first of
 *                each seat before the others of that seat; what could not be decided (the database is away)
 *                is tried again, with backoff, for as long as it takes; a round that no answer came from is
 *                followed by half as many, so that one that is too heavy does not take the others with it
 *     FOLLOWING  after all have been committed: the copies in Redis in one call; the buyers' places in the waiting
 *                rooms; announcements and dead letters to Kafka, again until the broker has them; a letter that it
 *                refuses for good goes cut
 *     finished   the offsets may be stored
 *
 * Redis away does not stop a batch: the schedules are reported by `copy_lost` and mended by others. Kafka away does.
 *
 * Ownership: slots are the batch's; the bytes that a slot's letter points to are the caller's until `finished`.
 * Thread: the loop's. Nothing is logged here: see the owner's calls. */
#ifndef TK_EVENT_BATCH_H
#define TK_EVENT_BATCH_H

#include "app/confirm_reservation.h"
#include "app/seat_set.h"
#include "app/use_places.h"
#include "event/dead_letter.h"
#include "port/event_out.h"
#include "runtime/loop.h"

struct metrics_sheet;

enum slot_out { OUT_NOTHING, OUT_WAITS, OUT_UNDER_WAY, OUT_DONE };

struct event_slot {
	struct confirm_reservation confirm; /* in: its event, unless `fault` */
	struct dead_letter letter;			/* in: the message as it came; its reason is filled here */
	const char *fault;					/* in: dlq.reason of what could not be decoded; NULL: it could */
	struct event_batch *batch;
	bool decided, repeats; /* `repeats`: its seat is that of an earlier slot */
	enum slot_out out;
};

struct event_ports {
	struct reservations *reservations;
	struct seat_lock *seat_lock;
	struct event_out *event_out;
	struct queue_store *queue; /* may be NULL */
	struct loop *loop;
	struct metrics_sheet *metrics; /* may be NULL */
	int64_t (*now_ms)(void);	   /* NULL: when_now_ms */
};

struct event_batch_owner {
	void (*decided)(void *ctx, struct event_batch *b); /* all are committed: the next batch's turn. May be NULL */
	void (*finished)(void *ctx, struct event_batch *b);
	void (*copy_lost)(void *ctx, int64_t schedule);
	/* For the log; may be NULL. */
	void (*parked)(void *ctx, const struct event_slot *s);
	void (*cut)(void *ctx, const struct event_slot *s); /* its letter is too large; LETTER_CUTS: given up at any size */
	void (*retried)(void *ctx, struct tk_err err, unsigned events);
	void *ctx;
};

struct event_batch {
	struct event_ports ports;
	struct event_batch_owner owner;
	struct event_slot *slots; /* the caller fills slots[0..count) before the start */
	unsigned max, count;
	uint32_t id; /* in the tags of what it publishes */
	/* its own */
	bool busy, given_up;
	unsigned deciding;	 /* flows under way, and one while they are being started */
	unsigned publishing; /* delivery reports still to come */
	struct seat_set seats;
	bool repeating;						  /* the first of each seat are decided */
	unsigned at_once, from;				  /* so many are asked together, the first undecided ones from there on */
	unsigned asked, answered, unanswered; /* of this round: asked; decided; and lost on the way */
	unsigned tries;
	struct tk_err trouble; /* the last */
	struct timer again, next_turn;
	struct flow copy;
	bool copying;
	struct seat_apply apply;
	struct seat_change *changes;
	struct use_places places;
	bool placing;
};

void event_batch_init(
	struct event_batch *b, uint32_t id, unsigned max, const struct event_ports *p, const struct event_batch_owner *o);
void event_batch_finish(struct event_batch *b); /* when it is idle, or given up and its ports are gone */

void event_batch_start(struct event_batch *b, unsigned count);

/* No seat of the slots[0..count), which have not been started, is one of the batch's since its start. */
bool event_batch_is_apart(const struct event_batch *b, const struct event_slot *slots, unsigned count);

/* The report of something that a batch with the id `tag >> 32` has published. */
void event_batch_delivered(struct event_batch *b, uint64_t tag, enum delivery d);

/* Nothing is tried again any more; `finished` may never come. */
void event_batch_give_up(struct event_batch *b);

#endif
