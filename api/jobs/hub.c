#include "api/jobs/hub.h"

#include "runtime/mem.h"

enum { ENTRIES_MAX = 10000 };
/* What the caches may cost: a seat's plan takes ~100 bytes, its map ~350. */
enum { PLAN_SEATS_MAX = 4000000, MAP_SEATS_MAX = 1000000 };

/* Entries */

struct hub_entry *hub_find(const struct hub *h, int64_t schedule)
{
	struct id_node *n = id_table_find(&h->table, schedule);

	return n ? container_of(n, struct hub_entry, node) : NULL;
}

struct hub_entry *hub_next(const struct hub *h, const struct hub_entry *e)
{
	struct id_node *n = id_table_next(&h->table, e ? &e->node : NULL);

	return n ? container_of(n, struct hub_entry, node) : NULL;
}

struct hub_entry *hub_need(struct hub *h, int64_t schedule)
{
	struct hub_entry *e = hub_find(h, schedule);

	if (e) return e;
	e = mem_must(calloc(1, sizeof *e));
	e->node.id = schedule;
	e->mend_tried_ms = hub_now(h);
	id_table_add(&h->table, &e->node);
	return e;
}

static bool has_flights(const struct hub_entry *e)
{
	for (int kind = 0; kind < FLIGHTS; kind++) {
		if (e->flight[kind]) return true;
	}
	return false;
}

void hub_tidy(struct hub *h, struct hub_entry *e)
{
	if (e->known || e->marked || e->watches || has_flights(e)) return;
	id_table_remove(&h->table, &e->node);
	free(e);
}

static void set_map(struct hub *h, struct hub_entry *e, struct seat_map *m)
{
	if (e->map) h->map_seats -= e->map->plan->count;
	if (m) h->map_seats += m->plan->count;
	seat_map_unref(e->map);
	e->map = m;
}

static void set_plan(struct hub *h, struct hub_entry *e, struct seat_plan *p)
{
	if (e->plan) h->plan_seats -= e->plan->count;
	if (p) h->plan_seats += p->count;
	seat_plan_unref(e->plan);
	e->plan = p;
}

static void clear_entry(struct hub *h, struct hub_entry *e)
{
	set_map(h, e, NULL);
	set_plan(h, e, NULL);
	seating_use_unref(e->use);
	e->use = NULL;
	if (e->known) h->known--;
	e->known = false;
}

/* Telling the shards */

static struct seating_news *make_news(const struct hub_entry *e)
{
	struct seating_news *n = mem_must(calloc(1, sizeof *n));

	atomic_init(&n->refs, 1);
	n->entry.schedule = e->schedule;
	n->entry.plan = seat_plan_ref(e->plan);
	if (e->map) n->entry.map = seat_map_ref(e->map);
	n->entry.map_as_of_ms = e->map_as_of_ms;
	n->row_as_of_ms = e->row_as_of_ms;
	n->plan_as_of_ms = e->plan_as_of_ms;
	n->first_poll = e->first_poll;
	atomic_fetch_add_explicit(&e->use->refs, 1, memory_order_relaxed);
	n->use = e->use;
	return n;
}

static void publish(struct hub *h, const struct hub_entry *e)
{
	struct seating_news *n;

	if (h->ended || !e->known) return;
	n = make_news(e);
	for (unsigned i = 0; i < h->shard_count; i++) {
		struct seating_copy *c = mem_must(calloc(1, sizeof *c));

		c->mail.deliver = seating_take_copy;
		c->news = seating_news_ref(n);
		seating_post(h->shards[i], &c->mail);
	}
	seating_news_unref(n);
}

static void publish_gone(struct hub *h, int64_t schedule)
{
	for (unsigned i = 0; i < h->shard_count && !h->ended; i++) {
		struct seating_gone *gone = mem_must(calloc(1, sizeof *gone));

		gone->mail.deliver = seating_take_gone;
		gone->schedule = schedule;
		seating_post(h->shards[i], &gone->mail);
	}
}

void hub_learn_poll(struct hub *h, uint64_t poll, int64_t as_of_ms)
{
	h->good_poll = poll;
	h->polled_ms = as_of_ms;
	for (unsigned i = 0; i < h->shard_count && !h->ended; i++) {
		struct seating_poll *p = mem_must(calloc(1, sizeof *p));

		*p = (struct seating_poll){.mail.deliver = seating_take_poll, .poll = poll, .as_of_ms = as_of_ms};
		seating_post(h->shards[i], &p->mail);
	}
}

void hub_forget(struct hub *h, struct hub_entry *e)
{
	if (e->known) publish_gone(h, e->node.id);
	clear_entry(h, e);
	hub_tidy(h, e);
}

void hub_drop_map(struct hub *h, struct hub_entry *e)
{
	set_map(h, e, NULL);
	publish(h, e);
}

/* Caps */

static int64_t used_ms(const struct hub_entry *e)
{
	return atomic_load_explicit(&e->use->used_ms, memory_order_relaxed);
}

