#include "fake/fake_seat_lock.h"

#include <stdlib.h>
#include <string.h>

#include "domain/schedule.h"

static struct fake_seat_lock *fake_of(struct seat_lock *s)
{
	return container_of(s, struct fake_seat_lock, port);
}

static void *grown(void *array, unsigned count, size_t size)
{
	void *p = realloc(array, (count + 1) * size);
	if (!p) abort();
	return p;
}

/* --- the keys --- */

static struct fake_lock *lock_find(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	for (unsigned i = 0; i < f->lock_count; i++) {
		struct fake_lock *k = &f->locks[i];
		if (k->schedule != schedule || !seat_no_equal(&k->seat, seat)) continue;
		return k->expires_ms > f->now_ms ? k : NULL;
	}
	return NULL;
}

static void lock_delete(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	for (unsigned i = 0; i < f->lock_count; i++) {
		struct fake_lock *k = &f->locks[i];
		if (k->schedule == schedule && seat_no_equal(&k->seat, seat)) {
			*k = f->locks[--f->lock_count];
			return;
		}
	}
}

static void lock_put(struct fake_seat_lock *f, struct fake_lock k)
{
	lock_delete(f, k.schedule, &k.seat);
	f->locks = grown(f->locks, f->lock_count, sizeof *f->locks);
	f->locks[f->lock_count++] = k;
}

static struct fake_state *state_find(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	for (unsigned i = 0; i < f->state_count; i++) {
		struct fake_state *s = &f->states[i];
		if (s->schedule == schedule && seat_no_equal(&s->seat, seat)) return s;
	}
	return NULL;
}

static struct fake_state *taken(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	struct fake_state *s = state_find(f, schedule, seat);
	return s && s->kind != CLAIM_FREE ? s : NULL;
}

static bool is_loaded(const struct fake_seat_lock *f, int64_t schedule)
{
	for (unsigned i = 0; i < f->loaded_count; i++) {
		if (f->loaded[i] == schedule) return true;
	}
	return false;
}

/* --- answers and faults --- */

/* Does what is asked unless a fault says otherwise, and answers. */
static void act(struct fake_seat_lock *f, enum fake_seat_call which, struct port_call *c,
	struct tk_err (*doing)(struct fake_seat_lock *, struct port_call *))
{
	struct fake_fault *fault = &f->fault[which];
	bool fails = fake_fault_hits(fault);
	f->calls[which]++;
	if (fails && !fault->after_acting) {
		fake_desk_answer(&f->desk, c, fault->err);
		return;
	}
	struct tk_err err = doing(f, c);
	fake_desk_answer(&f->desk, c, fails ? fault->err : err);
}

/* --- hold --- */

static bool is_asked(const struct seat_hold *h, const struct seat_no *seat)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (seat_no_equal(&h->seats[i], seat)) return true;
	}
	return false;
}

/* The user's seats beside the asked ones. */
static int64_t others(struct fake_seat_lock *f, const struct seat_hold *h)
{
	int64_t n = 0;
	for (unsigned i = 0; i < f->lock_count; i++) {
		const struct fake_lock *k = &f->locks[i];
		if (k->schedule == h->schedule && k->user == h->user && k->listed && k->expires_ms > f->now_ms &&
			!is_asked(h, &k->seat))
			n++;
	}
	for (unsigned i = 0; i < f->state_count; i++) {
		const struct fake_state *s = &f->states[i];
		if (s->schedule != h->schedule || s->user != h->user || s->kind == CLAIM_FREE) continue;
		if (is_asked(h, &s->seat)) continue;
		const struct fake_lock *k = lock_find(f, s->schedule, &s->seat);
		if (!k || k->user != h->user || !k->listed) n++;
	}
	return n;
}

/* Of one seat, when it is not the user's. */
static enum hold_verdict judge(struct fake_seat_lock *f, const struct seat_hold *h, unsigned i)
{
	struct fake_state *s = taken(f, h->schedule, &h->seats[i]);
	if (s) return s->kind == CLAIM_SOLD ? HOLD_SOLD : HOLD_HELD;
	struct fake_lock *k = lock_find(f, h->schedule, &h->seats[i]);
	return k && k->user != h->user ? HOLD_HELD : HOLD_PLACED;
}

