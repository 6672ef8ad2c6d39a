#include "app/mend_copies.h"

#include <stdlib.h>
#include <string.h>

enum { BIRTH, LOAD, APPLY };

static struct mend_copies *self(struct flow *f)
{
	return container_of(f, struct mend_copies, flow);
}

/* First, so that the database is not asked again and again for what nobody can be told. */
static void ask_birth(struct flow *f)
{
	struct mend_copies *m = self(f);
	m->birth = (struct seat_birth){.call.flow = f, .schedule = m->dirty[0]};
	m->seat_lock->birth(m->seat_lock, &m->birth);
}

static int birth_known(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : LOAD;
}

static void load(struct flow *f)
{
	struct mend_copies *m = self(f);
	m->claims = (struct claims_load){.call.flow = f, .schedule = m->dirty[0]};
	m->catalogue->claims(m->catalogue, &m->claims);
}

static int loaded(struct flow *f)
{
	return tk_failed(f->err) ? FLOW_END : APPLY;
}

static void apply(struct flow *f)
{
	struct mend_copies *m = self(f);
	m->apply = (struct seat_apply){
		.call.flow = f,
		.changes = m->claims.changes,
		.count = m->claims.count,
		.load_birth = m->birth.birth,
		.load_schedule = m->dirty[0],
	};
	m->seat_lock->apply(m->seat_lock, &m->apply);
}

static int applied(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {
	[BIRTH] = {"ask_birth", ask_birth, birth_known},
	[LOAD] = {"load_claims", load, loaded},
	[APPLY] = {"apply_claims", apply, applied},
};

static void pause_then_next(struct mend_copies *m)
{
	if (m->count && !m->busy && m->loop) timer_arm(m->loop, &m->pause, loop_now_ms(m->loop) + COPIES_PAUSE_MS);
}

/* What failed, or was marked again meanwhile, goes to the end. */
static void done(struct flow *f)
{
	struct mend_copies *m = self(f);
	int64_t schedule = m->dirty[0];
	bool mended = !tk_failed(f->err);
	free(m->claims.changes);
	m->claims.changes = NULL;
	memmove(m->dirty, m->dirty + 1, --m->count * sizeof *m->dirty);
	m->busy = false;
	if (!mended || m->again) m->dirty[m->count++] = schedule;
	else if (m->mended) m->mended(m->ctx, schedule);
	pause_then_next(m);
}

static void next(struct timer *t)
{
	struct mend_copies *m = container_of(t, struct mend_copies, pause);
	m->busy = true;
	m->again = false;
	flow_start(&m->flow, STEPS, BIRTH, done);
}

void mend_copies_mark(struct mend_copies *m, int64_t schedule)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (m->dirty[i] != schedule) continue;
		if (i == 0 && m->busy) m->again = true;
		return;
	}
	if (m->count == COPIES_MAX) return;
	m->dirty[m->count++] = schedule;
	m->pause.fired = next;
	if (!m->pause.slot) pause_then_next(m);
}

void mend_copies_stop(struct mend_copies *m)
{
	timer_stop(m->loop, &m->pause);
	m->loop = NULL;
}

void mend_copies_finish(struct mend_copies *m)
{
	free(m->claims.changes);
	m->claims.changes = NULL;
}
