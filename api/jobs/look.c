/* How the rooms that somebody wants to see stand: one look-up for each schedule and process, however many ask. Where
 * streams watch, the line too, from the front as far back as the last of them: the first FRONT_PIECES each time, of what
 * is behind them DEEP_PIECES a time in turn, so that a long line costs the store no more than a short one. */
#include "api/jobs/rooms.h"
#include "runtime/mem.h"

#include <string.h>

/* Together with the time a round takes less than the second within which a changed position must be told. */
enum { PERIOD_MS = 450, FRONT_PIECES = 4, DEEP_PIECES = 2 };
enum { FRONT = FRONT_PIECES * QUEUE_SLICE_MAX };

struct look {
	struct job job;
	int64_t schedule; /* the room at hand */
	uint64_t round;
	struct queue_look call;
	int64_t began_ms, watched_to;
	bool revived;
	struct seating_wait revival;
	struct queue_slice slice;
	int64_t piece[QUEUE_SLICE_MAX][2];
	unsigned pieces;
	struct queue_line *line; /* being read */
	size_t cap;
};

static struct look *self(struct flow *f)
{
	return container_of(job_of(f), struct look, job);
}

static struct rooms *rooms_of(const struct look *l)
{
	return l->job.b->rooms;
}

static struct queue_store *store_of(const struct look *l)
{
	return l->job.b->ports.queue;
}

static struct room *room_of(const struct look *l)
{
	return room_find(rooms_of(l), l->schedule);
}

enum { CHOOSE, LOOK, REVIVE, FRONT_SLICE, DEEP_SLICE };

/* --- which --- */

/* Each that is wanted and has not been looked at since this round began: whatever comes and goes meanwhile. */
static int room_chosen(struct flow *f)
{
	struct look *l = self(f);
	struct rooms *r = rooms_of(l);

	for (struct room *m = room_next(r, NULL); m && !l->job.stopped; m = room_next(r, m)) {
		if (m->look_round == l->round || !room_is_wanted(r, m)) continue;
		m->look_round = l->round;
		l->schedule = m->node.id;
		l->revived = false;
		return LOOK;
	}
	return FLOW_END;
}

/* --- how it stands --- */

static void look(struct flow *f)
{
	struct look *l = self(f);

	l->began_ms = loop_now_ms(l->job.b->ports.loop);
	l->call = (struct queue_look){.call.flow = f, .schedule = l->schedule};
	store_of(l)->look(store_of(l), &l->call);
}

static void learn_look(struct look *l, struct room *m)
{
	m->looked = true;
	m->looked_ms = l->began_ms;
	m->look = l->call;
	atomic_store_explicit(&m->waiting, l->call.waiting, memory_order_relaxed);
	atomic_store_explicit(&m->active, l->call.active, memory_order_relaxed);
}

static int tell(struct look *l, struct room *m)
{
	learn_look(l, m);
	room_publish(rooms_of(l), m);
	room_answer(m, true, TK_NONE);
	return CHOOSE;
}

static void begin_line(struct look *l)
{
	l->line = mem_must(calloc(1, sizeof *l->line));
	atomic_init(&l->line->refs, 1);
	l->cap = 0;
	l->pieces = 0;
}

static int looked(struct flow *f)
{
	struct look *l = self(f);
	struct room *m = room_of(l);

	if (!m) return CHOOSE;
	if (tk_failed(f->err)) {
		room_answer(m, true, f->err);
		return FLOW_END;
	}
	if (l->call.new_life && !l->revived) return REVIVE;
	if (l->call.new_life) return CHOOSE; /* lost again; with the next round */
	if (!room_is_watched(m)) {
		queue_line_unref(m->line);
		m->line = NULL;
		return tell(l, m);
	}
	l->watched_to = atomic_exchange_explicit(&m->use->watched_to, 0, memory_order_relaxed);
	begin_line(l);
	return FRONT_SLICE;
}

/* --- a new life --- */

static void revival_ended(struct seating_wait *w, struct tk_err err, bool found)
{
	(void)found;
	flow_wake(&container_of(w, struct look, revival)->job.flow, err);
}

static void revive(struct flow *f)
{
	struct look *l = self(f);
	struct hub *h = l->job.b->hub;

	l->revived = true;
	l->revival.answer = revival_ended;
	flight_join(h, hub_need(h, l->schedule), FLIGHT_REVIVE, &l->revival);
}

static int revived(struct flow *f)
{
	struct look *l = self(f);
	struct room *m = room_of(l);

	if (!tk_failed(f->err)) return LOOK;
	if (m) room_answer(m, true, f->err);
	return CHOOSE;
}

/* --- the line's front --- */

