#include "load/spread.h"

#include <stdio.h>

/* The first 64 µs singly, then 64 equal parts of each doubling. */
static unsigned bucket_of(uint64_t us)
{
	if (us < SPREAD_FINE) return (unsigned)us;
	unsigned doubling = 63 - (unsigned)__builtin_clzll(us) - 5;
	unsigned b = doubling * SPREAD_FINE + (unsigned)(us >> (doubling - 1)) - SPREAD_FINE;
	return b < SPREAD_BUCKETS ? b : SPREAD_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static int64_t top_of(unsigned bucket)
{
	unsigned doubling = bucket / SPREAD_FINE;
	if (doubling == 0) return bucket;
	return (((int64_t)bucket % SPREAD_FINE + SPREAD_FINE + 1) << (doubling - 1)) - 1;
}

void spread_add(struct spread *s, int64_t us)
{
	if (us < 0) us = 0;
	s->bucket[bucket_of((uint64_t)us)]++;
	s->count++;
	s->sum_us += (uint64_t)us;
	if (us > s->max_us) s->max_us = us;
}

int64_t spread_at(const struct spread *s, double share)
{
	uint64_t wanted = (uint64_t)((double)s->count * share), seen = 0;

	for (unsigned b = 0; b < SPREAD_BUCKETS; b++) {
		seen += s->bucket[b];
		if (seen > wanted || (seen && seen == s->count)) return top_of(b) < s->max_us ? top_of(b) : s->max_us;
	}
	return s->max_us;
}

void spread_print(const struct spread *s)
{
	printf("{\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld,\"mean\":%.1f}",
		(long long)spread_at(s, .5), (long long)spread_at(s, .9), (long long)spread_at(s, .99),
		(long long)spread_at(s, .999), (long long)s->max_us, s->count ? (double)s->sum_us / (double)s->count : 0);
}
