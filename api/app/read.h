/* read: a use case of one port call that only reads: the call's answer is the outcome.
 *
 *     read_start(&r->read, s, &r->view.call, ask, done)   where ask(struct read *) starts the call
 *
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_READ_H
#define TK_READ_H

#include "api/app/services.h"
#include "runtime/flow.h"

struct read {
	struct flow flow;
	struct services *services;
	void (*ask)(struct read *r);
};
void read_start(struct read *r, struct services *s, struct port_call *call, void (*ask)(struct read *r),
	void (*done)(struct flow *f));

#endif
