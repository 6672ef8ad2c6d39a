/* pace: when what nobody waits for goes out, so that under load much of it goes together. Each going out costs something
 * (a request, a script, a transaction) however little goes.
 *
 * On a calm system what comes goes at once, and what comes within `calm_ms` after it goes at their end. After `crowd` or more
 * went together, the next go `busy_ms` later; and so on until they are fewer. So many as `enough` never wait.
 *
 *     if (!pace_is_time(&p, waiting)) return;     it will be: `timer.fired` is called, ask again
 *     pace_went(&p, waiting);
 *
 * Memory: the owner's, embedded; nothing is allocated. Thread: the loop's. Times are the loop's. */
#ifndef TK_PACE_H
#define TK_PACE_H

#include "runtime/loop.h"

struct pace_terms {
	int64_t calm_ms, busy_ms;
	unsigned crowd, enough;
};

struct pace {
	struct timer timer; /* container_of leads from it to the owner */
	struct loop *loop;
	struct pace_terms terms;
	int64_t next_ms; /* they go, unless they are enough before */
};

void pace_init(struct pace *p, struct loop *l, struct pace_terms t, void (*fired)(struct timer *));
void pace_stop(struct pace *p); /* before the memory or the loop goes */

/* `waiting` may go now, at least one. False: `fired` will be called when they may. */
bool pace_is_time(struct pace *p, unsigned waiting);
void pace_went(struct pace *p, unsigned count);

#endif
