/* What the operator has set for each waiting room, each 500 ms, so that it is in force everywhere within 1 s; whether
 * all is sold; and the draws, whose seeds exist before anyone enters. */
#include "api/jobs/rooms.h"
#include "runtime/mem.h"

#include <string.h>
#include <sys/random.h>

/* Looking for an unsold seat may be long work towards the end of a sale: at most a twentieth of the time. */
enum { PERIOD_MS = 500, SOLD_MS = 1000, REST = 20 };

struct steer {
	struct job job;
	int64_t *ids;
	unsigned count;
	struct queue_settings_poll settings;
	struct queue_sold_out_poll sold;
	struct queue_draw draw;
	int64_t sold_due_ms, sold_began_ms;
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
	free(s->sold.sold_out);
	s->ids = NULL;
	s->settings.items = NULL;
	s->sold.sold_out = NULL;
}

enum { CHOOSE, SETTINGS, SOLD_OUT, NEXT_DRAW, DRAW, PUBLISH };

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
	return tk_failed(f->err) ? FLOW_END : SOLD_OUT;
}

/* --- sold out --- */

static bool knows_all(const struct steer *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (m && !m->steered) return false;
	}
	return true;
}

static void poll_sold_out(struct flow *f)
{
	struct steer *s = self(f);
	int64_t now = loop_now_ms(s->job.b->ports.loop);

	s->sold = (struct queue_sold_out_poll){.call.flow = f, .ids = s->ids};
	if (now < s->sold_due_ms && knows_all(s)) {
		flow_wake(f, TK_NONE);
		return;
	}
	s->sold_began_ms = now;
	s->sold.count = s->count;
	s->sold.sold_out = mem_must(calloc(s->count, sizeof *s->sold.sold_out));
	books_of(s)->sold_out(books_of(s), &s->sold);
}

static void rest_of_sold_out(struct steer *s)
{
	int64_t now = loop_now_ms(s->job.b->ports.loop), rest = (now - s->sold_began_ms) * REST;

	s->sold_due_ms = now + (rest > SOLD_MS ? rest : SOLD_MS - PERIOD_MS / 2);
}

/* Not known: as before; nobody is told that all is sold because of a slow answer. */
static int sold_out_polled(struct flow *f)
{
	struct steer *s = self(f);

	if (s->sold.count == 0) return NEXT_DRAW;
	rest_of_sold_out(s);
	for (unsigned i = 0; i < s->count && !tk_failed(f->err); i++) {
		struct room *m = room_find(rooms_of(s), s->ids[i]);

		if (m) m->sold_out = s->sold.sold_out[i];
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
	[SOLD_OUT] = {"poll_sold_out", poll_sold_out, sold_out_polled},
	[NEXT_DRAW] = {"next_draw", NULL, next_draw_chosen},
	[DRAW] = {"ask_draw", ask_draw, draw_known},
	[PUBLISH] = {"publish", NULL, rooms_published},
};
const struct job_kind STEER_KIND = {"steer", PERIOD_MS, sizeof(struct steer), STEPS, NULL, round_ended, NULL};
