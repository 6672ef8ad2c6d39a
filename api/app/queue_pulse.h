/* queue_pulse: does the queue live? It is pinged each 200 ms; dead is what has not answered any ping of the last second.
 * That it lives is known from a ping that began after the question: it may have died since the last one. Whoever needs
 * to know while that is open waits for the verdict, at most 1.5 s.
 * One instance a shard. Thread: the shard's. */
#ifndef TK_QUEUE_PULSE_H
#define TK_QUEUE_PULSE_H

#include <sys/queue.h>

#include "api/app/services.h"
#include "runtime/flow.h"

enum pulse { PULSE_UNKNOWN, PULSE_BEATS, PULSE_DEAD };

struct pulse_ask {
	struct port_call call;
	enum pulse pulse; /* out */
	int64_t asked_ms; /* the pulse's own */
	TAILQ_ENTRY(pulse_ask) link;
};

struct queue_pulse;
struct queue_pulse *queue_pulse_create(struct services *s);
void queue_pulse_ask(struct queue_pulse *p, struct pulse_ask *a); /* wakes with TK_NONE, at once when it is dead */
void queue_pulse_stop(struct queue_pulse *p);					  /* no more pings; who waits is told PULSE_UNKNOWN */
void queue_pulse_destroy(struct queue_pulse *p);				  /* when no ping is under way; NULL is fine */

#endif
