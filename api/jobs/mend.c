/* Compares Redis' copy of the sold and pending seats with the database, for the schedules in use (each 30 s) and for
 * those that missed a change (at once), and merges what the database says: larger revisions win, which heals lost
 * changes. What the copy says wrongly under a revision that the database never gave can't be healed that way: it is
 * logged each time. By the way it has users forgotten who hold nothing any more.
 *
 * A comparison reads all seats twice in Redis and all claims in PostgreSQL, which those who buy meanwhile feel: those that
 * nothing was missed of take a twentieth of the time at most, and so come later than after 30 s when they are many. */
#include "api/jobs/hub.h"
#include "port/catalogue.h"
#include "port/seat_lock.h"
#include "runtime/log.h"
#include "runtime/mem.h"

/* PAUSE: between the claims and the second look, so that changes that were just committed have reached Redis. */
enum { PERIOD_MS = 500, EACH_MS = 30000, MARKED_MS = 1000, PAUSE_MS = 50, REST = 20 };
/* Pieces of about 100 users: the next one at once only when a tenth of them was forgotten, as Redis expires its keys; so
 * little that has ended is left, and little is looked at in vain. 100 pieces take about 40 ms of Redis' time. */
enum { PRUNE_PIECES = 100, PRUNE_WORTH = 10 };
/* A sold seat that is shown as sold is merged in one round of so many, for the sake of its buyer's list. All of them each
 * time were 0.2 s of Redis for 50,000 seats, long after the last was sold. */
enum { SOLD_EVERY = 16 };

struct mend {
	struct job job;
	int64_t schedule;
	struct seat_plan *plan; /* NULL: not known, so there is nothing to compare, only to merge */
	uint8_t *before;		/* statuses before and after the claims were read */
	bool loaded, was_marked;
	struct seat_birth birth;
	struct seat_read read;
	struct claims_load claims;
	struct seat_apply apply;
	int64_t wrong;
	struct seat_prune prune;
	unsigned pieces;
	struct timer pause;
	int64_t began_ms, paused_ms; /* of the comparison under way; 0: none */
	int64_t rest_until_ms;
};

static struct mend *self(struct flow *f)
{
	return container_of(job_of(f), struct mend, job);
}

static void owe_rest(struct mend *m)
{
	int64_t took_ms = hub_now(m->job.b->hub) - m->began_ms - m->paused_ms;

	if (!m->began_ms) return;
	if (m->rest_until_ms < m->began_ms) m->rest_until_ms = m->began_ms;
	m->rest_until_ms += REST * took_ms;
	m->began_ms = 0;
}

static void leave(struct mend *m)
{
	struct hub_entry *e = hub_find(m->job.b->hub, m->schedule);

	owe_rest(m);
	if (e) hub_tidy(m->job.b->hub, e); /* a mark may have been all that kept it */
	free(m->before);
	free(m->read.status);
	free(m->claims.changes);
	seat_plan_unref(m->plan);
	m->before = m->read.status = NULL;
	m->claims.changes = NULL;
	m->plan = NULL;
}

enum { CHOOSE, READ_BEFORE, ASK_BIRTH, LOAD_CLAIMS, PAUSE, READ_AFTER, APPLY, PRUNE };

static bool is_due(const struct hub_entry *e, int64_t now_ms)
{
	if (!e->marked && !e->known) return false;
	return now_ms - e->mend_tried_ms >= (e->marked ? MARKED_MS : EACH_MS);
}

static struct hub_entry *choose(const struct mend *m)
{
	const struct hub *h = m->job.b->hub;
	struct hub_entry *found = NULL;
	bool rests = m->rest_until_ms > hub_now(h) + PERIOD_MS; /* many small ones have a common rest */

	for (struct hub_entry *e = hub_next(h, NULL); e; e = hub_next(h, e)) {
		if (rests && !e->marked) continue;
		if (is_due(e, hub_now(h)) && (!found || e->mend_tried_ms < found->mend_tried_ms)) found = e;
	}
	return found;
}

