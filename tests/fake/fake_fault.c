#include "fake/fake_fault.h"

#include "runtime/mem.h"

struct fake_desk_answer {
	struct fake_desk_answer *next;
	struct port_call *call;
	struct tk_err err;
};

bool fake_fault_hits(struct fake_fault *f)
{
	if (f->countdown == 0 || --f->countdown > 0) return false;
	if (f->times > 1) {
		f->times--;
		f->countdown = 1;
	}
	return true;
}

static bool deliver(struct hook *h)
{
	struct fake_desk *d = container_of(h, struct fake_desk, hook);
	struct fake_desk_answer *all = d->held ? NULL : d->answers;
	bool any = all != NULL;

	if (!all) return false;
	d->answers = NULL;
	d->tail = &d->answers;
	while (all) {
		struct fake_desk_answer *a = all;

		all = a->next;
		port_answer(a->call, a->err);
		free(a);
	}
	return any;
}

void fake_desk_init(struct fake_desk *d, struct loop *l)
{
	*d = (struct fake_desk){.hook.before_sleep = deliver, .loop = l};
	d->tail = &d->answers;
	if (l) hook_add(l, &d->hook);
}

void fake_desk_finish(struct fake_desk *d)
{
	d->held = false;
	while (deliver(&d->hook)) continue;
	if (d->loop) hook_remove(d->loop, &d->hook);
}

void fake_desk_answer(struct fake_desk *d, struct port_call *c, struct tk_err err)
{
	if (!d->loop) {
		port_answer(c, err);
		return;
	}
	struct fake_desk_answer *a = mem_must(calloc(1, sizeof *a));

	*a = (struct fake_desk_answer){.call = c, .err = err};
	*d->tail = a;
	d->tail = &a->next;
}