static void place(struct fake_seat_lock *f, struct seat_hold *h, unsigned i)
{
	struct fake_lock *k = lock_find(f, h->schedule, &h->seats[i]);
	if (!h->own[i]) {
		lock_put(f,
			(struct fake_lock){.schedule = h->schedule,
				.user = h->user,
				.seat = h->seats[i],
				.listed = true,
				.expires_ms = f->now_ms + h->ttl_ms});
		h->expires_ms[i] = f->now_ms + h->ttl_ms;
		return;
	}
	if (k->expires_ms == INT64_MAX) k->expires_ms = f->now_ms + h->ttl_ms;
	k->listed = true;
	h->expires_ms[i] = k->expires_ms;
}

static enum hold_verdict verdict_of(struct fake_seat_lock *f, struct seat_hold *h)
{
	unsigned fresh = 0;
	if (h->gate.number && h->gate.number != f->admitted) return HOLD_NO_ENTRY;
	if (h->opens_at_ms > f->now_ms) return HOLD_TOO_EARLY;
	if (!is_loaded(f, h->schedule)) return HOLD_NOT_LOADED;
	for (unsigned i = 0; i < h->count; i++) {
		struct fake_lock *k = lock_find(f, h->schedule, &h->seats[i]);
		h->own[i] = k && k->user == h->user && !taken(f, h->schedule, &h->seats[i]);
		fresh += !h->own[i];
	}
	if (fresh == 0) return HOLD_PLACED;
	if (others(f, h) + (int64_t)h->count > h->limit) return HOLD_LIMIT;
	for (unsigned i = 0; i < h->count; i++) {
		h->culprit = i;
		enum hold_verdict v = judge(f, h, i);
		if (v != HOLD_PLACED) return v;
	}
	return HOLD_PLACED;
}

static struct tk_err do_hold(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_hold *h = container_of(c, struct seat_hold, call);
	h->culprit = 0;
	h->now_ms = f->now_ms;
	h->verdict = verdict_of(f, h);
	for (unsigned i = 0; h->verdict == HOLD_PLACED && i < h->count; i++) place(f, h, i);
	return TK_NONE;
}

static void hold(struct seat_lock *s, struct seat_hold *h)
{
	act(fake_of(s), FAKE_HOLD, &h->call, do_hold);
}

/* --- claim --- */

enum { FALLBACK_MS = 60000 }; /* for a lock that was set by hand without an end */

static enum claim_verdict claimable(struct fake_seat_lock *f, const struct seat_claim *k, struct fake_lock *lock)
{
	struct fake_state *s = taken(f, k->schedule, &k->seat);
	if (!is_loaded(f, k->schedule)) return CLAIM_NOT_LOADED;
	if (s && s->kind == CLAIM_SOLD) return CLAIM_IS_SOLD;
	if (s && s->user != k->user) return CLAIM_IS_TAKEN;
	return lock && lock->user == k->user ? CLAIM_OWN : CLAIM_NOT_OWNED;
}

static void prolong(struct fake_seat_lock *f, const struct seat_claim *k, struct fake_lock *lock)
{
	bool endless = lock->expires_ms == INT64_MAX;
	int64_t least = endless && k->at_least_ms < FALLBACK_MS ? FALLBACK_MS : k->at_least_ms;
	if (endless || (uuid_is_nil(&lock->order_no) && lock->expires_ms < f->now_ms + least))
		lock->expires_ms = f->now_ms + least;
}

static struct tk_err do_claim(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_claim *k = container_of(c, struct seat_claim, call);
	struct fake_lock *lock = lock_find(f, k->schedule, &k->seat);
	k->first = false;
	k->verdict = claimable(f, k, lock);
	if (k->verdict != CLAIM_OWN) return TK_NONE;
	k->first = uuid_is_nil(&lock->order_no) || uuid_equal(&lock->order_no, &k->ended);
	if (k->first) {
		prolong(f, k, lock);
		lock->order_no = k->order_no;
		lock->listed = true;
	}
	k->order_no = lock->order_no;
	k->remaining_ms = lock->expires_ms - f->now_ms;
	return TK_NONE;
}

static void claim(struct seat_lock *s, struct seat_claim *k)
{
	act(fake_of(s), FAKE_CLAIM, &k->call, do_claim);
}

/* --- release, holds --- */

