/* backlog: how many outbox rows there are, as far as this process knows: the last count (each second) plus what it has
 * approved since, minus what was delivered since. For the cap of payments. Thread: safe on any. */
#ifndef TK_BACKLOG_H
#define TK_BACKLOG_H

#include <stdatomic.h>
#include <stdint.h>

struct backlog {
	_Atomic int64_t rows;
};

static inline int64_t backlog_rows(const struct backlog *b)
{
	return atomic_load_explicit(&b->rows, memory_order_relaxed);
}

static inline void backlog_moved(struct backlog *b, int64_t by)
{
	atomic_fetch_add_explicit(&b->rows, by, memory_order_relaxed);
}

#endif
