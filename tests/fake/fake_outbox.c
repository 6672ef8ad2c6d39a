#include "fake/fake_outbox.h"

#include <string.h>

#include "runtime/mem.h"

static struct fake_outbox *fake_of(struct outbox *o)
{
	return container_of(o, struct fake_outbox, port);
}

struct uuid fake_event_id(unsigned row)
{
	struct uuid id = {{0}};

	row++; /* no id is nil */
	memcpy(id.b, &row, sizeof row);
	return id;
}

unsigned fake_event_row(const struct uuid *id)
{
	unsigned row;

	memcpy(&row, id->b, sizeof row);
	return row - 1;
}

void fake_outbox_add(struct fake_outbox *f, unsigned rows)
{
	f->rows = mem_must(realloc(f->rows, (f->row_count + rows) * sizeof *f->rows));
	for (unsigned i = 0; i < rows; i++, f->row_count++) {
		struct payment_completed event = {.event_id = fake_event_id(f->row_count), .user = 1, .schedule = 1};

		f->rows[f->row_count] = (struct fake_row){.event = event};
	}
}

unsigned fake_outbox_left(const struct fake_outbox *f)
{
	unsigned n = 0;

	for (unsigned i = f->first_left; i < f->row_count; i++) n += f->rows[i].clears == 0;
	return n;
}

unsigned fake_outbox_leased(const struct fake_outbox *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->row_count; i++) n += f->rows[i].leases > 0;
	return n;
}

/* Does what is asked unless a fault says otherwise, and answers. */
static void act(struct fake_outbox *f, enum fake_outbox_call which, struct port_call *c,
	void (*doing)(struct fake_outbox *f, struct port_call *c))
{
	struct fake_fault *fault = &f->fault[which];
	bool fails = fake_fault_hits(fault);

	f->calls[which]++;
	if (!fails || fault->after_acting) doing(f, c);
	fake_desk_answer(&f->desk, c, fails ? fault->err : TK_NONE);
}

static void do_clear(struct fake_outbox *f, struct port_call *c)
{
	const struct outbox_clear *o = container_of(c, struct outbox_clear, call);

	f->rows[fake_event_row(&o->event_id)].clears++;
	while (f->first_left < f->row_count && f->rows[f->first_left].clears) f->first_left++;
}

static void do_lease(struct fake_outbox *f, struct port_call *c)
{
	struct outbox_lease *o = container_of(c, struct outbox_lease, call);
	int64_t now = loop_now_ms(f->desk.loop);

	o->count = 0;
	for (unsigned i = f->first_left; i < f->row_count && o->count < o->limit; i++) {
		struct fake_row *r = &f->rows[i];

		if (r->clears || r->next_try_ms > now) continue;
		r->next_try_ms = now + o->lease_ms;
		r->leases++;
		o->events[o->count++] = r->event;
	}
}

static void do_sweep(struct fake_outbox *f, struct port_call *c)
{
	struct outbox_sweep *o = container_of(c, struct outbox_sweep, call);

	o->restored = f->restored;
	o->stuck = f->stuck;
	f->restored = f->stuck = 0;
}

static void do_expire(struct fake_outbox *f, struct port_call *c)
{
	struct orders_expire *o = container_of(c, struct orders_expire, call);

	o->count = f->to_expire < EXPIRE_MAX ? f->to_expire : EXPIRE_MAX;
	f->to_expire -= o->count;
	o->more = f->to_expire > 0;
}

static void do_stats(struct fake_outbox *f, struct port_call *c)
{
	struct outbox_stats *o = container_of(c, struct outbox_stats, call);

	o->pending = fake_outbox_left(f);
	o->oldest_age_ms = f->stats.oldest_age_ms;
	o->refunds_pending = f->stats.refunds_pending;
	o->oversold = f->stats.oversold;
}

static void clear(struct outbox *o, struct outbox_clear *c)
{
	act(fake_of(o), FAKE_CLEAR, &c->call, do_clear);
}
static void lease(struct outbox *o, struct outbox_lease *c)
{
	act(fake_of(o), FAKE_LEASE, &c->call, do_lease);
}
static void sweep(struct outbox *o, struct outbox_sweep *c)
{
	act(fake_of(o), FAKE_SWEEP, &c->call, do_sweep);
}
static void expire(struct outbox *o, struct orders_expire *c)
{
	act(fake_of(o), FAKE_EXPIRE, &c->call, do_expire);
}
static void stats(struct outbox *o, struct outbox_stats *c)
{
	act(fake_of(o), FAKE_STATS, &c->call, do_stats);
}

void fake_outbox_init(struct fake_outbox *f, struct loop *l)
{
	*f = (struct fake_outbox){
		.port = {.clear = clear, .lease = lease, .sweep = sweep, .expire = expire, .stats = stats},
	};
	fake_desk_init(&f->desk, l);
}

void fake_outbox_finish(struct fake_outbox *f)
{
	fake_desk_finish(&f->desk);
	free(f->rows);
}
