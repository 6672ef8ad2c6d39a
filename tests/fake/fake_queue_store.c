#include "fake/fake_queue_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/when.h"

enum { PIECE = 200 };

struct fake_place {
	int64_t user, number;
	enum queue_status status; /* WAITING, ACTIVE, USED, EXPIRED */
	bool claimed;
	int64_t heard, until; /* heard -1: never; until: end of the admission, or when it is forgotten */
};
struct fake_early {
	int64_t user;
	bool left;
};
struct fake_span {
	int64_t low, high;
};

struct fake_line {
	int64_t schedule;
	uint32_t life;	  /* it was last alive under; 0: never */
	uint32_t born_in; /* the life that `birth` is of */
	int64_t birth;	  /* 0: none under way */
	struct fake_place *places;
	struct fake_early *early;
	struct fake_span *window, *turned, *samples; /* {when, how many}; {low, high}; {when, number} */
	int64_t *spent;
	unsigned place_count, early_count, window_count, turned_count, sample_count, spent_count;
	bool collecting, opened, open, sold, busy;
	int64_t frozen, first; /* early users when it opened, the number of the first of them */
	int64_t drawn;		   /* how many numbers the last draw had, from `first` on */
	int64_t seq, base, shift, ticked, serving, rate, sampled, uses;
	uint64_t daemon;
	int64_t lease_until;
	double credit, sum, weight;
};

static struct fake_queue_store *fake_of(struct queue_store *s)
{
	return container_of(s, struct fake_queue_store, port);
}

#define APPEND(array, count, ...)                                                                                      \
	((array) = mem_must(realloc((array), ((count) + 1) * sizeof *(array))), (array)[(count)++] = __VA_ARGS__)

static struct fake_line *line_of(struct fake_queue_store *f, int64_t schedule)
{
	for (unsigned i = 0; i < f->line_count; i++) {
		if (f->lines[i]->schedule == schedule) return f->lines[i];
	}
	struct fake_line *l = mem_must(calloc(1, sizeof *l));
	*l = (struct fake_line){.schedule = schedule, .rate = -1, .credit = 1e9};
	APPEND(f->lines, f->line_count, l);
	return l;
}

static void line_free(struct fake_line *l)
{
	free(l->places);
	free(l->early);
	free(l->window);
	free(l->turned);
	free(l->samples);
	free(l->spent);
	free(l);
}

/* --- a line --- */

static int64_t q_of(const struct fake_queue_store *f, const struct fake_line *l)
{
	int64_t stalled = f->now_ms - l->ticked;
	if (l->ticked && (stalled > QUEUE_STALL_MS || stalled < 0)) return l->ticked - l->shift;
	return f->now_ms - l->shift;
}

static struct fake_place *find(struct fake_line *l, int64_t user)
{
	for (unsigned i = 0; i < l->place_count; i++) {
		if (l->places[i].user == user) return &l->places[i];
	}
	return NULL;
}

static bool is(const struct fake_place *p, enum queue_status s)
{
	return p && p->status == s;
}

static struct fake_early *find_early(struct fake_line *l, int64_t user)
{
	for (unsigned i = 0; i < l->early_count; i++) {
		if (l->early[i].user == user) return &l->early[i];
	}
	return NULL;
}

static bool is_early(struct fake_line *l, int64_t user)
{
	const struct fake_early *e = find_early(l, user);
	return e && !e->left;
}

static int64_t count(const struct fake_line *l, enum queue_status s)
{
	int64_t n = 0;
	for (unsigned i = 0; i < l->place_count; i++) n += l->places[i].status == s;
	return n;
}

static bool before(const struct fake_place *a, const struct fake_place *b)
{
	return a->number != b->number ? a->number < b->number : a->user < b->user;
}

static int64_t rank_of(const struct fake_line *l, const struct fake_place *p)
{
	int64_t n = 1;
	for (unsigned i = 0; i < l->place_count; i++) n += l->places[i].status == QUEUE_WAITING && before(&l->places[i], p);
	return n;
}

static struct fake_place *nth_waiting(struct fake_line *l, int64_t rank)
{
	for (unsigned i = 0; i < l->place_count; i++) {
		struct fake_place *p = &l->places[i];
		if (p->status == QUEUE_WAITING && rank_of(l, p) == rank) return p;
	}
	return NULL;
}

static void spend(struct fake_line *l, int64_t number)
{
	if (number <= l->base) APPEND(l->spent, l->spent_count, number);
}