/* The one that was tried longest ago: one that always fails must not keep the others from their turn. */
static int chosen(struct flow *f)
{
	struct mend *m = self(f);
	struct hub_entry *e = m->job.stopped ? NULL : choose(m);

	if (!e) return FLOW_END;
	m->began_ms = e->mend_tried_ms = hub_now(m->job.b->hub);
	m->paused_ms = 0;
	m->was_marked = e->marked;
	e->marked = false; /* a mark that comes from now on stands for another round */
	m->schedule = e->node.id;
	if (e->known) m->plan = seat_plan_ref(e->plan);
	m->loaded = false;
	m->wrong = 0;
	return m->plan ? READ_BEFORE : ASK_BIRTH;
}

static int fail(struct mend *m)
{
	struct hub_entry *e = m->was_marked ? hub_need(m->job.b->hub, m->schedule) : NULL;

	if (e) e->marked = true;
	return FLOW_END;
}

static void read_seats(struct flow *f)
{
	struct mend *m = self(f);

	m->read = (struct seat_read){
		.call.flow = f,
		.schedule = m->schedule,
		.plan = m->plan,
		.status = mem_must(calloc(m->plan->count + 1, 1)),
	};
	m->job.b->ports.seats->read(m->job.b->ports.seats, &m->read);
}

static int read_before(struct flow *f)
{
	struct mend *m = self(f);

	if (tk_failed(f->err)) return fail(m);
	m->before = m->read.status;
	m->read.status = NULL;
	m->loaded = m->read.loaded;
	return ASK_BIRTH;
}

static void ask_birth(struct flow *f)
{
	struct mend *m = self(f);
	struct seat_lock *seats = m->job.b->ports.seats;

	m->birth = (struct seat_birth){.call.flow = f, .schedule = m->schedule};
	seats->birth(seats, &m->birth);
}

static int birth_known(struct flow *f)
{
	return tk_failed(f->err) ? fail(self(f)) : LOAD_CLAIMS;
}

static void load_claims(struct flow *f)
{
	struct mend *m = self(f);
	const struct backstage_ports *p = &m->job.b->ports;

	m->claims = (struct claims_load){.call.flow = f, .schedule = m->schedule};
	p->catalogue->claims(p->catalogue, &m->claims);
}

static int claims_loaded(struct flow *f)
{
	struct mend *m = self(f);

	if (tk_failed(f->err)) return fail(m);
	return m->loaded ? PAUSE : APPLY;
}

static void pause_over(struct timer *t)
{
	flow_wake(&container_of(t, struct mend, pause)->job.flow, TK_NONE);
}

static void pause_a_little(struct flow *f)
{
	struct mend *m = self(f);

	m->pause.fired = pause_over;
	timer_arm(m->job.b->ports.loop, &m->pause, loop_now_ms(m->job.b->ports.loop) + PAUSE_MS);
}

static int paused(struct flow *f)
{
	self(f)->paused_ms = PAUSE_MS;
	return READ_AFTER;
}

/* What the copy must not say of a seat that the database claims; holds by key alone may stand on a free one. */
static bool is_wrong(enum seat_claim_kind kind, uint8_t before, uint8_t after)
{
	if (kind == CLAIM_SOLD) return after != SEAT_SOLD_OUT;
	if (kind != CLAIM_FREE) return after == SEAT_AVAILABLE;
	return before == SEAT_SOLD_OUT && after == SEAT_SOLD_OUT;
}

static int64_t count_wrong(const struct mend *m)
{
	uint8_t *kind = mem_must(malloc(m->plan->count + 1));
	int64_t wrong = 0;

	memset(kind, CLAIM_FREE, m->plan->count + 1);
	for (unsigned i = 0; i < m->claims.count; i++) {
		int32_t at = seat_plan_find(m->plan, &m->claims.changes[i].seat);

		if (at >= 0) kind[at] = (uint8_t)m->claims.changes[i].kind;
	}
	for (uint32_t i = 0; i < m->plan->count; i++) {
		wrong += is_wrong((enum seat_claim_kind)kind[i], m->before[i], m->read.status[i]);
	}
	free(kind);
	return wrong;
}

