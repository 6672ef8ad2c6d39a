/* load: drives one HTTP server over keep-alive connections from one thread.
 *
 * Closed loop: each connection asks again as soon as it is answered. Open loop: requests are due at a fixed rate and
 * their latency counts from when they were due, whether or not a connection was free (no coordinated omission).
 * Every request that was sent is waited for, at most DRAIN_S. Times are µs. Errors of the set-up end the program. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "load/spread.h"
#include "load/target.h"

struct plan;

struct load_settings {
	struct sockaddr_in target;
	struct plan *plan;
	unsigned connections;
	double seconds;	   /* measured; 0: until the plan or the count ends */
	double warm_up_s;  /* before that; not measured */
	uint64_t count;	   /* requests after the warm-up; 0: no end */
	double rate;	   /* a second; 0: closed loop */
	const char *field; /* of answers 2xx: the values of this string field are written to `out`, a line each */
	FILE *out;
	void (*measuring)(void *ctx); /* called when the warm-up has ended */
	void *ctx;
};

struct load_result {
	double seconds;
	uint64_t status[600], answers, broken; /* broken: connections lost, answers that are none */
	uint64_t missed;					   /* fields that an answer should have had */
	struct spread latency;
};

struct load;
struct load *load_run(const struct load_settings *s, struct load_result *ret); /* its connections stay open */
void load_close(struct load *l);

#endif