static void drop(struct fake_line *l, struct fake_place *p)
{
	spend(l, p->number);
	*p = l->places[--l->place_count];
}

static void remember(struct fake_queue_store *f, struct fake_line *l, struct fake_place *p, enum queue_status s)
{
	p->status = s;
	p->until = q_of(f, l) + QUEUE_REMEMBER_MS;
	spend(l, p->number);
}

static bool silent(const struct fake_line *l, const struct fake_place *p, int64_t q, int64_t grace)
{
	return grace > 0 && !l->sold && p->heard >= 0 && q - p->heard > grace;
}

static bool over(const struct fake_place *p, int64_t q)
{
	return p->until <= q;
}

static void claim(struct fake_place *p, int64_t q, int64_t ttl)
{
	if (!p->claimed) p->until = q + ttl;
	p->claimed = true;
}

static void wake(struct fake_queue_store *f, struct fake_line *l)
{
	l->open = true;
	if (!l->ticked) l->ticked = f->now_ms;
}

static void freeze(struct fake_line *l)
{
	l->collecting = false;
	l->opened = true;
	l->frozen = l->early_count;
	l->first = l->seq == l->base ? 1 : l->seq + 1;
	l->drawn = l->frozen;
	if (l->frozen && l->first + l->frozen - 1 > l->seq) l->seq = l->first + l->frozen - 1;
}

/* --- answers and faults --- */

static void act(struct fake_queue_store *f, enum fake_queue_call which, struct port_call *c,
	void (*doing)(struct fake_queue_store *, struct port_call *))
{
	struct fake_fault *fault = &f->fault[which];
	bool fails = fake_fault_hits(fault);
	f->calls[which]++;
	if (!fails || fault->after_acting) doing(f, c);
	fake_desk_answer(&f->desk, c, fails ? fault->err : TK_NONE);
}

#define CALL(type) struct type *k = container_of(c, struct type, call)
#define CALL_ON_LINE(type)                                                                                             \
	CALL(type);                                                                                                        \
	struct fake_line *l = line_of(f, k->schedule)

/* --- enter, status --- */

static void tell(struct fake_queue_store *f, struct fake_line *l, struct queue_place_call *k,
	const struct fake_place *p, enum queue_status s)
{
	k->verdict = QUEUE_PLACED;
	k->place = (struct queue_place){.status = s,
		.number = p ? p->number : 0,
		.rank = -1,
		.rate_milli = l->rate,
		.total = count(l, QUEUE_WAITING),
		.expires_ms = TIME_NONE};
	k->place.epoch = queue_epoch_of(k->place.number);
	if (s == QUEUE_WAITING) k->place.rank = rank_of(l, p);
	if (s == QUEUE_PRE) k->place.total += l->early_count;
	if (s != QUEUE_ACTIVE) return;
	k->place.rank = 0;
	k->place.expires_ms = p->until + f->now_ms - q_of(f, l);
}

static void tell_waiting(
	struct fake_queue_store *f, struct fake_line *l, struct queue_place_call *k, struct fake_place *p)
{
	if (k->rules.grace_ms) p->heard = q_of(f, l);
	tell(f, l, k, p, l->sold ? QUEUE_SOLD_OUT : QUEUE_WAITING);
}

/* By the store, in an earlier life; what had its turn there has lost nothing. */
static bool is_lost(const struct fake_line *l, int64_t number)
{
	if (number <= 0 || (number > l->base && number <= l->seq)) return false;
	for (unsigned i = 0; i < l->spent_count; i++) {
		if (l->spent[i] == number) return false;
	}
	for (unsigned i = 0; i < l->turned_count; i++) {
		if (number > l->turned[i].low && number <= l->turned[i].high) return false;
	}
	return true;
}

static void enter_early(struct fake_queue_store *f, struct fake_line *l, struct queue_place_call *k)
{
	APPEND(l->early, l->early_count, (struct fake_early){.user = k->user});
	if (!l->collecting) wake(f, l);
	l->collecting = true;
	tell(f, l, k, NULL, QUEUE_PRE);
}

static void enter_anew(struct fake_queue_store *f, struct fake_line *l, struct queue_place_call *k, int64_t token)
{
	if (f->now_ms < k->rules.opens_at_ms && !l->opened) {
		enter_early(f, l, k);
		return;
	}
	if (l->collecting) freeze(l);
	if (l->frozen && is_early(l, k->user)) {
		tell(f, l, k, NULL, QUEUE_PRE);
		return;
	}
	int64_t number = is_lost(l, token) ? token : l->seq + 1;
	if (number > l->seq) l->seq = number;
	APPEND(l->places, l->place_count,
		(struct fake_place){.user = k->user, .number = number, .status = QUEUE_WAITING, .heard = -1});
	if (count(l, QUEUE_WAITING) == 1) wake(f, l);
	tell_waiting(f, l, k, &l->places[l->place_count - 1]);
}

