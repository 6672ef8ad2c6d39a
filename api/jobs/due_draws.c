/* Draws that are due: at its opening a schedule is looked at by admission, which draws, also when nobody came early and
 * nobody comes now: then the seed is made public all the same. */
#include "api/jobs/inside.h"

enum { PERIOD_MS = 1000, DUE_MAX = 1000 };

struct due_draws {
	struct job job;
	struct queue_draws_due due;
	struct queue_wake wake;
	int64_t schedules[DUE_MAX];
};

static struct due_draws *self(struct flow *f)
{
	return container_of(job_of(f), struct due_draws, job);
}

enum { FIND, WAKE };

static void find(struct flow *f)
{
	struct due_draws *d = self(f);
	struct queue_books *books = d->job.b->ports.books;

	d->due = (struct queue_draws_due){.call.flow = f, .schedules = d->schedules, .max = DUE_MAX};
	books->draws_due(books, &d->due);
}

static int found(struct flow *f)
{
	return tk_failed(f->err) || self(f)->due.count == 0 ? FLOW_END : WAKE;
}

static void wake(struct flow *f)
{
	struct due_draws *d = self(f);
	struct queue_store *store = d->job.b->ports.queue;

	d->wake = (struct queue_wake){.call.flow = f, .schedules = d->schedules, .count = d->due.count};
	store->wake(store, &d->wake);
}

static int woken(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {
	[FIND] = {"find_due_draws", find, found},
	[WAKE] = {"wake_queues", wake, woken},
};
const struct job_kind DUE_DRAWS_KIND = {"due_draws", PERIOD_MS, sizeof(struct due_draws), STEPS, NULL, NULL, NULL};
