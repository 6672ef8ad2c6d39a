/* What the operator has set for each waiting room, each 500 ms, so that it is in force everywhere within 1 s; how many
 * seats are left; and the draws, whose seeds exist before anyone enters. */
#include "api/jobs/rooms.h"
#include "runtime/mem.h"

#include <string.h>
#include <sys/random.h>

/* Looking for unsold seats may be long work towards the end of a sale: at most a twentieth of the time. As many as may be
 * sold until they are looked for again; fewer of each where there are many rooms. */
enum { PERIOD_MS = 500, UNSOLD_MS = 1000, REST = 20, UNSOLD_MAX = 2000, UNSOLD_ALL_MAX = 20000 };

struct steer {
	struct job job;
	int64_t *ids;
	unsigned count;
	struct queue_settings_poll settings;
	struct queue_unsold_poll unsold;
	struct queue_draw draw;
	int64_t unsold_due_ms, unsold_began_ms, rested_ms;
	unsigned at; /* the room whose draw is asked for */
};

static struct steer *self(struct flow *f)
{
	return container_of(job_of(f), struct steer, job);
}

static struct rooms *rooms_of(const struct steer *s)
{
	return s->job.b->rooms;
}

static struct queue_books *books_of(const struct steer *s)
{
	return s->job.b->ports.books;
}

static void forget(struct steer *s)
{
	free(s->ids);
	free(s->settings.items);
	free(s->unsold.unsold);
	s->ids = NULL;
	s->settings.items = NULL;
	s->unsold.unsold = NULL;
}

enum { CHOOSE, SETTINGS, UNSOLD, NEXT_DRAW, DRAW, PUBLISH };

static int rooms_chosen(struct flow *f)
{
	struct steer *s = self(f);
	struct rooms *r = rooms_of(s);

	rooms_let_idle_go(r);
	s->count = 0;
	s->at = 0;
	if (r->table.count == 0) return FLOW_END;
	s->ids = mem_must(calloc(r->table.count, sizeof *s->ids));
	for (const struct room *m = room_next(r, NULL); m; m = room_next(r, m)) s->ids[s->count++] = m->node.id;
	return SETTINGS;
}

/* --- settings --- */

static void poll_settings(struct flow *f)
{
	struct steer *s = self(f);

	s->settings = (struct queue_settings_poll){.call.flow = f, .ids = s->ids, .count = s->count};
	s->settings.items = mem_must(calloc(s->count, sizeof *s->settings.items));
	books_of(s)->settings(books_of(s), &s->settings);
}

static struct queue_setting in_force(const struct steer *s, unsigned i)
{
	const struct config *c = s->job.b->ports.config;

	if (s->settings.items[i].schedule) return s->settings.items[i];
	return (struct queue_setting){
		.schedule = s->ids[i],
		.max_active = c->queue_max_active,
		.admit_per_s = c->queue_admit_per_s,
	};
}

static int settings_polled(struct flow *f)
{
	struct steer *s = self(f);

	for (unsigned i = 0; i < s->count; i++) {
		struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (!m) continue;
		if (tk_failed(f->err)) {
			room_answer(m, false, f->err);
			continue;
		}
		m->setting = in_force(s, i);
	}
	return tk_failed(f->err) ? FLOW_END : UNSOLD;
}

/* --- unsold seats --- */

static bool is_due(const struct steer *s, int64_t now)
{
	if (now >= s->unsold_due_ms) return true;
	for (unsigned i = 0; i < s->count; i++) {
		const struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (m && !m->steered) return true;
		if (m && m->uses >= 0 && m->uses_asked < 0 && now >= s->rested_ms) return true;
	}
	return false;
}

static int64_t most_of(unsigned rooms)
{
	int64_t most = UNSOLD_ALL_MAX / rooms;

	return most > UNSOLD_MAX ? UNSOLD_MAX : most > 1 ? most : 1;
}

static void poll_unsold(struct flow *f)
{
	struct steer *s = self(f);
	int64_t now = loop_now_ms(s->job.b->ports.loop);

	s->unsold = (struct queue_unsold_poll){.call.flow = f, .ids = s->ids};
	if (!is_due(s, now)) {
		flow_wake(f, TK_NONE);
		return;
	}
	s->unsold_began_ms = now;
	for (struct room *m = room_next(rooms_of(s), NULL); m; m = room_next(rooms_of(s), m)) m->uses_asked = m->uses;
	s->unsold.count = s->count;
	s->unsold.most = most_of(s->count);
	s->unsold.unsold = mem_must(calloc(s->count, sizeof *s->unsold.unsold));
	books_of(s)->unsold(books_of(s), &s->unsold);
}

