#include "runtime/flow.h"

#include <assert.h>
#include <stddef.h>

/* Asks the row under way. True: the answer is already there. */
static bool ask(struct flow *f)
{
	const struct flow_step *step = &f->steps[f->at];

	f->err = TK_NONE;
	f->woken = step->ask == NULL;
	if (step->ask) step->ask(f);
	return f->woken;
}

/* A loop and not a recursion: a port that always answers at once costs no stack. */
static void run(struct flow *f, bool answered)
{
	f->running = true;
	while (answered || ask(f)) {
		int next = f->steps[f->at].got(f);

		answered = false;
		if (next == FLOW_END) {
			f->running = false;
			f->done(f); /* the memory may be gone now */
			return;
		}
		f->at = next;
	}
	f->running = false;
}

void flow_start(struct flow *f, const struct flow_step *steps, int first, void (*done)(struct flow *f))
{
	f->steps = steps;
	f->done = done;
	f->at = first;
	run(f, false);
}

void flow_wake(struct flow *f, struct tk_err err)
{
	assert(!f->woken && "a port woke its flow twice");
	f->err = err;
	f->woken = true;
	if (!f->running) run(f, true);
}