/* What stands there is told; false: nothing does (any more). */
static bool tell_standing(struct fake_queue_store *f, struct fake_line *l, struct queue_place_call *k)
{
	struct fake_place *p = find(l, k->user);
	int64_t q = q_of(f, l);
	if (is(p, QUEUE_ACTIVE) && !over(p, q)) {
		claim(p, q, k->rules.active_ttl_ms);
		tell(f, l, k, p, QUEUE_ACTIVE);
		return true;
	}
	if (is(p, QUEUE_WAITING) && !silent(l, p, q, k->rules.grace_ms)) {
		tell_waiting(f, l, k, p);
		return true;
	}
	if (is(p, QUEUE_WAITING)) drop(l, p);
	else if (p) return false;
	bool early = is_early(l, k->user) && (l->frozen || f->now_ms < k->rules.opens_at_ms);
	if (early) tell(f, l, k, NULL, QUEUE_PRE);
	return early;
}

static void do_enter(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_place_call);
	int64_t token = k->token_number;
	k->verdict = QUEUE_NEW_LIFE;
	if (l->life != f->life || tell_standing(f, l, k)) return;
	struct fake_place *p = find(l, k->user);
	if (is(p, QUEUE_ACTIVE)) remember(f, l, p, QUEUE_EXPIRED);
	if (l->sold) {
		tell(f, l, k, NULL, QUEUE_SOLD_OUT);
		return;
	}
	if (p && p->number == token) token = 0;
	if (p) drop(l, p);
	enter_anew(f, l, k, token);
}

static void do_status(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_place_call);
	k->verdict = QUEUE_NEW_LIFE;
	if (l->life != f->life) return;
	k->rules.opens_at_ms = INT64_MAX; /* who is early is told so until the draw is done */
	if (tell_standing(f, l, k)) return;
	struct fake_place *p = find(l, k->user);
	k->verdict = QUEUE_NO_PLACE;
	if (p) tell(f, l, k, p, p->status == QUEUE_ACTIVE ? QUEUE_EXPIRED : p->status);
}

/* --- leave, verify, used, look, slice, hear --- */

/* Is it the place with this number; or, with QUEUE_NUMBER_EARLY, of the draw? */
static bool is_of(const struct fake_line *l, const struct fake_place *p, int64_t number)
{
	if (number != QUEUE_NUMBER_EARLY) return p->number == number;
	return p->number >= l->first && p->number < l->first + l->drawn;
}

static void leave_early(struct fake_line *l, const struct queue_leave *k)
{
	struct fake_early *e = find_early(l, k->user);
	struct fake_place *p = find(l, k->user);
	if (!e) return;
	if (l->frozen && is(p, QUEUE_WAITING) && k->number && !is_of(l, p, k->number)) return;
	if (l->frozen && !is(p, QUEUE_WAITING) && k->number > 0) return;
	if (!l->frozen && k->number > 0) return;
	if (l->frozen) e->left = true;
	else *e = l->early[--l->early_count];
}

static void do_leave(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_leave);
	leave_early(l, k);
	struct fake_place *p = find(l, k->user);
	if (!p || (k->number && !is_of(l, p, k->number))) return;
	if (!k->expire) drop(l, p);
	else if (p->status == QUEUE_WAITING || p->status == QUEUE_ACTIVE) remember(f, l, p, QUEUE_EXPIRED);
}

static void do_verify(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_verify);
	struct fake_place *p = find(l, k->user);
	bool theirs = p && is_of(l, p, k->number ? k->number : QUEUE_NUMBER_EARLY);
	int64_t q = q_of(f, l);
	k->expires_in_ms = 0;
	k->verdict = VERIFY_NEW_LIFE;
	if (l->life != f->life) return;
	k->verdict = VERIFY_INVALID;
	if (is(p, QUEUE_ACTIVE) && theirs && !over(p, q)) {
		claim(p, q, k->rules.active_ttl_ms);
		k->verdict = VERIFY_ACTIVE;
		k->expires_in_ms = p->until - q;
	} else if (is(p, QUEUE_WAITING) && (theirs || k->number == 0) && !silent(l, p, q, k->rules.grace_ms)) {
		if (k->rules.grace_ms) p->heard = q;
		k->verdict = VERIFY_WAITING;
	} else if (!is(p, QUEUE_WAITING) && k->number == 0 && is_early(l, k->user)) {
		k->verdict = VERIFY_WAITING;
	}
}

