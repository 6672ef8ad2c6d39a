/* Confirms the rows of all schedules in use in one call, each 500 ms, and lets go what nobody uses. */
#include "api/jobs/hub.h"
#include "port/catalogue.h"
#include "runtime/mem.h"

enum { IDLE_MS = 60000 };

struct poll_rows {
	struct job job;
	struct schedules_poll call;
	int64_t *ids;
	uint64_t poll;
	int64_t began_ms;
};

static struct poll_rows *self(struct flow *f)
{
	return container_of(job_of(f), struct poll_rows, job);
}

static bool is_idle(const _Atomic int64_t *used_ms, int64_t now_ms)
{
	return now_ms - atomic_load_explicit(used_ms, memory_order_relaxed) > IDLE_MS;
}

static void let_go(struct hub *h, struct hub_entry *e)
{
	int64_t now = hub_now(h);

	if (!e->known || e->watches || e->marked) return;
	for (int kind = 0; kind < FLIGHTS; kind++) {
		if (e->flight[kind]) return;
	}
	if (is_idle(&e->use->used_ms, now)) hub_forget(h, e);
	else if (e->map && is_idle(&e->use->map_used_ms, now)) hub_drop_map(h, e);
}

enum { LET_GO, POLL };

static int let_idle_go(struct flow *f)
{
	struct poll_rows *p = self(f);
	struct hub *h = p->job.b->hub;

	for (struct hub_entry *e = hub_next(h, NULL), *next; e; e = next) {
		next = hub_next(h, e);
		let_go(h, e);
	}
	return h->known ? POLL : FLOW_END;
}

static void poll_rows(struct flow *f)
{
	struct poll_rows *p = self(f);
	struct hub *h = p->job.b->hub;
	unsigned n = 0;

	p->poll = ++h->poll;
	p->began_ms = hub_now(h);
	p->ids = mem_must(calloc(h->known, sizeof *p->ids));
	for (struct hub_entry *e = hub_next(h, NULL); e; e = hub_next(h, e)) {
		if (e->known) p->ids[n++] = e->node.id;
	}
	p->call = (struct schedules_poll){.call.flow = f, .ids = p->ids, .count = n};
	p->call.items = mem_must(calloc(n, sizeof *p->call.items));
	p->job.b->ports.catalogue->poll(p->job.b->ports.catalogue, &p->call);
}

static void learn(struct poll_rows *p, unsigned i)
{
	struct hub *h = p->job.b->hub;
	struct hub_entry *e = hub_find(h, p->ids[i]);

	if (!e || !e->known) return;
	if (p->call.items[i].id) hub_learn_row(h, e, &p->call.items[i], p->began_ms);
	else if (e->row_as_of_ms <= p->began_ms) hub_forget(h, e); /* deleted */
}

static int rows_polled(struct flow *f)
{
	struct poll_rows *p = self(f);

	if (!tk_failed(f->err)) {
		for (unsigned i = 0; i < p->call.count; i++) learn(p, i);
		hub_learn_poll(p->job.b->hub, p->poll, p->began_ms);
	}
	free(p->ids);
	free(p->call.items);
	p->ids = NULL;
	p->call.items = NULL;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {
	[LET_GO] = {"let_idle_go", NULL, let_idle_go},
	[POLL] = {"poll_rows", poll_rows, rows_polled},
};
const struct job_kind POLL_ROWS_KIND = {"poll_rows", 500, sizeof(struct poll_rows), STEPS, NULL, NULL, NULL};