static void ask_slice(struct look *l, int64_t offset)
{
	l->slice = (struct queue_slice){
		.call.flow = &l->job.flow,
		.schedule = l->schedule,
		.offset = offset,
		.users_numbers = l->piece,
	};
	store_of(l)->slice(store_of(l), &l->slice);
}

static void make_room(struct look *l, size_t more)
{
	struct queue_line *line = l->line;

	if (line->count + more <= l->cap) return;
	l->cap = 2 * l->cap > line->count + more ? 2 * l->cap : line->count + more;
	line->users_numbers = mem_must(realloc(line->users_numbers, l->cap * sizeof *line->users_numbers));
}

static void append(struct look *l, int64_t (*entries)[2], size_t n)
{
	if (n == 0) return;
	make_room(l, n);
	memcpy(l->line->users_numbers + l->line->count, entries, n * sizeof *entries);
	l->line->count += n;
}

/* The first that has a larger number. */
static size_t behind(const struct queue_line *line, int64_t number)
{
	size_t low = 0, high = line->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (line->users_numbers[mid][1] <= number) low = mid + 1;
		else high = mid;
	}
	return low;
}

static int64_t last_number(const struct queue_line *line)
{
	return line->count ? line->users_numbers[line->count - 1][1] : -1;
}

static void keep_line(struct look *l, struct room *m)
{
	queue_line_unref(m->line);
	m->line = l->line;
	l->line = NULL;
}

static int end_line(struct look *l, struct room *m)
{
	keep_line(l, m);
	return tell(l, m);
}

/* What was read behind the front before is still there, or will be found gone when its turn comes. */
static int begin_deep(struct look *l, struct room *m)
{
	if (m->line) {
		size_t from = behind(m->line, last_number(l->line));

		append(l, m->line->users_numbers + from, m->line->count - from);
	}
	l->pieces = 0;
	if (m->deep_offset < FRONT) m->deep_offset = FRONT;
	return DEEP_SLICE;
}

static void slice_front(struct flow *f)
{
	struct look *l = self(f);

	ask_slice(l, (int64_t)l->pieces * QUEUE_SLICE_MAX);
}

static int front_sliced(struct flow *f)
{
	struct look *l = self(f);
	struct room *m = room_of(l);
	unsigned n = l->slice.count;

	if (!m || tk_failed(f->err)) return m ? FLOW_END : CHOOSE;
	/* Who was admitted between two pieces moved the line on: a few are read in neither, until the next round. */
	append(l, l->piece, n);
	l->pieces++;
	l->line->whole = n < QUEUE_SLICE_MAX;
	if (l->line->whole || last_number(l->line) >= l->watched_to) return end_line(l, m);
	return l->pieces < FRONT_PIECES ? FRONT_SLICE : begin_deep(l, m);
}

/* --- and what is behind it --- */

static void slice_deep(struct flow *f)
{
	struct look *l = self(f);
	const struct room *m = room_of(l);

	ask_slice(l, m ? m->deep_offset : 0);
}

static void replace(struct look *l, unsigned n, bool last)
{
	struct queue_line *line = l->line;
	size_t from = behind(line, l->piece[0][1] - 1), to;

	make_room(l, n);
	to = last ? line->count : behind(line, l->piece[n - 1][1]);
	memmove(line->users_numbers + from + n, line->users_numbers + to, (line->count - to) * sizeof *line->users_numbers);
	memcpy(line->users_numbers + from, l->piece, n * sizeof *l->piece);
	line->count += n + from - to;
}

static int deep_sliced(struct flow *f)
{
	struct look *l = self(f);
	struct room *m = room_of(l);
	unsigned n = l->slice.count;
	bool last = n < QUEUE_SLICE_MAX;

	if (!m || tk_failed(f->err)) return m ? FLOW_END : CHOOSE;
	if (n) replace(l, n, last);
	m->deep_offset += QUEUE_SLICE_MAX;
	if (last || l->piece[n - 1][1] >= l->watched_to) m->deep_offset = FRONT;
	return ++l->pieces < DEEP_PIECES && m->deep_offset != FRONT ? DEEP_SLICE : end_line(l, m);
}

/* --- the whole --- */

static void round_ended(struct job *j)
{
	struct look *l = container_of(j, struct look, job);

	l->round++;
	queue_line_unref(l->line);
	l->line = NULL;
}

static const struct flow_step STEPS[] = {
	[CHOOSE] = {"choose_room", NULL, room_chosen},
	[LOOK] = {"look", look, looked},
	[REVIVE] = {"revive", revive, revived},
	[FRONT_SLICE] = {"slice_front", slice_front, front_sliced},
	[DEEP_SLICE] = {"slice_deep", slice_deep, deep_sliced},
};
static void init(struct job *j)
{
	container_of(j, struct look, job)->round = 1;
}

const struct job_kind LOOK_KIND = {"look", PERIOD_MS, sizeof(struct look), STEPS, init, round_ended, NULL};