static int64_t map_used_ms(const struct hub_entry *e)
{
	return atomic_load_explicit(&e->use->map_used_ms, memory_order_relaxed);
}

static bool may_go(const struct hub_entry *e, const struct hub_entry *spare)
{
	return e != spare && e->known && !e->watches && !e->marked && !has_flights(e);
}

static struct hub_entry *oldest(
	const struct hub *h, const struct hub_entry *spare, bool with_map, int64_t (*when)(const struct hub_entry *e))
{
	struct hub_entry *found = NULL;

	for (struct hub_entry *e = hub_next(h, NULL); e; e = hub_next(h, e)) {
		if (!may_go(e, spare) || (with_map && !e->map)) continue;
		if (!found || when(e) < when(found)) found = e;
	}
	return found;
}

static void keep_caps(struct hub *h, const struct hub_entry *spare)
{
	struct hub_entry *e;

	while (h->known > ENTRIES_MAX || h->plan_seats > PLAN_SEATS_MAX) {
		if (!(e = oldest(h, spare, false, used_ms))) break;
		hub_forget(h, e);
	}
	while (h->map_seats > MAP_SEATS_MAX) {
		if (!(e = oldest(h, spare, true, map_used_ms))) break;
		hub_drop_map(h, e);
	}
}

/* Learning */

static bool same_row(const struct schedule *a, const struct schedule *b)
{
	return a->concert_id == b->concert_id && a->show_at_ms == b->show_at_ms &&
		a->sale_opens_at_ms == b->sale_opens_at_ms && a->status == b->status && a->queue_required == b->queue_required;
}

static bool same_seats(const struct seat_plan *a, const struct seat_plan *b)
{
	if (a->count != b->count) return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct seat *s = &a->seats[i], *t = &b->seats[i];

		if (!seat_no_equal(&s->no, &t->no) || s->grade != t->grade || s->price_krw != t->price_krw ||
			strcmp(s->section, t->section) != 0)
			return false;
	}
	return true;
}

static void become_known(struct hub *h, struct hub_entry *e)
{
	e->known = true;
	h->known++;
	e->first_poll = h->poll + 1;
	e->row_as_of_ms = e->plan_as_of_ms = e->map_as_of_ms = 0;
	e->use = mem_must(calloc(1, sizeof *e->use));
	atomic_init(&e->use->refs, 1);
	atomic_init(&e->use->used_ms, hub_now(h));
	atomic_init(&e->use->map_used_ms, 0);
}

int64_t hub_row_as_of(const struct hub *h, const struct hub_entry *e)
{
	return h->good_poll >= e->first_poll && h->polled_ms > e->row_as_of_ms ? h->polled_ms : e->row_as_of_ms;
}

void hub_learn(struct hub *h, struct hub_entry *e, const struct schedule *row, struct seat_plan *plan, int64_t as_of_ms)
{
	if (!e->known) become_known(h, e);
	/* A poll that began later has seen a newer row. */
	if (as_of_ms >= hub_row_as_of(h, e)) {
		e->schedule = *row;
		e->row_as_of_ms = as_of_ms;
	}
	e->plan_as_of_ms = as_of_ms;
	if (e->plan && same_seats(e->plan, plan)) seat_plan_unref(plan); /* the old one has the map's texts */
	else set_plan(h, e, plan);
	publish(h, e);
	keep_caps(h, e);
}

void hub_learn_row(struct hub *h, struct hub_entry *e, const struct schedule *row, int64_t as_of_ms)
{
	if (as_of_ms < e->row_as_of_ms || same_row(&e->schedule, row)) return;
	e->schedule = *row;
	e->row_as_of_ms = as_of_ms;
	publish(h, e);
}

void hub_learn_map(struct hub *h, struct hub_entry *e, struct seat_plan *plan, uint8_t *status, int64_t as_of_ms)
{
	struct seat_map *m;

	if (!e->known || (e->map && as_of_ms < e->map_as_of_ms)) {
		free(status);
		return;
	}
	if (!e->map) atomic_store_explicit(&e->use->map_used_ms, hub_now(h), memory_order_relaxed);
	m = seat_map_build(e->node.id, plan, status, e->map);
	if (m) set_map(h, e, m);
	e->map_as_of_ms = as_of_ms;
	publish(h, e);
	keep_caps(h, e);
}

/* Life */

struct hub *hub_create(struct backstage *b)
{
	struct hub *h = mem_must(calloc(1, sizeof *h));

	h->b = b;
	return h;
}

void hub_add_shard(struct hub *h, struct seating *s)
{
	h->shards = mem_must(realloc(h->shards, (h->shard_count + 1) * sizeof(struct seating *)));
	h->shards[h->shard_count++] = s;
}

void hub_destroy(struct hub *h)
{
	if (!h) return;
	h->ended = true;
	for (struct hub_entry *e = hub_next(h, NULL), *next; e; e = next) {
		next = hub_next(h, e);
		clear_entry(h, e);
		free(e);
	}
	id_table_finish(&h->table);
	free(h->shards);
	free(h);
}
