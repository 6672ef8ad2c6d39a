/* inside: what the backstage thread's parts know of each other. Private to api/jobs. */
#ifndef TK_INSIDE_H
#define TK_INSIDE_H

#include "api/app/backlog.h"
#include "api/app/seating_mail.h"
#include "api/jobs/backstage.h"
#include "api/jobs/job.h"
#include "runtime/metrics.h"

struct hub;
struct rooms;

enum {
	JOB_EXPIRE,
	JOB_RELAY,
	JOB_SWEEP,
	JOB_COUNT,
	JOB_POLL_ROWS,
	JOB_REFRESH_PLANS,
	JOB_FOLLOW_MAPS,
	JOB_MEND,
	JOB_STEER,
	JOB_LOOK,
	JOB_ADMIT,
	JOB_DUE_DRAWS,
	JOBS
};
extern const struct job_kind EXPIRE_KIND, RELAY_KIND, SWEEP_KIND, COUNT_KIND;
extern const struct job_kind POLL_ROWS_KIND, REFRESH_PLANS_KIND, FOLLOW_MAPS_KIND, MEND_KIND;
extern const struct job_kind STEER_KIND, LOOK_KIND, ADMIT_KIND, DUE_DRAWS_KIND;

struct backstage {
	struct backstage_ports ports;
	struct hub *hub;
	struct rooms *rooms;
	struct job *job[JOBS];
	struct mailbox mailbox;
	struct mail stop_mail;
	struct timer drain;
	int64_t drain_until_ms;
	pthread_t thread;
	bool started;
	int64_t lease_ms; /* of the relay; tests shorten it */
	struct backlog backlog;
	/* Read by any thread. */
	_Atomic int64_t pending, oldest_age_ms, refunds_pending, oversold;
};

/* gauges.c */
void gauges_collect(void *ctx, struct metrics_out *out);
/* an answer by a count that begins now, or at its due_ms */
void gauges_ask(struct job *count, struct seating_request *r);

/* relay.c */
bool relay_is_idle(const struct job *relay); /* no report and no clearing is awaited */

#endif
