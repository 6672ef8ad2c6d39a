#include "api/app/seating.h"

#include "api/app/id_table.h"
#include "api/app/seating_mail.h"
#include "runtime/mem.h"

/* A short restart of the database must not stop holds: rows that could not be confirmed stay good for so long. */
enum { ROW_GOOD_MS = 10000 };
/* "At most 1 s behind the truth", and the answer needs its time too; the next look-up starts early enough. */
enum { MAP_GOOD_MS = 900, MAP_NEXT_MS = 400 };
enum { PLAN_FRESH_MS = 200, USE_NOTE_MS = 1000, ASKING_MAX = 20000 };

TAILQ_HEAD(watch_list, seating_watch);

/* Schedules that news came of, or that are watched. */
struct known {
	struct id_node node;
	struct seating_copy *copy; /* NULL: only watched */
	struct watch_list watches;
	bool map_asked;
};

struct seating {
	struct loop *loop;
	struct mailbox mailbox;
	struct seating_owner owner;
	struct id_table table;
	uint64_t poll;
	int64_t polled_ms;
	struct hook retire;
	struct seating_copy *retired;	  /* pointers into them are good until the turn is over */
	struct seating_watch *next_watch; /* the one to tell next, while they are told */
	unsigned asking;
	bool closed;
};

/* Counted things */

void seating_use_unref(struct seating_use *u)
{
	if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1) free(u);
}

