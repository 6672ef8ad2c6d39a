#include "api/jobs/rooms.h"

#include <stdio.h>
#include <sys/random.h>

#include "runtime/mem.h"

enum { IDLE_MS = 60000, SIGHT_IDLE_MS = 3000, ROW_GOOD_MS = 10000, GAUGE_MS = 2000 };

static const short WAIT_BOUND_S[ROOM_WAITS] = {1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600};

/* The table */

struct room *room_find(const struct rooms *r, int64_t schedule)
{
	struct id_node *n = id_table_find(&r->table, schedule);

	return n ? container_of(n, struct room, node) : NULL;
}

struct room *room_next(const struct rooms *r, const struct room *m)
{
	struct id_node *n = id_table_next(&r->table, m ? &m->node : NULL);

	return n ? container_of(n, struct room, node) : NULL;
}

static struct queue_use *use_create(int64_t now_ms)
{
	struct queue_use *u = mem_must(calloc(1, sizeof *u));

	atomic_init(&u->refs, 1);
	atomic_init(&u->used_ms, now_ms);
	atomic_init(&u->sight_used_ms, INT64_MIN / 2);
	return u;
}

void room_forget_uses(struct room *m)
{
	m->uses = m->uses_asked = -1;
	m->uses_end = INT64_MAX;
}

struct room *room_need(struct rooms *r, int64_t schedule)
{
	struct room *m = room_find(r, schedule);

	if (m || r->table.count >= ROOMS_MAX) return m;
	m = mem_must(calloc(1, sizeof *m));
	m->node.id = schedule;
	m->use = use_create(hub_now(r->b->hub));
	m->draw_opens_ms = TIME_NONE;
	m->drawn = -1;
	room_forget_uses(m);
	pthread_mutex_lock(&r->metrics_lock);
	id_table_add(&r->table, &m->node);
	pthread_mutex_unlock(&r->metrics_lock);
	return m;
}

static void room_drop(struct rooms *r, struct room *m)
{
	pthread_mutex_lock(&r->metrics_lock);
	id_table_remove(&r->table, &m->node);
	pthread_mutex_unlock(&r->metrics_lock);
	queue_use_unref(m->use);
	queue_line_unref(m->line);
	free(m);
}

/* Telling the shards */

static struct queue_news *make_news(const struct room *m)
{
	struct queue_news *n = mem_must(calloc(1, sizeof *n));

	atomic_init(&n->refs, 1);
	n->schedule = m->node.id;
	n->steered = m->steered;
	n->looked = m->looked;
	n->setting = m->setting;
	n->sold_out = m->sold_out;
	n->looked_ms = m->looked_ms;
	n->look = m->look;
	n->line = m->line;
	if (n->line) atomic_fetch_add_explicit(&n->line->refs, 1, memory_order_relaxed);
	n->use = m->use;
	atomic_fetch_add_explicit(&n->use->refs, 1, memory_order_relaxed);
	return n;
}

void room_publish(struct rooms *r, const struct room *m)
{
	struct queue_news *n;

	if (r->ended) return;
	n = make_news(m);
	for (unsigned i = 0; i < r->board_count; i++) {
		struct queue_copy *c = mem_must(calloc(1, sizeof *c));

		c->mail.deliver = queue_board_take_copy;
		c->news = queue_news_ref(n);
		queue_board_post(r->boards[i], &c->mail);
	}
	queue_news_unref(n);
}

static void publish_gone(struct rooms *r, int64_t schedule)
{
	for (unsigned i = 0; i < r->board_count && !r->ended; i++) {
		struct queue_gone *gone = mem_must(calloc(1, sizeof *gone));

		gone->mail.deliver = queue_board_take_gone;
		gone->schedule = schedule;
		queue_board_post(r->boards[i], &gone->mail);
	}
}

/* Who wants what */

static int64_t since(const struct rooms *r, const _Atomic int64_t *used_ms)
{
	return hub_now(r->b->hub) - atomic_load_explicit(used_ms, memory_order_relaxed);
}