static void rest_of_looking(struct steer *s)
{
	int64_t now = loop_now_ms(s->job.b->ports.loop), rest = (now - s->unsold_began_ms) * REST;

	s->rested_ms = now + rest;
	s->unsold_due_ms = now + (rest > UNSOLD_MS ? rest : UNSOLD_MS - PERIOD_MS / 2);
}

/* A use is counted after its seat was sold. One counted between the last round of admission and the look is thus taken
 * off twice, until the next look; none is missed. */
static void note_unsold(struct room *m, int64_t unsold, int64_t most)
{
	m->sold_out = unsold == 0;
	m->uses_end = unsold < most && m->uses_asked >= 0 ? m->uses_asked + unsold : INT64_MAX;
}

/* Not known: as before; nobody is told that all is sold because of a slow answer. */
static int unsold_polled(struct flow *f)
{
	struct steer *s = self(f);

	if (s->unsold.count == 0) return NEXT_DRAW;
	rest_of_looking(s);
	for (unsigned i = 0; i < s->count && !tk_failed(f->err); i++) {
		struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (m) note_unsold(m, s->unsold.unsold[i], s->unsold.most);
	}
	return NEXT_DRAW;
}

/* --- draws --- */

static const struct schedule *undrawn(const struct steer *s, const struct room *m)
{
	const struct schedule *row = m ? room_schedule(rooms_of(s), m) : NULL;

	return row && row->sale_opens_at_ms != TIME_NONE && row->sale_opens_at_ms != m->draw_opens_ms ? row : NULL;
}

static int next_draw_chosen(struct flow *f)
{
	struct steer *s = self(f);

	for (; s->at < s->count; s->at++) {
		if (undrawn(s, room_find(rooms_of(s), s->ids[s->at]))) return DRAW;
	}
	return PUBLISH;
}

static void ask_draw(struct flow *f)
{
	struct steer *s = self(f);
	const struct schedule *row = undrawn(s, room_find(rooms_of(s), s->ids[s->at]));

	s->draw = (struct queue_draw){.call.flow = f, .schedule = row->id, .opens_at_ms = row->sale_opens_at_ms};
	if (getrandom(s->draw.candidate, sizeof s->draw.candidate, 0) != sizeof s->draw.candidate) abort();
	books_of(s)->draw(books_of(s), &s->draw);
}

static int draw_known(struct flow *f)
{
	struct steer *s = self(f);
	struct room *m = room_find(rooms_of(s), s->ids[s->at++]);

	if (tk_failed(f->err) || !m) return NEXT_DRAW;
	m->draw_opens_ms = s->draw.opens_at_ms;
	m->drawn = s->draw.count;
	return NEXT_DRAW;
}

/* --- the shards --- */

static int rooms_published(struct flow *f)
{
	struct steer *s = self(f);

	for (unsigned i = 0; i < s->count; i++) {
		struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (!m) continue;
		m->steered = true;
		room_publish(rooms_of(s), m);
		room_answer(m, false, TK_NONE);
		if (m->asks && s->job.b->ports.queue) job_kick(s->job.b->job[JOB_LOOK]);
	}
	f->err = TK_NONE;
	return FLOW_END;
}

static void round_ended(struct job *j)
{
	forget(container_of(j, struct steer, job));
}

static const struct flow_step STEPS[] = {
	[CHOOSE] = {"choose_rooms", NULL, rooms_chosen},
	[SETTINGS] = {"poll_settings", poll_settings, settings_polled},
	[UNSOLD] = {"poll_unsold", poll_unsold, unsold_polled},
	[NEXT_DRAW] = {"next_draw", NULL, next_draw_chosen},
	[DRAW] = {"ask_draw", ask_draw, draw_known},
	[PUBLISH] = {"publish", NULL, rooms_published},
};
const struct job_kind STEER_KIND = {"steer", PERIOD_MS, sizeof(struct steer), STEPS, NULL, round_ended, NULL};
