/* Places of streams, kept up to date from the published line: a search each, no look-up in the store. Only who is not in
 * the line any more, or has not been heard of for long, is asked for, up to QUEUE_BATCH_MAX in one call. */
#include "api/app/queue_board_inside.h"
#include "runtime/mem.h"
#include "runtime/when.h"

/* How often an admitted place is looked at (it may be used, given back, or run out), and one that is over (its owner may
 * have entered again elsewhere). */
enum { ACTIVE_MS = 2000, OVER_MS = 5000, HEARINGS_A_GRACE = 4 };

/* --- places in the line --- */

static bool in_line(const struct queue_watch *w)
{
	return w->place.status == QUEUE_WAITING || w->place.status == QUEUE_SOLD_OUT;
}

static ssize_t find_number(const struct queue_line *l, int64_t number)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->users_numbers[mid][1] < number) low = mid + 1;
		else high = mid;
	}
	return low < l->count && l->users_numbers[low][1] == number ? (ssize_t)low : -1;
}

static bool is_covered(const struct queue_line *l, int64_t number)
{
	return l->whole || (l->count && number <= l->users_numbers[l->count - 1][1]);
}

static void tell(struct queue_watch *w, const struct queue_place *p)
{
	bool same = p->status == w->place.status && p->number == w->place.number && p->rank == w->place.rank &&
		p->total == w->place.total && p->expires_ms == w->place.expires_ms;

	w->place = *p;
	if (!same) w->changed(w);
}

static int64_t total_of(const struct queue_news *n)
{
	int64_t in_line = n->line && n->line->whole ? (int64_t)n->line->count : 0;

	return n->look.waiting > in_line ? n->look.waiting : in_line;
}

static void stand_at(struct queue_watch *w, const struct queue_news *n, size_t at)
{
	struct queue_place p = w->place;

	w->doubted = w->missed = w->unplaced = false;
	p.number = n->line->users_numbers[at][1];
	p.epoch = queue_epoch_of(p.number);
	p.status = n->look.sold_out ? QUEUE_SOLD_OUT : QUEUE_WAITING;
	p.rank = n->look.sold_out ? -1 : (int64_t)at + 1;
	p.total = total_of(n);
	p.rate_milli = n->look.rate_milli;
	p.expires_ms = TIME_NONE;
	tell(w, &p);
}

static void see_waiting(struct queue_watch *w, const struct queue_news *n)
{
	ssize_t at = n->line ? find_number(n->line, w->place.number) : -1;

	if (at >= 0) stand_at(w, n, (size_t)at);
	else if (n->line && is_covered(n->line, w->place.number)) w->doubted = true;
}

static void see_early(struct queue_watch *w, const struct queue_news *n)
{
	struct queue_place p = w->place;

	if (n->look.pre == 0) { /* the draw is over */
		w->doubted = true;
		return;
	}
	p.total = n->look.waiting + n->look.pre;
	tell(w, &p);
}

/* --- who waits without a known number: found by user --- */

struct standing {
	int64_t user; /* first: they are ordered as users are */
	size_t at;
};

