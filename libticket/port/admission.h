/* admission: the waiting room of another daemon, asked by one that books (TICKET_ROLE=booking).
 *
 * Every call wakes its flow exactly once, on its thread, within TICKET_QUEUE_TIMEOUT_MS, with
 *   TK_NONE         the queue has answered: `verdict`
 *   TK_UNAVAILABLE  it did not, or said that it can't
 * Ownership: inputs are the caller's and stay until the wake. Thread: one instance a loop. */
#ifndef TK_ADMISSION_H
#define TK_ADMISSION_H

#include "runtime/flow.h"

enum admission_verdict { ADMISSION_ACTIVE, ADMISSION_WAITING, ADMISSION_INVALID };

struct admission_verify {
	struct port_call call;
	const char *token; /* of this user and schedule, as the caller has made sure */
	int64_t schedule, user;
	enum admission_verdict verdict;
};
struct admission_ping { /* would verify work? */
	struct port_call call;
};

struct admission {
	void (*verify)(struct admission *, struct admission_verify *);
	void (*ping)(struct admission *, struct admission_ping *);
};

#endif
