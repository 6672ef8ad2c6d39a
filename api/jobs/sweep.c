/* Gives approved orders that nobody decides their outbox row again: lost topics, wrong offsets and wrong dead letters
 * heal that way. */
#include "api/jobs/inside.h"
#include "port/outbox.h"
#include "runtime/log.h"

enum { OLDER_MS = 60000 };

struct sweep {
	struct job job;
	struct outbox_sweep call;
};

static void restore_rows(struct flow *f)
{
	struct sweep *s = container_of(job_of(f), struct sweep, job);

	s->call = (struct outbox_sweep){.call.flow = f, .older_ms = OLDER_MS};
	s->job.b->ports.outbox->sweep(s->job.b->ports.outbox, &s->call);
}

static int rows_restored(struct flow *f)
{
	struct sweep *s = container_of(job_of(f), struct sweep, job);

	if (tk_failed(f->err)) return FLOW_END;
	if (s->call.stuck > 0) LOG_LIMITED(order_stuck, LF_I("orders", s->call.stuck));
	if (s->call.restored == 0) return FLOW_END;
	metrics_add(s->job.b->ports.metrics, METRIC_REPUBLISHED, 0, s->call.restored);
	backlog_moved(&s->job.b->backlog, s->call.restored);
	job_kick(s->job.b->job[JOB_RELAY]);
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"restore_rows", restore_rows, rows_restored}};
const struct job_kind SWEEP_KIND = {"sweep", 5000, sizeof(struct sweep), STEPS, NULL, NULL, NULL};