static void do_used(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_used);
	if (l->life) l->uses += k->count;
	for (unsigned i = 0; i < k->count; i++) {
		struct fake_place *p = find(l, k->users[i]);
		if (is(p, QUEUE_ACTIVE)) remember(f, l, p, QUEUE_USED);
	}
}

static void do_look(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_look);
	k->new_life = l->life != f->life;
	k->waiting = count(l, QUEUE_WAITING);
	k->active = count(l, QUEUE_ACTIVE);
	k->pre = l->early_count;
	const struct fake_place *first = nth_waiting(l, 1);
	k->serving = l->serving < l->base && (!first || first->number > l->base) ? l->base : l->serving;
	k->rate_milli = l->rate;
	k->shift_ms = l->shift;
	k->sold_out = l->sold;
}

static void do_slice(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_slice);
	struct fake_place *p;
	k->count = 0;
	while (k->count < QUEUE_SLICE_MAX && (p = nth_waiting(l, k->offset + k->count + 1))) {
		k->users_numbers[k->count][0] = p->user;
		k->users_numbers[k->count++][1] = p->number;
	}
}

static void do_hear(struct fake_queue_store *f, struct port_call *c)
{
	CALL(queue_hear);
	k->new_life = line_of(f, k->schedule)->life != f->life;
	for (unsigned i = 0; i < k->count && !k->new_life; i++) {
		struct queue_place_call one = {.schedule = k->schedule, .user = k->users[i], .rules = k->rules};
		do_status(f, &one.call);
		k->status[i] = one.verdict == QUEUE_PLACED ? (uint8_t)one.place.status : QUEUE_NOBODY;
		if (k->ends_ms) k->ends_ms[i] = k->status[i] == QUEUE_ACTIVE ? one.place.expires_ms : TIME_NONE;
		if (k->numbers) k->numbers[i] = k->status[i] == QUEUE_ACTIVE ? one.place.number : 0;
	}
}

/* --- the draw, birth, revive, wake, open --- */

static void do_scan(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_scan_pre);
	uint64_t at = k->cursor;
	for (k->count = 0; at < l->early_count && k->count < QUEUE_BATCH_MAX; at++)
		k->users[k->count++] = l->early[at].user;
	k->cursor = at < l->early_count ? at : 0;
}

static void number_one(struct fake_queue_store *f, struct fake_line *l, int64_t user, int64_t number, int64_t grace)
{
	const struct fake_early *e = find_early(l, user);
	struct fake_place *p = find(l, user);
	if (e && e->left) return;
	if (!p) {
		APPEND(l->places, l->place_count, (struct fake_place){.user = user});
		p = &l->places[l->place_count - 1];
	}
	*p = (struct fake_place){.user = user, .number = number, .status = QUEUE_WAITING, .heard = grace ? q_of(f, l) : -1};
}

static void do_number(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_number_pre);
	k->mine = l->life == f->life && l->daemon == k->daemon && l->lease_until > f->now_ms;
	if (!k->mine || !l->frozen) return;
	for (unsigned i = 0; i < k->count; i++)
		number_one(f, l, k->users[i], l->first + k->first_number - 1 + i, k->rules.grace_ms);
	if (k->finish) l->frozen = l->early_count = 0;
}

static void do_birth(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_birth);
	k->birth = 0;
	if (l->life == f->life) return;
	if (!l->birth || l->born_in != f->life) l->birth = k->candidate;
	l->born_in = f->life;
	k->birth = l->birth;
}

static void do_revive(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_revive);
	k->revived = l->birth && l->birth == k->birth && l->born_in == f->life;
	if (!k->revived) return;
	l->birth = 0;
	int64_t above = k->epoch * QUEUE_EPOCH_NUMBERS;
	if (k->number_seen > above) above = k->number_seen;
	if (l->seq > above) above = l->seq;
	l->seq = above;
	if (l->serving > l->base) APPEND(l->turned, l->turned_count, (struct fake_span){l->base, l->serving});
	l->base = above;
	l->life = f->life;
	l->open = true;
}

static void do_wake_all(struct fake_queue_store *f, struct port_call *c)
{
	CALL(queue_wake);
	for (unsigned i = 0; i < k->count; i++) line_of(f, k->schedules[i])->open = true;
}