bool room_is_watched(const struct room *m)
{
	return atomic_load_explicit(&m->use->watchers, memory_order_relaxed) > 0;
}

static bool sight_is_asked(const struct room *m)
{
	for (const struct queue_request *q = m->asks; q; q = q->next) {
		if (q->sight) return true;
	}
	return false;
}

bool room_is_wanted(const struct rooms *r, const struct room *m)
{
	if (room_is_watched(m) || since(r, &m->use->sight_used_ms) <= SIGHT_IDLE_MS || sight_is_asked(m)) return true;
	/* Only who admits hears how it stands; the others' gauges are to be true as well. */
	return m->open && !m->mine && hub_now(r->b->hub) - m->looked_ms > GAUGE_MS;
}

static bool may_go(const struct rooms *r, const struct room *m)
{
	if (m->open || m->draw || m->asks || room_is_watched(m)) return false;
	return since(r, &m->use->used_ms) > IDLE_MS;
}

void rooms_let_idle_go(struct rooms *r)
{
	for (struct room *m = room_next(r, NULL), *next; m; m = next) {
		next = room_next(r, m);
		if (!may_go(r, m)) continue;
		publish_gone(r, m->node.id);
		room_drop(r, m);
	}
}

/* Requests of the shards */

static void answer(struct queue_request *q, struct tk_err err)
{
	if (tk_failed(err) && err.kind != TK_INTERNAL) err.kind = TK_UNAVAILABLE;
	q->err = err;
	q->mail.deliver = queue_board_take_answer;
	queue_board_post(q->from, &q->mail);
}

/* Whoever asks for a sight needs both. */
static bool concerns(const struct room *m, const struct queue_request *q, bool sight, struct tk_err err)
{
	if (q->sight && !m->steered) return !sight && tk_failed(err);
	return q->sight == sight;
}

void room_answer(struct room *m, bool sight, struct tk_err err)
{
	struct queue_request *all = m->asks;

	m->asks = NULL;
	for (struct queue_request *next; all; all = next) {
		next = all->next;
		if (concerns(m, all, sight, err)) {
			answer(all, err);
			continue;
		}
		all->next = m->asks;
		m->asks = all;
	}
}

void rooms_take_request(struct mail *mail, void *backstage)
{
	struct queue_request *q = container_of(mail, struct queue_request, mail);
	struct backstage *b = backstage;
	struct rooms *r = b->rooms;
	struct room *m;

	if (r->ended) {
		free(q);
		return;
	}
	m = b->hub->closed || (q->sight && !b->ports.queue) ? NULL : room_need(r, q->schedule);
	if (!m) {
		answer(q, TK_ERR(TK_UNAVAILABLE, "no room to be had"));
		return;
	}
	atomic_store_explicit(&m->use->used_ms, hub_now(b->hub), memory_order_relaxed);
	q->next = m->asks;
	m->asks = q;
	if (!q->sight || !m->steered) job_kick(b->job[JOB_STEER]);
	if (q->sight) job_kick(b->job[JOB_LOOK]);
}

/* What the store must be told */

struct queue_rules room_rules(const struct rooms *r, const struct schedule *s)
{
	struct queue_rules rules = r->rules;

	rules.opens_at_ms = s->sale_opens_at_ms;
	return rules;
}

const struct schedule *room_schedule(struct rooms *r, const struct room *m)
{
	struct hub *h = r->b->hub;
	struct hub_entry *e = hub_find(h, m->node.id);

	if (e && e->known && hub_now(h) - hub_row_as_of(h, e) <= ROW_GOOD_MS) {
		atomic_store_explicit(&e->use->used_ms, hub_now(h), memory_order_relaxed);
		return &e->schedule;
	}
	e = hub_need(h, m->node.id);
	if (!h->closed && !e->flight[FLIGHT_LOOK]) flight_join(h, e, FLIGHT_LOOK, NULL);
	return NULL;
}

/* Metrics */

void rooms_note_wait(struct rooms *r, int64_t waited_ms, int64_t users)
{
	unsigned i = 0;

	while (i < ROOM_WAITS && waited_ms > WAIT_BOUND_S[i] * 1000) i++;
	atomic_fetch_add_explicit(&r->waited[i], users, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->waited_sum_ms, waited_ms * users, memory_order_relaxed);
}

