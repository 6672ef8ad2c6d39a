/* bypass_limit: how many may pass a dead queue each second, in this process. Thread: safe on any. */
#ifndef TK_BYPASS_LIMIT_H
#define TK_BYPASS_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bypass_limit {
	int64_t per_s;
	_Atomic uint64_t window; /* the second, and how many in it */
};

static inline bool bypass_limit_admits(struct bypass_limit *l, int64_t now_ms)
{
	enum { COUNT_BITS = 24 };
	uint64_t second = (uint64_t)(now_ms / 1000) << COUNT_BITS, seen = atomic_load(&l->window), next;

	do {
		bool same = seen >> COUNT_BITS == second >> COUNT_BITS;
		uint64_t count = same ? seen & ((1u << COUNT_BITS) - 1) : 0;

		if (count >= (uint64_t)l->per_s) return false;
		next = second | (count + 1);
	} while (!atomic_compare_exchange_weak(&l->window, &seen, next));
	return true;
}

#endif
