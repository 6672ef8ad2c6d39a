/* pending_marks: seats whose payment was approved become pending in Redis' copy, so that they stay taken when their hold
 * ends before they are confirmed.
 *
 * Nothing here can fail: a mark that is lost is made good by backstage's comparison, and until it comes the seat is
 * protected by the key of its hold, or, where that has just ended, by payment/ready, which knows of the payment.
 * Memory: the owner's. Thread: the shard's. */
#ifndef TK_PENDING_MARKS_H
#define TK_PENDING_MARKS_H

#include "port/seat_lock.h"
#include "runtime/pace.h"

struct services;
struct order_approve;

enum { PENDING_MARKS_MAX = 8192 };

struct pending_marks {
	struct services *services;
	struct pace pace;
	struct flow flow;
	struct seat_apply apply;
	bool under_way;
	/* Two halves: one is with Redis, the other fills up meanwhile. */
	unsigned filling, count;
	struct seat_change marks[2][PENDING_MARKS_MAX];
};

void pending_marks_init(struct pending_marks *m, struct services *s);
void pending_marks_finish(struct pending_marks *m);
void pending_marks_add(struct pending_marks *m, const struct order_approve *o); /* now or soon */
bool pending_marks_idle(const struct pending_marks *m);

#endif