static enum release_verdict releasable(struct fake_seat_lock *f, const struct seat_release *k)
{
	const struct fake_lock *lock = lock_find(f, k->schedule, &k->seat);
	const struct fake_state *s = taken(f, k->schedule, &k->seat);
	if (!lock) return RELEASE_NOT_HELD;
	if (lock->user != k->user) return RELEASE_NOT_OWNED;
	bool pending = s && s->kind == CLAIM_PENDING && s->user == k->user, ordered = !uuid_is_nil(&lock->order_no);
	bool ended = ordered && uuid_equal(&lock->order_no, &k->ended);
	if (k->only_ended && !ended) return RELEASE_NOT_HELD;
	return (pending || ordered) && !ended ? RELEASE_ORDERED : RELEASE_DONE;
}

static struct tk_err do_release(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_release *k = container_of(c, struct seat_release, call);
	k->verdict = releasable(f, k);
	const struct fake_lock *lock = lock_find(f, k->schedule, &k->seat);
	k->order_no = k->verdict == RELEASE_ORDERED ? lock->order_no : (struct uuid){0};
	if (k->verdict == RELEASE_DONE) lock_delete(f, k->schedule, &k->seat);
	return TK_NONE;
}

static void release(struct seat_lock *s, struct seat_release *k)
{
	act(fake_of(s), FAKE_RELEASE, &k->call, do_release);
}

/* By seat number, numbers by value: A-2 before A-10. */
static void insert(struct seat_holds *k, const struct fake_lock *lock)
{
	unsigned at = k->count++;
	for (; at > 0 && strverscmp(k->seats[at - 1].s, lock->seat.s) > 0; at--) {
		k->seats[at] = k->seats[at - 1];
		k->expires_ms[at] = k->expires_ms[at - 1];
	}
	k->seats[at] = lock->seat;
	k->expires_ms[at] = lock->expires_ms;
}

static struct tk_err do_holds(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_holds *k = container_of(c, struct seat_holds, call);
	k->count = 0;
	k->now_ms = f->now_ms;
	for (unsigned i = 0; i < f->lock_count && k->count < HOLD_SEATS_MAX; i++) {
		const struct fake_lock *lock = &f->locks[i];
		const struct fake_state *s = taken(f, lock->schedule, &lock->seat);
		bool elsewhere = s && s->user == k->user && s->kind != CLAIM_PENDING;
		if (lock->schedule == k->schedule && lock->user == k->user && lock->expires_ms > f->now_ms && lock->listed &&
			!elsewhere)
			insert(k, lock);
	}
	return TK_NONE;
}

static void holds(struct seat_lock *s, struct seat_holds *k)
{
	act(fake_of(s), FAKE_HOLDS, &k->call, do_holds);
}

/* --- the copy --- */

static void end_hold(struct fake_seat_lock *f, const struct seat_change *ch)
{
	const struct fake_lock *k = lock_find(f, ch->schedule, &ch->seat);
	if (k && ch->kind != CLAIM_FREE && (ch->kind == CLAIM_SOLD || k->user != ch->user))
		lock_delete(f, ch->schedule, &ch->seat);
}

static void merge(struct fake_seat_lock *f, const struct seat_change *ch)
{
	struct fake_state *s = state_find(f, ch->schedule, &ch->seat);
	if (s && s->rev >= ch->rev) return;
	if (!s) {
		f->states = grown(f->states, f->state_count, sizeof *f->states);
		s = &f->states[f->state_count++];
	}
	*s = (struct fake_state){
		.schedule = ch->schedule, .rev = ch->rev, .user = ch->user, .seat = ch->seat, .kind = ch->kind};
	end_hold(f, ch);
}

static struct tk_err do_apply(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_apply *k = container_of(c, struct seat_apply, call);
	for (unsigned i = 0; i < k->count; i++) merge(f, &k->changes[i]);
	f->changes += k->count;
	if (!k->load_birth) return TK_NONE;
	if (k->load_birth != f->birth) return TK_ERR(TK_UNAVAILABLE, "another birth");
	fake_seat_lock_load(f, k->load_schedule);
	return TK_NONE;
}

static void apply(struct seat_lock *s, struct seat_apply *k)
{
	act(fake_of(s), FAKE_APPLY, &k->call, do_apply);
}

static struct tk_err do_read(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_read *k = container_of(c, struct seat_read, call);
	k->loaded = is_loaded(f, k->schedule);
	for (uint32_t i = 0; k->loaded && i < k->plan->count; i++) {
		const struct seat_no *no = &k->plan->seats[i].no;
		struct fake_state *s = taken(f, k->schedule, no);
		if (s && s->kind == CLAIM_SOLD) k->status[i] = SEAT_SOLD_OUT;
		else k->status[i] = s || lock_find(f, k->schedule, no) ? SEAT_HOLD : SEAT_AVAILABLE;
	}
	return TK_NONE;
}