static void do_open(struct fake_queue_store *f, struct port_call *c)
{
	CALL(queue_open);
	k->count = 0;
	for (unsigned i = 0; i < f->line_count && k->count < k->max; i++) {
		if (f->lines[i]->open) k->schedules[k->count++] = f->lines[i]->schedule;
	}
}

/* --- tick --- */

static int64_t pass_gap(struct fake_queue_store *f, struct fake_line *l)
{
	int64_t gap = l->ticked ? f->now_ms - l->ticked : 0;
	bool stood = gap > QUEUE_STALL_MS || gap < 0;
	if (stood) l->shift += gap, l->busy = false;
	l->ticked = f->now_ms;
	return stood ? 0 : gap;
}

static bool clean(struct fake_queue_store *f, struct fake_line *l, int64_t grace)
{
	int64_t q = q_of(f, l);
	unsigned ended = 0, dropped = 0, forgotten = 0;
	if (l->sold && grace && grace < QUEUE_REMEMBER_MS) grace = QUEUE_REMEMBER_MS;
	for (unsigned i = l->place_count; i-- > 0;) {
		struct fake_place *p = &l->places[i];
		if (p->status == QUEUE_WAITING && grace && p->heard < 0) p->heard = q;
		if (p->status == QUEUE_ACTIVE && over(p, q) && ended++ < PIECE) remember(f, l, p, QUEUE_EXPIRED);
		else if (p->status == QUEUE_WAITING && grace && q - p->heard > grace && dropped++ < PIECE) drop(l, p);
		else if (p->status >= QUEUE_USED && over(p, q) && forgotten++ < PIECE) drop(l, p);
	}
	return ended >= PIECE || dropped >= PIECE;
}

static int64_t room_of(struct fake_queue_store *f, struct fake_line *l, const struct queue_tick *k, int64_t gap)
{
	int64_t q = q_of(f, l), recent = 0, room = QUEUE_ADMIT_MAX;
	double cap = (double)k->admit_per_s / 5;
	if (cap < 1) cap = 1;
	l->credit += (double)(k->admit_per_s * gap) / 1000;
	if (l->credit > cap) l->credit = cap;
	unsigned kept = 0;
	for (unsigned i = 0; i < l->window_count; i++) {
		if (q - l->window[i].low >= 1000) continue;
		recent += l->window[i].high;
		l->window[kept++] = l->window[i];
	}
	l->window_count = kept;
	if (room > (int64_t)l->credit) room = (int64_t)l->credit;
	if (room > k->max_active - count(l, QUEUE_ACTIVE)) room = k->max_active - count(l, QUEUE_ACTIVE);
	return room > k->admit_per_s - recent ? k->admit_per_s - recent : room;
}

static int64_t waited_since(struct fake_line *l, int64_t number, int64_t now)
{
	for (unsigned i = 0; i < l->sample_count; i++) {
		if (l->samples[i].high >= number) return now - l->samples[i].low;
	}
	return 0;
}

static void admit(struct fake_queue_store *f, struct fake_line *l, struct queue_tick *k, int64_t room)
{
	int64_t q = q_of(f, l), middle = 0;
	struct fake_place *p;
	while (k->admitted < room && (p = nth_waiting(l, 1))) {
		if (silent(l, p, q, k->rules.grace_ms)) {
			drop(l, p);
			continue;
		}
		p->status = QUEUE_ACTIVE;
		p->claimed = false;
		p->until = q + k->rules.claim_ttl_ms;
		if (p->number > l->serving) l->serving = p->number;
		if (k->admitted++ % 2 == 0) middle = p->number; /* near enough */
	}
	if (k->admitted == 0) return;
	l->credit -= (double)k->admitted;
	APPEND(l->window, l->window_count, (struct fake_span){q, k->admitted});
	k->waited_ms = waited_since(l, middle, f->now_ms);
	k->more |= k->admitted == QUEUE_ADMIT_MAX;
}

static void measure(struct fake_line *l, const struct queue_tick *k, int64_t gap)
{
	if (l->busy) {
		double keep = exp(-(double)gap / 10000), n = (double)k->admitted;
		l->sum = l->sum * keep + (gap ? n * 1000 / (double)gap * (1 - keep) : n / 10);
		l->weight = l->weight * keep + 1 - keep;
	}
	l->rate = l->weight >= 0.2 ? (int64_t)(l->sum / l->weight * 1000) : -1;
	if (k->paused || k->max_active == 0) l->rate = 0;
}