static void write_waits(struct rooms *r, struct metrics_out *out)
{
	static const char NAME[] = "ticket_queue_wait_seconds";
	int64_t sum_ms = atomic_load_explicit(&r->waited_sum_ms, memory_order_relaxed), count = 0;
	char label[24];

	metrics_write_family(out, NAME, METRIC_HISTOGRAM, "How long those who were admitted had waited");
	for (unsigned i = 0; i <= ROOM_WAITS; i++) {
		count += atomic_load_explicit(&r->waited[i], memory_order_relaxed);
		if (i < ROOM_WAITS) snprintf(label, sizeof label, "le=\"%d.0\"", WAIT_BOUND_S[i]);
		else snprintf(label, sizeof label, "le=\"+Inf\"");
		metrics_write_sample(out, "ticket_queue_wait_seconds_bucket", label, (double)count);
	}
	metrics_write_sample(out, "ticket_queue_wait_seconds_sum", NULL, (double)sum_ms / 1000);
	metrics_write_sample(out, "ticket_queue_wait_seconds_count", NULL, (double)count);
}

static void write_standing(struct rooms *r, struct metrics_out *out)
{
	static const struct {
		const char *name, *doc;
		size_t offset;
	} GAUGE[] = {
		{"ticket_queue_waiting", "Users who wait, by schedule", offsetof(struct room, waiting)},
		{"ticket_queue_active", "Users who are admitted, by schedule", offsetof(struct room, active)},
	};
	char label[60];

	pthread_mutex_lock(&r->metrics_lock);
	for (size_t i = 0; i < sizeof GAUGE / sizeof *GAUGE; i++) {
		metrics_write_family(out, GAUGE[i].name, METRIC_GAUGE, GAUGE[i].doc);
		for (const struct room *m = room_next(r, NULL); m; m = room_next(r, m)) {
			const _Atomic int64_t *v = (const void *)((const char *)m + GAUGE[i].offset);

			snprintf(label, sizeof label, "schedule=\"%lld\"", (long long)m->node.id);
			metrics_write_sample(out, GAUGE[i].name, label, (double)atomic_load_explicit(v, memory_order_relaxed));
		}
	}
	pthread_mutex_unlock(&r->metrics_lock);
}

void rooms_collect(struct rooms *r, struct metrics_out *out)
{
	if (!r->b->ports.queue) return;
	write_standing(r, out);
	write_waits(r, out);
}

/* Life */

struct rooms *rooms_create(struct backstage *b)
{
	struct rooms *r = mem_must(calloc(1, sizeof *r));
	const struct config *c = b->ports.config;

	r->b = b;
	pthread_mutex_init(&r->metrics_lock, NULL);
	if (getrandom(&r->daemon, sizeof r->daemon, 0) != sizeof r->daemon) abort();
	r->rules = (struct queue_rules){
		.opens_at_ms = TIME_NONE,
		.active_ttl_ms = c->queue_active_ttl_s * 1000,
		.claim_ttl_ms = c->queue_claim_ttl_s * 1000,
		.grace_ms = c->queue_wait_grace_s * 1000,
	};
	return r;
}

void rooms_add_board(struct rooms *r, struct queue_board *b)
{
	r->boards = mem_must(realloc(r->boards, (r->board_count + 1) * sizeof(struct queue_board *)));
	r->boards[r->board_count++] = b;
}

static void free_asks(struct queue_request *q)
{
	for (struct queue_request *next; q; q = next) {
		next = q->next;
		free(q);
	}
}

void rooms_destroy(struct rooms *r)
{
	if (!r) return;
	r->ended = true;
	for (struct room *m = room_next(r, NULL), *next; m; m = next) {
		next = room_next(r, m);
		free_asks(m->asks);
		room_drop(r, m);
	}
	id_table_finish(&r->table);
	pthread_mutex_destroy(&r->metrics_lock);
	free(r->boards);
	free(r);
}
