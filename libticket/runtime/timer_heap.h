/* timer_heap: the loop's timers, the earliest first; equal ones in the order they were armed.
 * An entry carries its key, so that ordering never touches the timers themselves.
 * Private to loop.c. Ownership: the timers are the callers'; zero-initialise the heap. */
#ifndef TK_TIMER_HEAP_H
#define TK_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct timer;
struct timer_entry {
	int64_t due_ms;
	uint64_t seq;
	struct timer *timer;
};
struct timer_heap {
	struct timer_entry *entries;
	size_t count, cap;
	uint64_t seq;
};
void timer_heap_arm(struct timer_heap *h, struct timer *t, int64_t due_ms);
void timer_heap_stop(struct timer_heap *h, struct timer *t);
int64_t timer_heap_due(const struct timer_heap *h);	  /* of the earliest; INT64_MAX: none */
uint64_t timer_heap_mark(const struct timer_heap *h); /* what is armed from now on is after it */
/* A due one that was armed before the mark, or NULL. */
struct timer *timer_heap_take(struct timer_heap *h, int64_t now_ms, uint64_t mark);
void timer_heap_finish(struct timer_heap *h);

#endif