static void sum_up(struct fake_queue_store *f, struct fake_line *l, struct queue_tick *k)
{
	k->waiting = count(l, QUEUE_WAITING);
	k->active = count(l, QUEUE_ACTIVE);
	k->pre = l->early_count;
	k->serving = l->serving;
	k->rate_milli = l->rate;
	if (k->waiting && f->now_ms - l->sampled >= 500) {
		APPEND(l->samples, l->sample_count, (struct fake_span){f->now_ms, l->seq});
		l->sampled = f->now_ms;
	}
	if (k->waiting + k->active + k->pre > 0 || k->draw_due) return;
	l->open = l->sold = l->busy = l->opened = false;
	l->ticked = 0;
	l->sum = l->weight = 0;
	l->credit = 1e9;
	l->sample_count = 0;
}

static void do_tick(struct fake_queue_store *f, struct port_call *c)
{
	CALL_ON_LINE(queue_tick);
	k->mine = k->draw_due = k->more = false;
	k->admitted = k->waiting = k->active = k->pre = k->serving = k->rate_milli = 0;
	k->waited_ms = -1;
	k->new_life = l->life != f->life;
	k->uses = k->new_life ? 0 : l->uses;
	if (k->new_life || (l->daemon && l->daemon != k->daemon && l->lease_until > f->now_ms)) return;
	k->mine = true;
	l->daemon = k->daemon;
	l->lease_until = f->now_ms + k->lease_ms;
	int64_t gap = pass_gap(f, l);
	l->sold = k->sold_out;
	bool opened = f->now_ms >= k->rules.opens_at_ms;
	if (opened && l->collecting) freeze(l);
	if (!l->frozen) l->opened = opened;
	k->draw_due = l->frozen > 0 || (opened && !k->drawn && k->rules.opens_at_ms != TIME_NONE);
	k->more = clean(f, l, k->rules.grace_ms);
	bool admits = opened && !k->draw_due && !k->paused && !k->sold_out && l->uses < k->uses_end;
	if (admits) admit(f, l, k, room_of(f, l, k, gap));
	measure(l, k, gap);
	l->busy = admits && count(l, QUEUE_WAITING) > 0;
	sum_up(f, l, k);
}

/* --- outside --- */

#define PORT(name, type, which)                                                                                        \
	static void name(struct queue_store *s, struct type *k)                                                            \
	{                                                                                                                  \
		act(fake_of(s), which, &k->call, do_##name);                                                                   \
	}
PORT(enter, queue_place_call, FAKE_ENTER)
PORT(status, queue_place_call, FAKE_STATUS)
PORT(leave, queue_leave, FAKE_LEAVE)
PORT(verify, queue_verify, FAKE_VERIFY)
PORT(used, queue_used, FAKE_USED)
PORT(tick, queue_tick, FAKE_TICK)
PORT(look, queue_look, FAKE_LOOK)
PORT(slice, queue_slice, FAKE_SLICE)
PORT(hear, queue_hear, FAKE_HEAR)
PORT(scan, queue_scan_pre, FAKE_SCAN)
PORT(number, queue_number_pre, FAKE_NUMBER)
PORT(birth, queue_birth, FAKE_BIRTH)
PORT(revive, queue_revive, FAKE_REVIVE)
PORT(wake_all, queue_wake, FAKE_WAKE)
PORT(open, queue_open, FAKE_OPEN)

void fake_queue_store_init(struct fake_queue_store *f, struct loop *l)
{
	*f = (struct fake_queue_store){
		.port = {.enter = enter,
			.status = status,
			.leave = leave,
			.verify = verify,
			.used = used,
			.tick = tick,
			.look = look,
			.slice = slice,
			.hear = hear,
			.scan_pre = scan,
			.number_pre = number,
			.birth = birth,
			.revive = revive,
			.wake = wake_all,
			.open = open},
		.life = 1,
		.now_ms = 1700000000000,
	};
	fake_desk_init(&f->desk, l);
}

void fake_queue_store_lose(struct fake_queue_store *f)
{
	for (unsigned i = 0; i < f->line_count; i++) line_free(f->lines[i]);
	free(f->lines);
	f->lines = NULL;
	f->line_count = 0;
}

void fake_queue_store_restart(struct fake_queue_store *f)
{
	f->life++;
}

void fake_queue_store_finish(struct fake_queue_store *f)
{
	fake_desk_finish(&f->desk);
	fake_queue_store_lose(f);
}
