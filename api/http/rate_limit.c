#include "api/http/rate_limit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <xxhash.h>

enum { PLACES = 1 << 16, TAG_BITS = 22, SECOND_BITS = 20, COUNT_BITS = 22 };

struct rate_limit {
	uint64_t per_s;
	_Atomic uint64_t place[PLACES]; /* tag, second, count: from the top */
};

struct rate_limit *rate_limit_create(int64_t per_s)
{
	struct rate_limit *r = per_s > 0 ? calloc(1, sizeof *r) : NULL;

	if (r) r->per_s = (uint64_t)per_s;
	return r;
}

void rate_limit_destroy(struct rate_limit *r)
{
	free(r);
}

bool rate_limit_admits(struct rate_limit *r, int64_t key, int64_t now_ms)
{
	if (!r) return true;
	uint64_t hash = XXH3_64bits(&key, sizeof key);
	uint64_t second = (uint64_t)(now_ms / 1000) & ((1u << SECOND_BITS) - 1);
	uint64_t window = ((hash >> (64 - TAG_BITS)) << SECOND_BITS | second) << COUNT_BITS;
	_Atomic uint64_t *place = &r->place[hash % PLACES];
	uint64_t seen = atomic_load_explicit(place, memory_order_relaxed), next;

	do {
		bool same = seen >> COUNT_BITS == window >> COUNT_BITS;
		if (same && (seen & ((1u << COUNT_BITS) - 1)) >= r->per_s) return false;
		next = same ? seen + 1 : window + 1;
	} while (!atomic_compare_exchange_weak_explicit(place, &seen, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}
