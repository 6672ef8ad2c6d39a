/* Admission: a round of one script for each schedule where somebody waits, is admitted or came early: each 150 ms or
 * so while people are being let in, so that the store's 5 rounds a second are kept even when some come late, and no
 * oftener, since a round costs the store 16 commands; more seldom while nobody can be, so that a full or paused room
 * costs less. One daemon at a time does it (the lease); the others look more seldom still, and take over within 2 s. */
#include "api/jobs/rooms.h"
#include "runtime/mem.h"

/* LEASE + STANDBY < 2 s. ROUNDS: of one schedule before the next one has its turn. */
enum { PERIOD_MS = 50, BUSY_MS = 140, QUIET_MS = 200, LEASE_MS = 1500, STANDBY_MS = 300, OPEN_EACH_MS = 250 };
enum { ROUNDS_MAX = 10, OPEN_MAX = 1000 };

struct admit {
	struct job job;
	struct queue_open open;
	int64_t open_due_ms;
	int64_t schedules[OPEN_MAX];
	bool asked;
	unsigned at, rounds;
	struct queue_tick tick;
};

static struct admit *self(struct flow *f)
{
	return container_of(job_of(f), struct admit, job);
}

static struct rooms *rooms_of(const struct admit *a)
{
	return a->job.b->rooms;
}

static struct queue_store *store_of(const struct admit *a)
{
	return a->job.b->ports.queue;
}

enum { OPEN, CHOOSE, TICK };

static int64_t now_ms(const struct admit *a)
{
	return loop_now_ms(a->job.b->ports.loop);
}

static void ask_open(struct flow *f)
{
	struct admit *a = self(f);

	a->asked = now_ms(a) >= a->open_due_ms;
	if (!a->asked) {
		flow_wake(f, TK_NONE);
		return;
	}
	a->open = (struct queue_open){.call.flow = f, .schedules = a->schedules, .max = OPEN_MAX};
	store_of(a)->open(store_of(a), &a->open);
}

static void close_all(struct rooms *r)
{
	for (struct room *m = room_next(r, NULL); m; m = room_next(r, m)) m->open = false;
}

static void note_closed(struct rooms *r)
{
	for (struct room *m = room_next(r, NULL); m; m = room_next(r, m)) {
		if (m->open) continue;
		m->mine = false;
		room_forget_uses(m);
		atomic_store_explicit(&m->waiting, 0, memory_order_relaxed);
		atomic_store_explicit(&m->active, 0, memory_order_relaxed);
	}
}

static int open_known(struct flow *f)
{
	struct admit *a = self(f);

	a->at = a->rounds = 0;
	if (tk_failed(f->err) || !a->asked) return tk_failed(f->err) ? FLOW_END : CHOOSE;
	a->open_due_ms = now_ms(a) + OPEN_EACH_MS;
	close_all(rooms_of(a));
	for (unsigned i = 0; i < a->open.count; i++) {
		struct room *m = room_need(rooms_of(a), a->schedules[i]);

		if (!m) continue;
		m->open = true;
		if (!m->steered) job_kick(a->job.b->job[JOB_STEER]);
	}
	note_closed(rooms_of(a));
	return CHOOSE;
}

/* NULL: not now. Nobody is admitted by rules that are not known. */
static const struct schedule *may_tick(const struct admit *a, const struct room *m)
{
	const struct schedule *s;

	if (!m || !m->steered || now_ms(a) < m->tick_due_ms) return NULL;
	s = room_schedule(rooms_of(a), m);
	if (s && s->sale_opens_at_ms != TIME_NONE && s->sale_opens_at_ms != m->draw_opens_ms) return NULL;
	return s;
}

static int room_chosen(struct flow *f)
{
	struct admit *a = self(f);

	for (; a->at < a->open.count && !a->job.stopped; a->at++) {
		if (may_tick(a, room_find(rooms_of(a), a->schedules[a->at]))) return TICK;
	}
	return FLOW_END;
}

static void tick(struct flow *f)
{
	struct admit *a = self(f);
	const struct room *m = room_find(rooms_of(a), a->schedules[a->at]);
	const struct schedule *s = room_schedule(rooms_of(a), m);

	a->tick = (struct queue_tick){
		.call.flow = f,
		.schedule = m->node.id,
		.daemon = rooms_of(a)->daemon,
		.lease_ms = LEASE_MS,
		.max_active = m->setting.max_active,
		.admit_per_s = m->setting.admit_per_s,
		.paused = m->setting.paused || s->status == SCHEDULE_CLOSED,
		.sold_out = m->sold_out,
		.uses_end = m->uses_end,
		.drawn = s->sale_opens_at_ms == TIME_NONE || m->drawn >= 0,
		.rules = room_rules(rooms_of(a), s),
	};
	store_of(a)->tick(store_of(a), &a->tick);
}

static void note_standing(struct admit *a, struct room *m)
{
	const struct queue_tick *t = &a->tick;

	atomic_store_explicit(&m->waiting, t->waiting, memory_order_relaxed);
	atomic_store_explicit(&m->active, t->active, memory_order_relaxed);
	if (t->admitted == 0) return;
	metrics_add(a->job.b->ports.metrics, METRIC_QUEUE_ADMITTED, 0, t->admitted);
	if (t->waited_ms >= 0) rooms_note_wait(rooms_of(a), t->waited_ms, t->admitted);
}

/* Known for the first time: how many seats are left is asked at once, so that the last one finds us ready. */
static void note_uses(struct admit *a, struct room *m)
{
	if (a->tick.new_life) return;
	if (m->uses < 0) job_kick(a->job.b->job[JOB_STEER]);
	m->uses = a->tick.uses;
}

static void revive(struct admit *a)
{
	struct hub *h = a->job.b->hub;
	struct hub_entry *e = hub_need(h, a->tick.schedule);

	if (!h->closed && !e->flight[FLIGHT_REVIVE]) flight_join(h, e, FLIGHT_REVIVE, NULL);
}

static int next_room(struct admit *a)
{
	a->at++;
	a->rounds = 0;
	return CHOOSE;
}

static int64_t next_in_ms(const struct queue_tick *t)
{
	if (!t->mine) return STANDBY_MS;
	return t->admitted > 0 || t->draw_due ? BUSY_MS : QUIET_MS;
}

static int ticked(struct flow *f)
{
	struct admit *a = self(f);
	struct room *m = room_find(rooms_of(a), a->tick.schedule);
	const struct schedule *s;

	if (tk_failed(f->err)) return FLOW_END;
	if (!m) return next_room(a);
	m->mine = a->tick.mine;
	note_uses(a, m);
	m->tick_due_ms = now_ms(a) + next_in_ms(&a->tick);
	if (a->tick.new_life) revive(a);
	if (!m->mine) return next_room(a);
	note_standing(a, m);
	s = room_schedule(rooms_of(a), m);
	if (a->tick.draw_due && s) draw_begin(rooms_of(a), m, s);
	if (!a->tick.more || ++a->rounds == ROUNDS_MAX) return next_room(a);
	m->tick_due_ms = 0;
	return CHOOSE;
}

static const struct flow_step STEPS[] = {
	[OPEN] = {"open_schedules", ask_open, open_known},
	[CHOOSE] = {"choose_room", NULL, room_chosen},
	[TICK] = {"tick", tick, ticked},
};
const struct job_kind ADMIT_KIND = {"admit", PERIOD_MS, sizeof(struct admit), STEPS, NULL, NULL, NULL};
