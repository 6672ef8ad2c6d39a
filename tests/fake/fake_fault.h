/* fake_fault: faults and answers shared by fakes: the n-th call from now fails, and answers come on the loop's next
 * turn, or when the test lets them. */
#ifndef TK_FAKE_FAULT_H
#define TK_FAKE_FAULT_H

#include "runtime/flow.h"
#include "runtime/loop.h"

struct fake_fault {
	int countdown; /* 1: the next call; 0: none */
	int times;	   /* how many fail from then on; 0: one */
	struct tk_err err;
	bool after_acting;
};
/* Counts down. True: this one fails. */
bool fake_fault_hits(struct fake_fault *f);

struct fake_desk {
	struct hook hook;
	struct loop *loop; /* NULL: answers come at once, inside the call */
	bool held;		   /* answers wait for the test */
	struct fake_desk_answer *answers, **tail;
};
void fake_desk_init(struct fake_desk *d, struct loop *l);
void fake_desk_finish(struct fake_desk *d);
void fake_desk_answer(struct fake_desk *d, struct port_call *c, struct tk_err err);

#endif
