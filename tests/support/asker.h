/* asker: a flow of one round trip, so that a test can ask a port and wait for the answer.
 *
 *     struct order_view v = {...};
 *     struct asker a;
 *     ASKER_ASK(&a, orders, view, &v);
 *     asker_wait(&a, loop);    // a.err, and that it was answered exactly once
 *
 * Thread: the loop's. */
#ifndef TK_TEST_ASKER_H
#define TK_TEST_ASKER_H

#include <stdbool.h>

#include "runtime/flow.h"

struct loop;
struct asker {
	struct flow flow;
	struct tk_err err;
	int answers;
};
void asker_init(struct asker *a, struct port_call *c); /* the flow waits: the port may be asked now */
#define ASKER_ASK(a, port, method, k) (asker_init((a), &(k)->call), (port)->method((port), (k)))
bool asker_wait(struct asker *a, struct loop *l);				 /* false: no answer within 20 s */
bool asker_wait_ms(struct asker *a, struct loop *l, int64_t ms); /* false: no answer by then; wait on if you like */

#endif
