/* waiting_room: places, their states, how long to wait and when to ask again, the draw's order.
 * Times are ms; numbers count from 1 in the order of arrival (or of the draw).
 * Pure: no I/O, no clock, no allocation. */
#ifndef TK_WAITING_ROOM_H
#define TK_WAITING_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_status {
	QUEUE_NOBODY, /* not in the queue */
	QUEUE_PRE,
	QUEUE_WAITING,
	QUEUE_ACTIVE,
	QUEUE_USED,
	QUEUE_EXPIRED,
	QUEUE_SOLD_OUT,
	QUEUE_STATUSES
};
extern const char *const QUEUE_STATUS_NAME[QUEUE_STATUSES]; /* "PRE_QUEUE", "WAITING", ... */

enum queue_move { QM_OPEN, QM_ADMIT, QM_USE, QM_EXPIRE, QM_SELL_OUT, QM_REOPEN, QUEUE_MOVES };
extern const enum queue_status QUEUE_NEXT[QUEUE_STATUSES][QUEUE_MOVES]; /* QUEUE_NOBODY: illegal */

struct queue_place {
	enum queue_status status;
	int64_t number, epoch; /* number 0: none yet (PRE_QUEUE) */
	int64_t rank;		   /* 1 is next, 0 admitted, -1: has none */
	int64_t total;		   /* waiting; PRE: who came early too */
	int64_t rate_milli;	   /* users admitted per 1000 s while others waited, over the last 10 s or so; 0: nobody is
	                        * being admitted (paused); -1: not measured yet */
	int64_t expires_ms;	   /* unix ms; TIME_NONE unless ACTIVE */
};

enum { QUEUE_EPOCH_NUMBERS = 1000000000 }; /* numbers of one epoch */
static inline int64_t queue_epoch_of(int64_t number)
{
	return number / QUEUE_EPOCH_NUMBERS;
}

/* Seconds until rank's turn at the measured rate, at `admit_per_s` where none has been measured; -1: nobody can say
 * (paused, nobody is being admitted). */
int64_t queue_eta_s(int64_t rank, int64_t rate_milli, int64_t admit_per_s);
/* 1-2 s near the front, growing with the distance to 10 s at the back; spread by `number`, so that polls don't come at
 * once. Never more than a third of the grace (0: none), or who polls as told would be dropped. */
int64_t queue_poll_after_ms(const struct queue_place *p, int64_t eta_s, int64_t grace_ms);

#endif
