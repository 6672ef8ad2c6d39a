/* spread: how long things took, as counts in buckets of 1.6 % width (64 a doubling). µs. Pure. */
#ifndef BENCH_SPREAD_H
#define BENCH_SPREAD_H

#include <stdint.h>

enum { SPREAD_FINE = 64, SPREAD_DOUBLINGS = 40, SPREAD_BUCKETS = SPREAD_FINE * SPREAD_DOUBLINGS };

struct spread {
	uint64_t bucket[SPREAD_BUCKETS], count, sum_us;
	int64_t max_us;
};
void spread_add(struct spread *s, int64_t us);
int64_t spread_at(const struct spread *s, double share); /* 0.99: the 99th percentile; 0 when empty */
void spread_print(const struct spread *s);				 /* a JSON object to stdout */

#endif
