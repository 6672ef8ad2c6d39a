/* flow: a use case as a list of round trips.
 *
 * Each row is an imperative (`ask`: starts one port call) and its past participle
 * (`got`: judges the reply and names the next row). What survives a wait is the
 * struct that embeds the flow. The name of a row is the log field and latency label.
 *
 * A port wakes the flow exactly once per ask, on the flow's own thread, at once or
 * later: a wake from inside `ask` does not recurse.
 *
 * Thread: a flow never leaves the thread that started it.
 * Ownership: the caller owns the memory until `done` has been called. */
#ifndef TK_FLOW_H
#define TK_FLOW_H

#include <stdint.h>

#include "runtime/err.h"

enum { FLOW_END = -1 };

struct flow;

struct flow_step {
	const char *name;
	void (*ask)(struct flow *f); /* NULL: nothing to ask, `got` follows at once */
	int (*got)(struct flow *f);	 /* next row, or FLOW_END; the reply's error is f->err */
};

struct flow {
	const struct flow_step *steps;
	void (*done)(struct flow *f);
	struct tk_err err; /* of the last wake */
	int at;			   /* the row under way */
	bool running, woken;
};

void flow_start(struct flow *f, const struct flow_step *steps, int first, void (*done)(struct flow *f));
void flow_wake(struct flow *f, struct tk_err err);

/* What every port call starts with: it is embedded in the use case's struct, so that an
 * adapter can queue it without allocating. Inputs must stay valid until the wake; after
 * it the adapter no longer knows the call. */
struct port_call {
	struct flow *flow;
	struct port_call *next; /* the adapter's, while under way */
	int64_t deadline_ms;	/* the adapter's, on the loop's monotonic clock */
};

static inline void port_answer(struct port_call *c, struct tk_err err)
{
	flow_wake(c->flow, err);
}

#endif
