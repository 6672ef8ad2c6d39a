/* job: something the backstage thread does again and again: a small flow, never two of the same at once.
 *
 * A kind is a row {name, period, size, steps}; its struct starts with `struct job`. A failed round (the last reply of
 * its flow was an error) is logged, at most once a second, and the next one comes after the period. */
#ifndef TK_JOB_H
#define TK_JOB_H

#include "runtime/flow.h"
#include "runtime/loop.h"

struct backstage;
struct job;

struct job_kind {
	const char *name;
	int64_t period_ms;			   /* from the end of a round to the next one's begin */
	size_t size;				   /* of the struct that starts with the job; zeroed */
	const struct flow_step *steps; /* the first one begins */
	void (*init)(struct job *j);   /* or NULL */
	void (*ended)(struct job *j);  /* after each round, or NULL */
	void (*finish)(struct job *j); /* or NULL */
};

struct job {
	struct flow flow;
	struct timer timer;
	const struct job_kind *kind;
	struct backstage *b;
	int64_t next_in_ms; /* set by a round that wants another delay than the period */
	bool running, kicked, stopped;
};

struct job *job_create(struct backstage *b, const struct job_kind *kind); /* the first round: after the period */
void job_start(struct job *j);
void job_kick(struct job *j);	 /* a round at once, or right after the one under way */
void job_stop(struct job *j);	 /* no more rounds after the one under way */
void job_destroy(struct job *j); /* when not running */

static inline struct job *job_of(struct flow *f)
{
	return container_of(f, struct job, flow);
}

#endif