static void read_all(struct seat_lock *s, struct seat_read *k)
{
	act(fake_of(s), FAKE_READ, &k->call, do_read);
}

static bool has_seat(const struct fake_seat_lock *f, int64_t schedule, int64_t user)
{
	for (unsigned i = 0; i < f->lock_count; i++) {
		const struct fake_lock *k = &f->locks[i];
		if (k->schedule == schedule && k->user == user && k->expires_ms > f->now_ms) return true;
	}
	for (unsigned i = 0; i < f->state_count; i++) {
		const struct fake_state *s = &f->states[i];
		if (s->schedule == schedule && s->user == user && s->kind != CLAIM_FREE) return true;
	}
	return false;
}

static bool has_ended(const struct fake_seat_lock *f, const struct fake_lock *k, int64_t schedule)
{
	return k->schedule == schedule && k->listed && !has_seat(f, schedule, k->user);
}

static void forget_user(struct fake_seat_lock *f, int64_t schedule, int64_t user)
{
	for (unsigned i = 0; i < f->lock_count;) {
		if (f->locks[i].schedule == schedule && f->locks[i].user == user) f->locks[i] = f->locks[--f->lock_count];
		else i++;
	}
}

static struct tk_err do_prune(struct fake_seat_lock *f, struct port_call *c)
{
	struct seat_prune *k = container_of(c, struct seat_prune, call);
	k->cursor = 0;
	k->forgotten = 0;
	for (unsigned i = 0; i < f->lock_count;) {
		if (has_ended(f, &f->locks[i], k->schedule)) {
			forget_user(f, k->schedule, f->locks[i].user);
			k->forgotten++;
			i = 0;
		} else {
			i++;
		}
	}
	return TK_NONE;
}

static void prune(struct seat_lock *s, struct seat_prune *k)
{
	act(fake_of(s), FAKE_PRUNE, &k->call, do_prune);
}

static struct tk_err do_birth(struct fake_seat_lock *f, struct port_call *c)
{
	container_of(c, struct seat_birth, call)->birth = f->birth;
	return TK_NONE;
}

static void birth(struct seat_lock *s, struct seat_birth *k)
{
	act(fake_of(s), FAKE_SEAT_BIRTH, &k->call, do_birth);
}

/* --- outside --- */

void fake_seat_lock_init(struct fake_seat_lock *f, struct loop *l)
{
	*f = (struct fake_seat_lock){
		.port = {.hold = hold,
			.claim = claim,
			.release = release,
			.holds = holds,
			.birth = birth,
			.apply = apply,
			.read = read_all,
			.prune = prune},
		.birth = 1,
		.now_ms = 1700000000000,
	};
	fake_desk_init(&f->desk, l);
}

void fake_seat_lock_finish(struct fake_seat_lock *f)
{
	fake_desk_finish(&f->desk);
	free(f->locks);
	free(f->states);
	free(f->loaded);
}

void fake_seat_lock_delete(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	lock_delete(f, schedule, seat);
}

void fake_seat_lock_set(
	struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat, int64_t user, int64_t ttl_ms)
{
	lock_put(f,
		(struct fake_lock){
			.schedule = schedule, .user = user, .seat = *seat, .expires_ms = ttl_ms ? f->now_ms + ttl_ms : INT64_MAX});
}

int64_t fake_seat_lock_left_ms(struct fake_seat_lock *f, int64_t schedule, const struct seat_no *seat)
{
	const struct fake_lock *k = lock_find(f, schedule, seat);
	if (!k) return -2;
	return k->expires_ms == INT64_MAX ? -1 : k->expires_ms - f->now_ms;
}

void fake_seat_lock_lose(struct fake_seat_lock *f)
{
	f->lock_count = f->state_count = f->loaded_count = 0;
	f->birth++;
}

void fake_seat_lock_load(struct fake_seat_lock *f, int64_t schedule)
{
	if (is_loaded(f, schedule)) return;
	f->loaded = grown(f->loaded, f->loaded_count, sizeof *f->loaded);
	f->loaded[f->loaded_count++] = schedule;
}
