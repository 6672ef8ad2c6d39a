#include "api/jobs/job.h"

#include "api/jobs/inside.h"
#include "runtime/log.h"
#include "runtime/mem.h"

static void round_ended(struct flow *f)
{
	struct job *j = job_of(f);
	int64_t in_ms;

	j->running = false;
	if (tk_failed(f->err)) LOG_LIMITED(job_failed, LF_S("job", j->kind->name), LF_ERR(f->err));
	if (j->kind->ended) j->kind->ended(j);
	if (j->stopped) return;
	/* A kick is answered in the next turn: other work of the loop has its turn in between. */
	in_ms = j->kicked ? 0 : j->next_in_ms;
	timer_arm(j->b->ports.loop, &j->timer, loop_now_ms(j->b->ports.loop) + in_ms);
}

static void begin_round(struct timer *t)
{
	struct job *j = container_of(t, struct job, timer);

	j->running = true;
	j->kicked = false;
	j->next_in_ms = j->kind->period_ms;
	flow_start(&j->flow, j->kind->steps, 0, round_ended);
}

struct job *job_create(struct backstage *b, const struct job_kind *kind)
{
	struct job *j = mem_must(calloc(1, kind->size));

	j->kind = kind;
	j->b = b;
	j->timer.fired = begin_round;
	if (kind->init) kind->init(j);
	return j;
}

void job_start(struct job *j)
{
	timer_arm(j->b->ports.loop, &j->timer, loop_now_ms(j->b->ports.loop) + j->kind->period_ms);
}

void job_kick(struct job *j)
{
	if (j->stopped) return;
	j->kicked = true;
	if (!j->running) timer_arm(j->b->ports.loop, &j->timer, loop_now_ms(j->b->ports.loop));
}

void job_stop(struct job *j)
{
	j->stopped = true;
	timer_stop(j->b->ports.loop, &j->timer);
}

void job_destroy(struct job *j)
{
	if (!j) return;
	job_stop(j);
	if (j->kind->finish) j->kind->finish(j);
	free(j);
}