struct seating_news *seating_news_ref(struct seating_news *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void seating_news_unref(struct seating_news *n)
{
	if (!n || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1) return;
	seat_plan_unref(n->entry.plan);
	seat_map_unref(n->entry.map);
	seating_use_unref(n->use);
	free(n);
}

static void copy_free(struct seating_copy *c)
{
	if (!c) return;
	seating_news_unref(c->news);
	free(c);
}

static void retire(struct seating *s, struct seating_copy *c)
{
	if (!c) return;
	c->next = s->retired;
	s->retired = c;
}

static bool free_retired(struct hook *h)
{
	struct seating *s = container_of(h, struct seating, retire);

	while (s->retired) {
		struct seating_copy *c = s->retired;

		s->retired = c->next;
		copy_free(c);
	}
	return false;
}

/* The table */

static struct known *known_of(const struct seating *s, int64_t schedule)
{
	struct id_node *n = id_table_find(&s->table, schedule);

	return n ? container_of(n, struct known, node) : NULL;
}

static struct known *known_need(struct seating *s, int64_t schedule)
{
	struct known *k = known_of(s, schedule);

	if (k) return k;
	k = mem_must(calloc(1, sizeof *k));
	k->node.id = schedule;
	TAILQ_INIT(&k->watches);
	id_table_add(&s->table, &k->node);
	return k;
}

static void known_drop(struct seating *s, struct known *k)
{
	retire(s, k->copy);
	k->copy = NULL;
	if (!TAILQ_EMPTY(&k->watches)) return;
	id_table_remove(&s->table, &k->node);
	free(k);
}

/* What the owner sends */

static void tell_watches(struct seating *s, struct known *k)
{
	struct seat_map *map = k->copy->news->entry.map;

	s->next_watch = TAILQ_FIRST(&k->watches);
	while (s->next_watch) {
		struct seating_watch *w = s->next_watch;

		s->next_watch = TAILQ_NEXT(w, link);
		w->changed(w, map);
	}
}

void seating_take_copy(struct mail *m, void *ctx)
{
	struct seating *s = ctx;
	struct seating_copy *c = container_of(m, struct seating_copy, mail);
	const struct seat_map *map_before;
	struct known *k;

	if (s->closed) {
		copy_free(c);
		return;
	}
	k = known_need(s, c->news->entry.schedule.id);
	map_before = k->copy ? k->copy->news->entry.map : NULL;
	retire(s, k->copy);
	k->copy = c;
	k->map_asked = false;
	if (c->news->entry.map && c->news->entry.map != map_before) tell_watches(s, k);
}

void seating_take_gone(struct mail *m, void *ctx)
{
	struct seating *s = ctx;
	struct seating_gone *gone = container_of(m, struct seating_gone, mail);
	struct known *k = s->closed ? NULL : known_of(s, gone->schedule);

	if (k) known_drop(s, k);
	free(gone);
}

void seating_take_poll(struct mail *m, void *ctx)
{
	struct seating *s = ctx;
	struct seating_poll *p = container_of(m, struct seating_poll, mail);

	s->poll = p->poll;
	s->polled_ms = p->as_of_ms;
	free(p);
}

void seating_take_answer(struct mail *m, void *ctx)
{
	struct seating *s = ctx;
	struct seating_request *r = container_of(m, struct seating_request, mail);
	struct known *k = s->closed ? NULL : known_of(s, r->schedule);

	s->asking--;
	if (k) k->map_asked = false;
	if (!s->closed) {
		if (r->ret_found) *r->ret_found = r->found;
		port_answer(r->call, r->err);
	}
	free(r);
}

void seating_post(struct seating *s, struct mail *m)
{
	mailbox_post(&s->mailbox, m);
}

/* What it knows */

static void note_use(_Atomic int64_t *used_ms, int64_t now_ms)
{
	/* Shared by all shards: written seldom, so that the line stays in their caches. */
	if (now_ms - atomic_load_explicit(used_ms, memory_order_relaxed) < USE_NOTE_MS) return;
	atomic_store_explicit(used_ms, now_ms, memory_order_relaxed);
}

static int64_t row_as_of(const struct seating *s, const struct seating_news *n)
{
	return s->poll >= n->first_poll && s->polled_ms > n->row_as_of_ms ? s->polled_ms : n->row_as_of_ms;
}

static const struct seating_entry *find(struct seating *s, int64_t schedule, int64_t good_ms)
{
	const struct known *k = known_of(s, schedule);
	int64_t now = loop_now_ms(s->loop);

	if (!k || !k->copy || now - row_as_of(s, k->copy->news) > good_ms) return NULL;
	note_use(&k->copy->news->use->used_ms, now);
	return &k->copy->news->entry;
}

const struct seating_entry *seating_find(struct seating *s, int64_t schedule)
{
	return find(s, schedule, ROW_GOOD_MS);
}

const struct seating_entry *seating_find_last(struct seating *s, int64_t schedule)
{
	return find(s, schedule, INT64_MAX);
}

struct seat_map *seating_map(struct seating *s, int64_t schedule)
{
	struct known *k = known_of(s, schedule);
	int64_t now = loop_now_ms(s->loop), age;

	if (!k || !k->copy || !k->copy->news->entry.map) return NULL;
	note_use(&k->copy->news->use->used_ms, now);
	note_use(&k->copy->news->use->map_used_ms, now);
	age = now - k->copy->news->entry.map_as_of_ms;
	if (age > MAP_NEXT_MS && !k->map_asked) {
		k->map_asked = true;
		seating_request(s, WANT_NEXT_MAP, NEED_MAP, schedule, NULL, NULL);
	}
	return age <= MAP_GOOD_MS ? k->copy->news->entry.map : NULL;
}

/* Asking */

void seating_request(struct seating *s, enum seating_want want, enum seating_need need, int64_t schedule,
	struct port_call *call, bool *ret_found)
{
	struct seating_request *r;

	if (call && s->asking >= ASKING_MAX) {
		port_answer(call, TK_ERR(TK_UNAVAILABLE, "too many wait for the owner of the seating"));
		return;
	}
	r = mem_must(calloc(1, sizeof *r));
	*r = (struct seating_request){
		.mail.deliver = s->owner.take,
		.from = s,
		.want = want,
		.need = need,
		.schedule = schedule,
		.call = call,
		.ret_found = ret_found,
	};
	if (call) s->asking++;
	mailbox_post(s->owner.mailbox, &r->mail);
}

static bool is_known_already(struct seating *s, const struct seating_ask *a)
{
	const struct known *k = known_of(s, a->schedule);

	if (a->need == NEED_MAP) return seating_map(s, a->schedule) != NULL;
	if (a->need == NEED_RELOAD || a->need == NEED_QUEUE || !seating_find(s, a->schedule)) return false;
	return a->need == NEED_SCHEDULE || loop_now_ms(s->loop) - k->copy->news->plan_as_of_ms <= PLAN_FRESH_MS;
}

void seating_ask(struct seating *s, struct seating_ask *a)
{
	a->found = is_known_already(s, a);
	if (a->found) {
		port_answer(&a->call, TK_NONE);
		return;
	}
	seating_request(s, WANT_ANSWER, a->need, a->schedule, &a->call, &a->found);
}

void seating_mend(struct seating *s, int64_t schedule)
{
	seating_request(s, WANT_MEND, NEED_RELOAD, schedule, NULL, NULL);
}

/* Watching */

void seating_watch(struct seating *s, struct seating_watch *w)
{
	struct known *k = known_need(s, w->schedule);

	if (TAILQ_EMPTY(&k->watches)) seating_request(s, WANT_WATCH, NEED_MAP, w->schedule, NULL, NULL);
	TAILQ_INSERT_TAIL(&k->watches, w, link);
}

void seating_unwatch(struct seating *s, struct seating_watch *w)
{
	struct known *k = known_of(s, w->schedule);

	if (s->next_watch == w) s->next_watch = TAILQ_NEXT(w, link);
	TAILQ_REMOVE(&k->watches, w, link);
	if (!TAILQ_EMPTY(&k->watches)) return;
	seating_request(s, WANT_UNWATCH, NEED_MAP, w->schedule, NULL, NULL);
	if (!k->copy) known_drop(s, k);
}

/* Life */

struct seating *seating_open(struct loop *shard_loop, const struct seating_owner *owner)
{
	struct seating *s = mem_must(calloc(1, sizeof *s));

	s->loop = shard_loop;
	s->owner = *owner;
	if (mailbox_init(&s->mailbox, shard_loop, s) < 0) {
		free(s);
		return NULL;
	}
	s->retire.before_sleep = free_retired;
	hook_add(shard_loop, &s->retire);
	return s;
}

static void free_known(struct seating *s)
{
	struct id_node *n, *next;

	for (n = id_table_next(&s->table, NULL); n; n = next) {
		struct known *k = container_of(n, struct known, node);

		next = id_table_next(&s->table, n);
		copy_free(k->copy);
		free(k);
	}
	id_table_finish(&s->table);
}

void seating_close(struct seating *s)
{
	if (!s) return;
	s->closed = true;
	mailbox_finish(&s->mailbox);
	hook_remove(s->loop, &s->retire);
	free_retired(&s->retire);
	free_known(s);
	free(s);
}