/* Leaves out what needs no merging. */
static unsigned pick_claims(const struct mend *m)
{
	struct seat_change *c = m->claims.changes;
	uint32_t turn = (uint32_t)(hub_now(m->job.b->hub) / EACH_MS);
	unsigned picked = 0;

	for (unsigned i = 0; i < m->claims.count; i++) {
		int32_t at = c[i].kind == CLAIM_SOLD ? seat_plan_find(m->plan, &c[i].seat) : -1;
		bool shown = at >= 0 && m->before[at] == SEAT_SOLD_OUT && m->read.status[at] == SEAT_SOLD_OUT;

		if (!shown || ((uint32_t)at + turn) % SOLD_EVERY == 0) c[picked++] = c[i];
	}
	return picked;
}

static int read_after(struct flow *f)
{
	struct mend *m = self(f);

	if (tk_failed(f->err)) return fail(m);
	m->loaded = m->read.loaded;
	if (!m->loaded) return APPLY;
	m->wrong = count_wrong(m);
	m->claims.count = pick_claims(m);
	return APPLY;
}

static void apply_claims(struct flow *f)
{
	struct mend *m = self(f);

	m->apply = (struct seat_apply){
		.call.flow = f,
		.changes = m->claims.changes,
		.count = m->claims.count,
		.load_birth = m->birth.birth,
		.load_schedule = m->schedule,
	};
	m->job.b->ports.seats->apply(m->job.b->ports.seats, &m->apply);
}

static int claims_applied(struct flow *f)
{
	struct mend *m = self(f);

	if (tk_failed(f->err)) return fail(m);
	if (m->wrong) LOG_LIMITED(copy_repaired, LF_I("schedule", m->schedule), LF_I("seats", m->wrong));
	m->pieces = 0;
	return PRUNE;
}

static void prune_users(struct flow *f)
{
	struct mend *m = self(f);
	const struct hub_entry *e = hub_find(m->job.b->hub, m->schedule);

	m->prune = (struct seat_prune){.call.flow = f, .schedule = m->schedule, .cursor = e ? e->prune_cursor : 0};
	m->job.b->ports.seats->prune(m->job.b->ports.seats, &m->prune);
}

static bool goes_on(struct mend *m)
{
	return m->prune.cursor && m->prune.forgotten >= PRUNE_WORTH && ++m->pieces < PRUNE_PIECES && !m->job.stopped;
}

/* Whether a piece fails matters to nobody: the next round goes on from there. */
static int users_pruned(struct flow *f)
{
	struct mend *m = self(f);
	struct hub_entry *e = hub_find(m->job.b->hub, m->schedule);

	if (e && !tk_failed(f->err)) {
		e->prune_cursor = m->prune.cursor;
		if (goes_on(m)) return PRUNE;
	}
	leave(m);
	return tk_failed(f->err) ? FLOW_END : CHOOSE;
}

static void round_ended(struct job *j)
{
	leave(container_of(j, struct mend, job));
}

static const struct flow_step STEPS[] = {
	[CHOOSE] = {"choose", NULL, chosen},
	[READ_BEFORE] = {"read_before", read_seats, read_before},
	[ASK_BIRTH] = {"ask_birth", ask_birth, birth_known},
	[LOAD_CLAIMS] = {"load_claims", load_claims, claims_loaded},
	[PAUSE] = {"pause", pause_a_little, paused},
	[READ_AFTER] = {"read_after", read_seats, read_after},
	[APPLY] = {"apply_claims", apply_claims, claims_applied},
	[PRUNE] = {"prune_users", prune_users, users_pruned},
};
const struct job_kind MEND_KIND = {"mend", PERIOD_MS, sizeof(struct mend), STEPS, NULL, round_ended, NULL};
