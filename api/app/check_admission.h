/* check_admission: may this user hold seats where a waiting room stands before them?
 *
 *     token, the queue says admitted     ADMITTED
 *     token, it says otherwise           ADMISSION_REFUSED (invalid), ADMISSION_NOT_YET (waiting)
 *     token, it does not answer          ADMISSION_NO_QUEUE
 *     no token, it answers the ping      ADMISSION_NEEDS_TOKEN
 *     no token, it is dead               ADMISSION_BYPASSED; ADMISSION_NO_QUEUE when that is switched off, beyond its
 *                                        limit, or while the operator has paused the queue
 *
 * Ownership: the caller's memory until `flow.done`. Thread: the shard's. */
#ifndef TK_CHECK_ADMISSION_H
#define TK_CHECK_ADMISSION_H

#include "api/app/check_place.h"
#include "api/app/queue_board.h"
#include "api/app/queue_pulse.h"
#include "port/admission.h"

enum admission_outcome {
	ADMITTED,
	ADMISSION_BYPASSED, /* as long as the sale has opened, by the clock of the holds' store */
	ADMISSION_NEEDS_TOKEN,
	ADMISSION_REFUSED,
	ADMISSION_NOT_YET,
	ADMISSION_NO_QUEUE,
	ADMISSION_OUTCOMES
};

struct check_admission {
	struct flow flow;
	struct services *services;
	/* in */
	int64_t schedule, user;
	const char *token; /* NULL: none */
	/* out */
	enum admission_outcome outcome;
	/* between */
	struct port_call parent;
	struct queue_ticket ticket;
	struct queue_verify verify;
	struct revive_queue revive;
	struct admission_verify remote;
	struct pulse_ask pulse;
	struct queue_ask steering;
};
/* As a row of another flow: wakes `parent` with TK_NONE; see `outcome`. */
void check_admission_ask(struct check_admission *c, struct services *s, struct flow *parent);

#endif