static int compare_users(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct standing *by_user(const struct queue_line *l)
{
	struct standing *s = mem_must(calloc(l->count + 1, sizeof *s));

	for (size_t i = 0; i < l->count; i++) s[i] = (struct standing){l->users_numbers[i][0], i};
	qsort(s, l->count, sizeof *s, compare_users);
	return s;
}

static void place_unplaced(struct queue_known *k, const struct queue_news *n)
{
	struct standing *all = by_user(n->line);

	for (struct queue_watch *w = TAILQ_FIRST(&k->watches); w; w = k->next_watch) {
		const struct standing *s;

		k->next_watch = TAILQ_NEXT(w, link);
		if (!w->unplaced) continue;
		s = bsearch(&w->user, all, n->line->count, sizeof *all, compare_users);
		if (s) stand_at(w, n, s->at);
		else if (n->line->whole) w->doubted = true;
	}
	free(all);
}

/* --- hearing --- */

static int64_t hear_each_ms(const struct queue_known *k, const struct queue_watch *w)
{
	int64_t grace = k->board->ports.rules.grace_ms;

	switch (w->place.status) {
	case QUEUE_ACTIVE: return ACTIVE_MS;
	case QUEUE_USED:
	case QUEUE_EXPIRED:
	case QUEUE_NOBODY: return OVER_MS;
	default: return grace > 0 ? grace / HEARINGS_A_GRACE : INT64_MAX;
	}
}

static bool is_due(const struct queue_known *k, const struct queue_watch *w)
{
	return w->doubted || loop_now_ms(k->board->ports.loop) - w->heard_ms >= hear_each_ms(k, w);
}

/* Users by their ids; one may watch twice, and is asked for twice. */
static unsigned choose(struct queue_known *k)
{
	struct queue_hearing *h = k->hearing;
	struct queue_watch *w;
	unsigned n = 0;

	TAILQ_FOREACH(w, &k->watches, link)
	{
		if (n == QUEUE_BATCH_MAX) break;
		if (!is_due(k, w)) continue;
		w->heard_ms = loop_now_ms(k->board->ports.loop);
		w->doubted = false;
		w->asked = true;
		h->users[n++] = w->user;
	}
	qsort(h->users, n, sizeof *h->users, compare_users);
	return n;
}

/* The number is the store's: the line may never have shown it, as when the draw and the admission follow at once. */
static void no_longer_waits(struct queue_watch *w, enum queue_status status, int64_t number, int64_t ends_ms)
{
	struct queue_place p = w->place;

	w->unplaced = w->missed = false;
	p.status = status;
	if (status == QUEUE_ACTIVE) {
		p.number = number;
		p.epoch = queue_epoch_of(number);
	}
	p.rank = status == QUEUE_ACTIVE ? 0 : -1;
	p.expires_ms = status == QUEUE_ACTIVE ? ends_ms : TIME_NONE;
	tell(w, &p);
}

/* In the line, says the store. A line that was read before may not have shown it; if the next one does not either, the
 * number is another one by now. */
static void waits_somewhere(struct queue_watch *w)
{
	if (in_line(w) && !w->missed) {
		w->missed = true;
		return;
	}
	w->unplaced = true;
}

static void learn(struct queue_watch *w, enum queue_status status, int64_t number, int64_t ends_ms)
{
	switch (status) {
	case QUEUE_WAITING:
	case QUEUE_SOLD_OUT:
		if (!w->unplaced) waits_somewhere(w);
		return;
	case QUEUE_PRE: return;
	default: no_longer_waits(w, status, number, ends_ms);
	}
}

static void hear(struct flow *f)
{
	struct queue_hearing *h = container_of(f, struct queue_hearing, flow);
	struct queue_known *k = h->known;

	h->call.call.flow = f;
	h->call.schedule = k->node.id;
	h->call.users = h->users;
	h->call.status = h->status;
	h->call.ends_ms = h->ends_ms;
	h->call.numbers = h->numbers;
	h->call.rules = k->board->ports.rules;
	k->board->ports.store->hear(k->board->ports.store, &h->call);
}

static void learn_all(struct queue_known *k, bool answered)
{
	struct queue_hearing *h = k->hearing;

	for (struct queue_watch *w = TAILQ_FIRST(&k->watches); w; w = k->next_watch) {
		k->next_watch = TAILQ_NEXT(w, link);
		if (!w->asked) continue;
		w->asked = false;
		const int64_t *at = bsearch(&w->user, h->users, h->call.count, sizeof *h->users, compare_users);
		if (!answered) w->doubted = true; /* with the next news */
		if (!answered || !at) continue;
		size_t i = (size_t)(at - h->users);
		learn(w, (enum queue_status)h->status[i], h->numbers[i], h->ends_ms[i]);
	}
}

static int heard(struct flow *f)
{
	struct queue_hearing *h = container_of(f, struct queue_hearing, flow);
	struct queue_known *k = h->known;
	bool answered = !tk_failed(f->err) && !h->call.new_life;

	if (k->board->closed) return FLOW_END;
	learn_all(k, answered);
	if (h->call.count < QUEUE_BATCH_MAX) return FLOW_END; /* who has become due since then waits for the next news */
	return answered && (h->call.count = choose(k)) > 0 ? 0 : FLOW_END;
}

static const struct flow_step STEPS[] = {{"hear", hear, heard}};

static void hearing_done(struct flow *f)
{
	struct queue_hearing *h = container_of(f, struct queue_hearing, flow);
	struct queue_known *k = h->known;

	h->under_way = false;
	if (!k->board->closed) queue_known_tidy(k);
}

static void hear_the_due(struct queue_known *k)
{
	struct queue_hearing *h = k->hearing;

	if (h->under_way || (h->call.count = choose(k)) == 0) return;
	h->under_way = true;
	flow_start(&h->flow, STEPS, 0, hearing_done);
}

/* --- news --- */

static void look_at(struct queue_watch *w, const struct queue_news *n)
{
	if (w->unplaced || w->asked) return;
	if (in_line(w)) see_waiting(w, n);
	else if (w->place.status == QUEUE_PRE) see_early(w, n);
}

/* How far back the line is needed. */
static void want_line(const struct queue_news *n, int64_t to)
{
	int64_t seen = atomic_load_explicit(&n->use->watched_to, memory_order_relaxed);

	while (seen < to && !atomic_compare_exchange_weak(&n->use->watched_to, &seen, to)) continue;
}

void queue_watches_see(struct queue_known *k)
{
	struct queue_news *n = queue_news_ref(k->copy->news);
	bool unplaced = false;
	int64_t to = 0;

	for (struct queue_watch *w = TAILQ_FIRST(&k->watches); w && n->looked; w = k->next_watch) {
		k->next_watch = TAILQ_NEXT(w, link);
		if (in_line(w) && w->place.number > to) to = w->place.number;
		unplaced = unplaced || w->unplaced;
		look_at(w, n);
	}
	if (unplaced && n->line) place_unplaced(k, n);
	want_line(n, unplaced ? INT64_MAX : to);
	if (n->looked && !TAILQ_EMPTY(&k->watches)) hear_the_due(k);
	queue_news_unref(n);
}

/* --- watching --- */

void queue_board_watch(struct queue_board *b, struct queue_watch *w)
{
	struct queue_known *k = queue_known_need(b, w->schedule);

	if (!k->hearing) {
		k->hearing = mem_must(calloc(1, sizeof *k->hearing));
		k->hearing->known = k;
	}
	w->doubted = w->unplaced = w->missed = w->asked = false;
	w->heard_ms = loop_now_ms(b->ports.loop);
	w->use = NULL;
	TAILQ_INSERT_TAIL(&k->watches, w, link);
	if (!k->copy) return;
	w->use = k->copy->news->use;
	atomic_fetch_add_explicit(&w->use->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->use->watchers, 1, memory_order_relaxed);
	if (in_line(w)) want_line(k->copy->news, w->place.number);
}

void queue_board_unwatch(struct queue_board *b, struct queue_watch *w)
{
	struct queue_known *k = queue_known_of(b, w->schedule);

	if (k->next_watch == w) k->next_watch = TAILQ_NEXT(w, link);
	TAILQ_REMOVE(&k->watches, w, link);
	if (w->use) atomic_fetch_sub_explicit(&w->use->watchers, 1, memory_order_relaxed);
	queue_use_unref(w->use);
	queue_known_tidy(k);
}
