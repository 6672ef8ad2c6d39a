#include "contract/queue_store_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/when.h"

enum { ANNA = 7, BERT = 8, CLEO = 9, DORA = 10, TURNS = 100000, MANY = 1000000, LEASE = 2000 };
enum { DAEMON = 1, OTHER_DAEMON = 2 };

/* --- one call, waited for --- */

struct tk_err room_await(struct queue_world *w, const struct asker *a)
{
	for (int i = 0; !a->answers && i < TURNS; i++) w->turn(w);
	assert_int_equal(a->answers, 1);
	return a->err;
}

#define WELL(w, method, k)                                                                                             \
	do {                                                                                                               \
		struct tk_err err_ = ROOM_CALL(w, method, k);                                                                  \
		if (tk_failed(err_)) fail_msg("%s at %s", err_.what, err_.where);                                              \
	} while (0)

static struct queue_place_call place_call(struct queue_world *w, int64_t user, int64_t token)
{
	return (struct queue_place_call){.schedule = w->schedule,
		.user = user,
		.rules = w->rules,
		.token_number = token,
		.token_epoch = queue_epoch_of(token)};
}

static struct queue_place_call status_call(struct queue_world *w, int64_t user)
{
	struct queue_place_call k = place_call(w, user, 0);
	WELL(w, status, &k);
	return k;
}

static struct queue_place_call enter_call(struct queue_world *w, int64_t user)
{
	struct queue_place_call k = place_call(w, user, 0);
	WELL(w, enter, &k);
	return k;
}

struct queue_place room_enter_with(struct queue_world *w, int64_t user, int64_t token_number)
{
	struct queue_place_call k = place_call(w, user, token_number);
	WELL(w, enter, &k);
	assert_int_equal(k.verdict, QUEUE_PLACED);
	assert_int_equal(k.place.epoch, queue_epoch_of(k.place.number));
	return k.place;
}

struct queue_place room_enter(struct queue_world *w, int64_t user)
{
	return room_enter_with(w, user, 0);
}

enum queue_verdict room_verdict(struct queue_world *w, int64_t user)
{
	return status_call(w, user).verdict;
}

struct queue_place room_status(struct queue_world *w, int64_t user)
{
	struct queue_place_call k = status_call(w, user);
	assert_int_not_equal(k.verdict, QUEUE_NEW_LIFE);
	if (k.verdict == QUEUE_NO_PLACE) return (struct queue_place){.status = QUEUE_NOBODY};
	return k.place;
}

static int64_t birth(struct queue_world *w, int64_t candidate)
{
	struct queue_birth k = {.schedule = w->schedule, .candidate = candidate};
	WELL(w, birth, &k);
	return k.birth;
}

static bool revive(struct queue_world *w, int64_t birth, int64_t epoch, int64_t number_seen)
{
	struct queue_revive k = {.schedule = w->schedule, .birth = birth, .epoch = epoch, .number_seen = number_seen};
	WELL(w, revive, &k);
	return k.revived;
}

void room_revive(struct queue_world *w, int64_t epoch, int64_t number_seen)
{
	int64_t born = birth(w, 9007199254740991);
	if (born) assert_true(revive(w, born, epoch, number_seen));
}

static void leave_with(struct queue_world *w, int64_t user, int64_t number, bool expire)
{
	struct queue_leave k = {.schedule = w->schedule, .user = user, .number = number, .expire = expire};
	WELL(w, leave, &k);
}

void room_leave(struct queue_world *w, int64_t user)
{
	leave_with(w, user, QUEUE_NUMBER_ANY, false);
}

static struct queue_tick tick_call(const struct queue_world *w, int64_t max_active)
{
	return (struct queue_tick){.schedule = w->schedule,
		.daemon = DAEMON,
		.lease_ms = LEASE,
		.max_active = max_active,
		.admit_per_s = MANY,
		.drawn = true,
		.uses_end = INT64_MAX,
		.rules = w->rules};
}

struct queue_tick room_tick(struct queue_world *w, int64_t max_active)
{
	struct queue_tick k = tick_call(w, max_active);
	WELL(w, tick, &k);
	assert_true(k.mine);
	return k;
}

static struct queue_tick tick_sold(struct queue_world *w, bool sold_out)
{
	struct queue_tick k = tick_call(w, 1);
	k.sold_out = sold_out;
	WELL(w, tick, &k);
	return k;
}

static struct queue_verify verify(struct queue_world *w, int64_t user, int64_t number)
{
	struct queue_verify k = {
		.schedule = w->schedule, .user = user, .number = number, .epoch = queue_epoch_of(number), .rules = w->rules};
	WELL(w, verify, &k);
	return k;
}

static void used(struct queue_world *w, int64_t user)
{
	struct queue_used k = {.schedule = w->schedule, .users = &user, .count = 1};
	WELL(w, used, &k);
}

static struct queue_look look(struct queue_world *w)
{
	struct queue_look k = {.schedule = w->schedule};
	WELL(w, look, &k);
	return k;
}

static bool is_open(struct queue_world *w)
{
	int64_t schedules[1000];
	struct queue_open k = {.schedules = schedules, .max = 1000};
	WELL(w, open, &k);
	for (unsigned i = 0; i < k.count; i++) {
		if (schedules[i] == w->schedule) return true;
	}
	return false;
}

static enum queue_status hear(struct queue_world *w, int64_t user)
{
	uint8_t status = QUEUE_STATUSES;
	struct queue_hear k = {.schedule = w->schedule, .users = &user, .count = 1, .rules = w->rules, .status = &status};
	WELL(w, hear, &k);
	assert_false(k.new_life);
	return (enum queue_status)status;
}

/* A schedule of its own for each test, never used before. */
static struct queue_world *unused(void **state)
{
	struct queue_world *w = *state;
	if (!w) skip();
	w->schedule++;
	w->rules = (struct queue_rules){
		.opens_at_ms = TIME_NONE, .active_ttl_ms = 120000, .claim_ttl_ms = 30000, .grace_ms = 300000};
	return w;
}

static struct queue_world *on_sale(void **state)
{
	struct queue_world *w = unused(state);
	room_revive(w, 0, 0);
	return w;
}

static void assert_waiting(struct queue_world *w, int64_t user, int64_t number, int64_t rank, int64_t total)
{
	struct queue_place p = room_status(w, user);
	assert_int_equal(p.status, QUEUE_WAITING);
	assert_int_equal(p.number, number);
	assert_int_equal(p.rank, rank);
	assert_int_equal(p.total, total);
	assert_int_equal(p.expires_ms, TIME_NONE);
}

static void assert_is(struct queue_world *w, int64_t user, enum queue_status wanted)
{
	assert_string_equal(QUEUE_STATUS_NAME[room_status(w, user).status], QUEUE_STATUS_NAME[wanted]);
}

static void assert_about(int64_t ms, int64_t wanted) /* real clocks move on meanwhile */
{
	if (ms > wanted + 5 || ms < wanted - 3000) fail_msg("%lld ms, not about %lld", (long long)ms, (long long)wanted);
}

/* --- places --- */

static void places_are_given_in_order_of_arrival(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = 100; user < 110; user++) {
		struct queue_place p = room_enter(w, user);
		assert_int_equal(p.status, QUEUE_WAITING);
		assert_int_equal(p.number, user - 99);
		assert_int_equal(p.rank, user - 99);
		assert_int_equal(p.total, user - 99);
		assert_int_equal(p.expires_ms, TIME_NONE);
	}
	assert_waiting(w, 104, 5, 5, 10);
}

static void entering_again_is_the_same_place(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	struct queue_place p = room_enter(w, ANNA);
	assert_int_equal(p.number, 1);
	assert_int_equal(p.rank, 1);
	assert_int_equal(p.total, 2);
	assert_int_equal(room_enter(w, CLEO).number, 3);
	room_tick(w, 1);
	p = room_enter(w, ANNA);
	assert_int_equal(p.status, QUEUE_ACTIVE);
	assert_int_equal(p.number, 1);
	assert_waiting(w, BERT, 2, 1, 2);
}

static void fifty_tabs_at_once_get_one_place(void **state)
{
	enum { TABS = 50 };
	struct queue_world *w = on_sale(state);
	struct queue_place_call k[TABS];
	struct asker a[TABS];
	for (int i = 0; i < TABS; i++) {
		k[i] = (struct queue_place_call){.schedule = w->schedule, .user = ANNA, .rules = w->rules};
		ASKER_ASK(&a[i], w->store, enter, &k[i]);
	}
	for (int i = 0; i < TABS; i++) {
		room_await(w, &a[i]);
		assert_int_equal(k[i].place.number, 1);
		assert_int_equal(k[i].place.total, 1);
	}
}

static void ask_all(struct queue_world *w, void (*method)(struct queue_store *, struct queue_place_call *),
	struct queue_place_call *k, struct asker *a, int n)
{
	for (int i = 0; i < n; i++) {
		k[i].rules = w->rules;
		k[i].schedule = w->schedule;
		asker_init(&a[i], &k[i].call);
		method(w->store, &k[i]);
	}
	for (int i = 0; i < n; i++) {
		room_await(w, &a[i]);
		assert_false(tk_failed(a[i].flow.err));
	}
}

/* Calls that come together may share a round trip; what each is told is its own. */
static void who_asks_together_is_told_apart(void **state)
{
	enum { ALL = 250 };
	struct queue_world *w = on_sale(state);
	struct queue_place_call *k = calloc(ALL, sizeof *k);
	struct asker *a = calloc(ALL, sizeof *a);
	for (int i = 0; i < ALL; i++) k[i].user = i + 1;
	k[7].user = 4; /* twice */
	ask_all(w, w->store->enter, k, a, ALL);
	assert_int_equal(look(w).waiting, ALL - 1);
	assert_int_equal(k[7].place.number, k[3].place.number);
	ask_all(w, w->store->status, k, a, ALL); /* a line without gaps */
	for (int i = 0; i < ALL; i++) {
		assert_int_equal(k[i].place.rank, k[i].place.number);
		assert_int_equal(k[i].place.total, ALL - 1);
	}
	room_tick(w, 2);
	leave_with(w, 100, 0, false);
	leave_with(w, 101, k[100].place.number, true);
	k[7].user = 5000;
	ask_all(w, w->store->status, k, a, ALL);
	assert_int_equal(k[7].verdict, QUEUE_NO_PLACE);
	assert_int_equal(k[99].verdict, QUEUE_NO_PLACE);
	assert_int_equal(k[100].place.status, QUEUE_EXPIRED);
	for (int i = 0, admitted = 0; i < ALL; i++) {
		if (i == 7 || i == 99 || i == 100) continue;
		admitted += k[i].place.status == QUEUE_ACTIVE;
		assert_int_equal(k[i].place.status, k[i].place.number <= 2 ? QUEUE_ACTIVE : QUEUE_WAITING);
		int64_t gaps = 2 + (k[i].place.number > k[99].place.number) + (k[i].place.number > k[100].place.number);
		if (k[i].place.number > 2) assert_int_equal(k[i].place.rank, k[i].place.number - gaps);
		if (i == ALL - 1) assert_int_equal(admitted, 2);
	}
	ask_all(w, w->store->enter, k, a, ALL); /* most again; three anew, at the end */
	assert_int_equal(look(w).waiting, ALL - 2);
	for (int i = 0; i < ALL; i++) {
		if (i == 7 || i == 99 || i == 100) assert_in_range(k[i].place.number, ALL, ALL + 2);
		else assert_in_range(k[i].place.number, 1, ALL - 1);
	}
	free(k);
	free(a);
}

static void who_never_came_has_no_place(void **state)
{
	struct queue_world *w = on_sale(state);
	assert_int_equal(room_verdict(w, ANNA), QUEUE_NO_PLACE);
	assert_int_equal(hear(w, ANNA), QUEUE_NOBODY);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_INVALID);
	room_leave(w, ANNA);
	assert_int_equal(room_verdict(w, ANNA), QUEUE_NO_PLACE);
}

static void large_ids_stay_exact(void **state)
{
	struct queue_world *w = on_sale(state);
	const int64_t user = (INT64_C(1) << 53) - 1;
	room_enter(w, user - 1);
	room_enter(w, user);
	assert_waiting(w, user, 2, 2, 2);
	room_tick(w, 2);
	assert_int_equal(verify(w, user, 2).verdict, VERIFY_ACTIVE);
	used(w, user);
	assert_is(w, user, QUEUE_USED);
	assert_is(w, user - 1, QUEUE_ACTIVE);
}

/* --- admission --- */

static void the_first_are_admitted_up_to_the_limit(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = 1; user <= 5; user++) room_enter(w, user);
	struct queue_tick t = room_tick(w, 2);
	assert_int_equal(t.admitted, 2);
	assert_int_equal(t.waiting, 3);
	assert_int_equal(t.active, 2);
	assert_int_equal(t.serving, 2);
	assert_true(t.waited_ms >= 0);
	struct queue_place p = room_status(w, 2);
	assert_int_equal(p.status, QUEUE_ACTIVE);
	assert_int_equal(p.rank, 0);
	assert_int_equal(p.number, 2);
	assert_about(p.expires_ms - w->now_ms(w), 120000);
	assert_waiting(w, 3, 3, 1, 3);
	t = room_tick(w, 2);
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.waited_ms, -1);
	assert_int_equal(room_tick(w, 4).admitted, 2);
	assert_int_equal(room_tick(w, 1).active, 4); /* a lower limit throws nobody out */
}

static void an_admission_runs_from_when_it_is_first_seen(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.claim_ttl_ms = 400;
	for (int64_t user = 1; user <= 5; user++) room_enter(w, user);
	room_tick(w, 5);
	w->pass(w, 250);
	assert_is(w, 1, QUEUE_ACTIVE);
	assert_int_equal(hear(w, 2), QUEUE_ACTIVE);
	assert_about(verify(w, 3, 3).expires_in_ms, 120000);
	assert_int_equal(room_enter(w, 4).status, QUEUE_ACTIVE);
	w->pass(w, 250);
	assert_int_equal(verify(w, 5, 5).verdict, VERIFY_INVALID);
	assert_int_equal(room_tick(w, 5).active, 4);
	for (int64_t user = 1; user <= 4; user++) assert_is(w, user, QUEUE_ACTIVE);
	assert_is(w, 5, QUEUE_EXPIRED);
	assert_int_equal(hear(w, 5), QUEUE_EXPIRED);
}

static void an_unclaimed_admission_goes_to_the_next(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.claim_ttl_ms = 100;
	room_enter(w, ANNA);
	room_enter(w, BERT);
	assert_int_equal(room_tick(w, 1).serving, 1);
	w->pass(w, 150);
	struct queue_tick t = room_tick(w, 1);
	assert_int_equal(t.admitted, 1);
	assert_int_equal(t.active, 1);
	assert_is(w, ANNA, QUEUE_EXPIRED);
	assert_is(w, BERT, QUEUE_ACTIVE);
}

static void an_admission_ends_and_is_remembered(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.active_ttl_ms = 200;
	room_enter(w, ANNA);
	room_tick(w, 1);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_ACTIVE);
	w->pass(w, 100);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_ACTIVE); /* which does not prolong it */
	w->pass(w, 150);
	assert_is(w, ANNA, QUEUE_EXPIRED); /* also before the next round */
	room_enter(w, BERT);
	assert_int_equal(room_tick(w, 1).active, 1);
	struct queue_place p = room_status(w, ANNA);
	assert_int_equal(p.status, QUEUE_EXPIRED);
	assert_int_equal(p.number, 1);
	assert_int_equal(p.rank, -1);
	p = room_enter(w, ANNA);
	assert_int_equal(p.number, 3);
	assert_int_equal(p.status, QUEUE_WAITING);
}

static void entering_after_the_end_is_a_new_place_even_before_the_next_round(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.active_ttl_ms = 50;
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	assert_is(w, ANNA, QUEUE_ACTIVE);
	w->pass(w, 80);
	assert_int_equal(room_enter(w, ANNA).rank, 2);
	assert_waiting(w, ANNA, 3, 2, 2);
	assert_int_equal(look(w).active, 0);
	assert_int_equal(room_tick(w, 1).active, 1);
	assert_waiting(w, ANNA, 3, 1, 1);
}

static void used_frees_the_place_at_once(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	used(w, BERT); /* still waiting: stays so */
	assert_waiting(w, BERT, 2, 1, 1);
	used(w, ANNA);
	assert_int_equal(look(w).active, 0);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_INVALID);
	assert_is(w, ANNA, QUEUE_USED);
	assert_int_equal(hear(w, ANNA), QUEUE_USED);
	assert_int_equal(room_tick(w, 1).admitted, 1);
	used(w, ANNA); /* again: nothing */
	assert_is(w, ANNA, QUEUE_USED);
	assert_int_equal(room_enter(w, ANNA).number, 3);
	assert_waiting(w, ANNA, 3, 1, 1);
}

static void leaving_frees_the_place_at_once_and_forgets(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = ANNA; user <= DORA; user++) room_enter(w, user);
	room_tick(w, 1);
	room_leave(w, CLEO);
	assert_int_equal(room_verdict(w, CLEO), QUEUE_NO_PLACE);
	assert_waiting(w, DORA, 4, 2, 2);
	room_leave(w, ANNA);
	assert_int_equal(room_verdict(w, ANNA), QUEUE_NO_PLACE);
	assert_int_equal(room_tick(w, 1).admitted, 1);
	assert_is(w, BERT, QUEUE_ACTIVE);
	used(w, BERT);
	room_leave(w, BERT);
	assert_int_equal(room_verdict(w, BERT), QUEUE_NO_PLACE);
	assert_int_equal(room_enter(w, ANNA).number, 5);
}

static void a_token_expires_only_its_own_place(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	leave_with(w, ANNA, 2, true);
	leave_with(w, BERT, 1, true);
	leave_with(w, BERT, QUEUE_NUMBER_EARLY, true);
	assert_is(w, ANNA, QUEUE_ACTIVE);
	assert_waiting(w, BERT, 2, 1, 1);
	leave_with(w, ANNA, 1, true);
	assert_is(w, ANNA, QUEUE_EXPIRED);
	assert_int_equal(room_tick(w, 1).admitted, 1);
	room_enter(w, CLEO);
	leave_with(w, CLEO, 3, true);
	assert_is(w, CLEO, QUEUE_EXPIRED);
	used(w, CLEO);
	assert_is(w, CLEO, QUEUE_EXPIRED);
	assert_int_equal(look(w).waiting, 0);
}

static void verify_tells_why_not(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_WAITING);
	assert_int_equal(verify(w, ANNA, 2).verdict, VERIFY_INVALID);
	room_tick(w, 1);
	struct queue_verify k = verify(w, ANNA, 1);
	assert_int_equal(k.verdict, VERIFY_ACTIVE);
	assert_about(k.expires_in_ms, 120000);
	assert_int_equal(verify(w, ANNA, 2).verdict, VERIFY_INVALID);
	assert_int_equal(verify(w, ANNA, 0).verdict, VERIFY_INVALID);
	assert_int_equal(verify(w, BERT, 2).verdict, VERIFY_WAITING);
	assert_int_equal(verify(w, BERT, 1).verdict, VERIFY_INVALID);
}

static void nobody_is_admitted_while_paused_or_with_a_limit_of_none(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	struct queue_tick t = tick_call(w, 10);
	t.paused = true;
	WELL(w, tick, &t);
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.rate_milli, 0);
	assert_int_equal(room_status(w, ANNA).rate_milli, 0);
	assert_int_equal(room_tick(w, 0).admitted, 0);
	assert_int_equal(room_tick(w, 10).admitted, 1);
}

static void no_round_admits_more_than_its_bound(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = 1; user <= 450; user++) room_enter(w, user);
	struct queue_tick t = room_tick(w, 1000);
	assert_int_equal(t.admitted, QUEUE_ADMIT_MAX);
	assert_true(t.more);
	assert_int_equal(room_tick(w, 1000).admitted, QUEUE_ADMIT_MAX);
	t = room_tick(w, 1000);
	assert_int_equal(t.admitted, 50);
	assert_false(t.more);
	assert_int_equal(t.serving, 450);
	for (int64_t user = 1; user <= 450; user++) assert_is(w, user, QUEUE_ACTIVE);
}

/* Who was admitted when, by the store's clock: never more than `per_s` in any second. */
static void no_second_sees_more_than_the_rate(void **state)
{
	enum { ROUNDS = 60, PER_S = 40 };
	struct queue_world *w = on_sale(state);
	int64_t at[ROUNDS], admitted[ROUNDS], all = 0, began = w->now_ms(w);
	for (int64_t user = 1; user <= 500; user++) room_enter(w, user);
	for (int i = 0; i < ROUNDS; i++) {
		struct queue_tick t = tick_call(w, 1000);
		t.admit_per_s = PER_S;
		int64_t before = w->now_ms(w);
		WELL(w, tick, &t);
		at[i] = before;
		admitted[i] = t.admitted;
		all += t.admitted;
		int64_t sum = 0;
		for (int k = i; k >= 0 && w->now_ms(w) - at[k] < 1000; k--) sum += admitted[k];
		assert_true(sum <= PER_S);
		w->pass(w, 50);
	}
	int64_t ms = w->now_ms(w) - began;
	if (all < PER_S * ms / 1000 * 80 / 100) fail_msg("only %lld in %lld ms", (long long)all, (long long)ms);
	assert_int_equal(look(w).active, all);
	int64_t rate = look(w).rate_milli;
	if (rate < PER_S * 700 || rate > PER_S * 1300) fail_msg("measured %lld", (long long)rate);
}

static void a_thousand_joins_at_once_overshoot_nothing(void **state)
{
	enum { JOINS = 1000, LIMIT = 37 };
	struct queue_world *w = on_sale(state);
	struct queue_place_call *k = calloc(JOINS, sizeof *k);
	struct asker *a = calloc(JOINS, sizeof *a), ticking[8];
	struct queue_tick t[8];
	for (int i = 0; i < JOINS; i++) {
		k[i] = (struct queue_place_call){.schedule = w->schedule, .user = i + 1, .rules = w->rules};
		ASKER_ASK(&a[i], w->store, enter, &k[i]);
		if (i % 125 != 124) continue; /* daemons tick between them */
		t[i / 125] = tick_call(w, LIMIT);
		t[i / 125].daemon = (uint64_t)(i / 125 % 4 + 1);
		ASKER_ASK(&ticking[i / 125], w->store, tick, &t[i / 125]);
	}
	int64_t admitted = 0, mine = 0;
	for (int i = 0; i < JOINS; i++) room_await(w, &a[i]);
	for (int i = 0; i < 8; i++) {
		room_await(w, &ticking[i]);
		assert_true(t[i].active <= LIMIT);
		admitted += t[i].admitted;
		mine += t[i].mine;
	}
	assert_int_equal(mine, 2); /* the first to tick holds the lease */
	assert_int_equal(admitted, LIMIT);
	assert_int_equal(look(w).active, LIMIT);
	assert_int_equal(look(w).waiting, JOINS - LIMIT);
	for (int i = 0; i < JOINS; i++) {
		assert_is(w, i + 1, i < LIMIT ? QUEUE_ACTIVE : QUEUE_WAITING);
		assert_int_equal(k[i].place.number, i + 1);
	}
	free(a);
	free(k);
}

static void only_the_holder_of_the_lease_admits(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	struct queue_tick t = tick_call(w, 1);
	t.lease_ms = 150;
	WELL(w, tick, &t);
	assert_true(t.mine);
	t.daemon = OTHER_DAEMON;
	t.max_active = 2;
	WELL(w, tick, &t);
	assert_false(t.mine);
	assert_false(t.new_life);
	assert_int_equal(t.admitted, 0);
	w->pass(w, 200); /* the holder is dead */
	WELL(w, tick, &t);
	assert_true(t.mine);
	assert_int_equal(t.admitted, 1);
	t.daemon = DAEMON;
	WELL(w, tick, &t);
	assert_false(t.mine);
}

static void an_idle_schedule_is_looked_at_no_more(void **state)
{
	struct queue_world *w = on_sale(state);
	room_tick(w, 1);
	assert_false(is_open(w));
	room_enter(w, ANNA);
	assert_true(is_open(w));
	room_tick(w, 1);
	room_tick(w, 1);
	assert_true(is_open(w)); /* somebody is admitted */
	used(w, ANNA);
	room_tick(w, 1);
	assert_false(is_open(w));
	assert_is(w, ANNA, QUEUE_USED); /* remembered all the same */
	room_enter(w, ANNA);
	assert_true(is_open(w));
	assert_int_equal(room_tick(w, 1).admitted, 1);
}

static void the_waiting_are_listed_in_their_order(void **state)
{
	struct queue_world *w = on_sale(state);
	int64_t(*rows)[2] = calloc(QUEUE_SLICE_MAX, sizeof *rows);
	for (int64_t user = 1000; user > 300; user--) room_enter(w, user);
	room_leave(w, 999);
	struct queue_slice k = {.schedule = w->schedule, .offset = 1, .users_numbers = rows};
	WELL(w, slice, &k);
	assert_int_equal(k.count, 698);
	assert_int_equal(rows[0][0], 998);
	assert_int_equal(rows[0][1], 3);
	assert_int_equal(rows[499][0], 499);
	k.offset = 600;
	WELL(w, slice, &k);
	assert_int_equal(k.count, 99);
	assert_int_equal(rows[98][0], 301);
	assert_int_equal(rows[98][1], 700);
	k.offset = 5000;
	WELL(w, slice, &k);
	assert_int_equal(k.count, 0);
	free(rows);
}

static void many_are_heard_of_at_once(void **state)
{
	struct queue_world *w = on_sale(state);
	int64_t users[QUEUE_BATCH_MAX], ends[QUEUE_BATCH_MAX], numbers[QUEUE_BATCH_MAX];
	uint8_t status[QUEUE_BATCH_MAX];
	for (int i = 0; i < QUEUE_BATCH_MAX; i++) users[i] = i + 1;
	for (int i = 0; i < 400; i++) room_enter(w, users[i]);
	room_tick(w, 3);
	used(w, 2);
	leave_with(w, 3, 3, true);
	struct queue_hear k = {.schedule = w->schedule,
		.users = users,
		.count = QUEUE_BATCH_MAX,
		.rules = w->rules,
		.status = status,
		.ends_ms = ends,
		.numbers = numbers};
	WELL(w, hear, &k);
	assert_int_equal(status[0], QUEUE_ACTIVE);
	assert_int_equal(numbers[0], room_status(w, 1).number);
	assert_int_equal(numbers[1], 0);
	assert_int_equal(ends[0], room_status(w, 1).expires_ms);
	assert_int_equal(ends[1], TIME_NONE);
	assert_int_equal(status[1], QUEUE_USED);
	assert_int_equal(status[2], QUEUE_EXPIRED);
	for (int i = 3; i < 400; i++) assert_int_equal(status[i], QUEUE_WAITING);
	for (int i = 400; i < QUEUE_BATCH_MAX; i++) assert_int_equal(status[i], QUEUE_NOBODY);
}

/* --- silence, outages --- */

static void who_is_not_heard_of_loses_the_place(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 400;
	for (int64_t user = 1; user <= 5; user++) room_enter(w, user);
	for (int i = 0; i < 3; i++) {
		w->pass(w, 200);
		assert_is(w, 2, QUEUE_WAITING);
		assert_int_equal(hear(w, 3), QUEUE_WAITING);
		assert_int_equal(verify(w, 4, 4).verdict, VERIFY_WAITING);
	}
	assert_int_equal(room_verdict(w, 5), QUEUE_NO_PLACE); /* too late, also before the next round */
	assert_int_equal(room_tick(w, 0).waiting, 3);
	assert_int_equal(room_verdict(w, 1), QUEUE_NO_PLACE);
	assert_int_equal(room_status(w, 2).rank, 1);
	struct queue_place p = room_enter(w, 1);
	assert_int_equal(p.number, 6);
	assert_int_equal(p.rank, 4);
}

/* The numbers are those around the end of a piece in which the store notes it. */
static void silence_is_known_of_every_number(void **state)
{
	struct queue_world *w = unused(state);
	w->rules.grace_ms = 400;
	room_revive(w, 1, 0);
	room_tick(w, 0);
	room_enter_with(w, 1, QUEUE_EPOCH_NUMBERS + 249997);
	for (int64_t user = 2; user <= 6; user++) room_enter(w, user);
	assert_int_equal(room_status(w, 6).number, QUEUE_EPOCH_NUMBERS + 250002);
	for (int i = 0; i < 3; i++) {
		w->pass(w, 200);
		for (int64_t user = 2; user <= 6; user += 2) assert_int_equal(hear(w, user), QUEUE_WAITING);
	}
	for (int64_t user = 1; user <= 6; user++) assert_is(w, user, user % 2 ? QUEUE_NOBODY : QUEUE_WAITING);
	assert_int_equal(room_tick(w, 3).admitted, 3);
}

/* However seldom the store writes down who was heard of. */
static void nobody_loses_the_place_sooner_than_the_grace(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 2000;
	room_enter(w, ANNA);
	w->pass(w, 240);
	assert_is(w, ANNA, QUEUE_WAITING);
	w->pass(w, 1800);
	assert_int_equal(room_tick(w, 0).waiting, 1);
	assert_is(w, ANNA, QUEUE_WAITING);
}

static void the_silent_are_never_admitted(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 300;
	for (int64_t user = 1; user <= 250; user++) room_enter(w, user); /* more than one round drops */
	w->pass(w, 350);
	room_enter(w, ANNA + 1000);
	struct queue_tick t = room_tick(w, 1000);
	while (t.more) {
		assert_true(t.active <= 1);
		t = room_tick(w, 1000);
	}
	assert_int_equal(t.active, 1);
	assert_int_equal(t.waiting, 0);
	assert_is(w, ANNA + 1000, QUEUE_ACTIVE);
}

static void without_a_grace_nobody_is_dropped(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 0;
	room_enter(w, ANNA);
	room_enter(w, BERT);
	w->pass(w, 300);
	assert_int_equal(room_tick(w, 0).waiting, 2);
	w->rules.grace_ms = 600; /* set now: runs from now */
	assert_int_equal(room_tick(w, 0).waiting, 2);
	w->pass(w, 360);
	assert_is(w, BERT, QUEUE_WAITING);
	w->pass(w, 360);
	assert_int_equal(room_tick(w, 0).waiting, 1);
	assert_waiting(w, BERT, 2, 1, 1);
}

static void an_outage_of_admission_moves_every_deadline(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 2000;
	w->rules.active_ttl_ms = 1500;
	w->rules.claim_ttl_ms = 1000;
	for (int64_t user = 1; user <= 4; user++) room_enter(w, user);
	room_tick(w, 2);
	int64_t ends = room_status(w, 1).expires_ms;
	w->pass(w, 400);
	room_tick(w, 2);
	w->pass(w, 5600); /* nobody admits, and nobody asks */
	int64_t later = room_status(w, 1).expires_ms;
	assert_about(later - ends, 5700);
	assert_true(later - ends > 5500);
	assert_int_equal(verify(w, 1, 1).verdict, VERIFY_ACTIVE);
	struct queue_tick t = room_tick(w, 2);
	assert_int_equal(t.active, 2); /* also the unclaimed one */
	assert_int_equal(t.waiting, 2);
	assert_true(look(w).shift_ms >= 5600);
	assert_is(w, 1, QUEUE_ACTIVE);
	w->pass(w, 700);
	t = room_tick(w, 2);
	assert_int_equal(t.admitted, 1); /* 400 + 700 ms: nobody claimed it */
	assert_is(w, 2, QUEUE_EXPIRED);
	w->pass(w, 600);
	assert_is(w, 1, QUEUE_EXPIRED);
}

/* --- sold out --- */

static void the_waiting_are_told_that_all_is_sold(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	struct queue_tick t = tick_sold(w, true);
	assert_int_equal(t.active, 1);
	assert_int_equal(t.waiting, 1);
	struct queue_place p = room_status(w, BERT);
	assert_int_equal(p.status, QUEUE_SOLD_OUT);
	assert_int_equal(p.number, 2);
	assert_int_equal(p.rank, -1);
	assert_int_equal(hear(w, BERT), QUEUE_SOLD_OUT);
	assert_int_equal(verify(w, BERT, 2).verdict, VERIFY_WAITING);
	assert_is(w, ANNA, QUEUE_ACTIVE);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_ACTIVE);
	assert_true(look(w).sold_out);
	used(w, ANNA);
	assert_int_equal(tick_sold(w, true).admitted, 0);
	p = room_enter(w, CLEO);
	assert_int_equal(p.status, QUEUE_SOLD_OUT);
	assert_int_equal(p.number, 0);
	assert_int_equal(room_verdict(w, CLEO), QUEUE_NO_PLACE);
}

static void reopening_goes_on_in_order_with_those_heard_of(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 300;
	for (int64_t user = 1; user <= 4; user++) room_enter(w, user);
	tick_sold(w, true);
	w->pass(w, 200);
	assert_is(w, 3, QUEUE_SOLD_OUT);
	w->pass(w, 200);
	assert_is(w, 2, QUEUE_SOLD_OUT); /* told so beyond the grace, and is heard of again */
	assert_int_equal(tick_sold(w, true).waiting, 4);
	struct queue_tick t = tick_sold(w, false);
	assert_int_equal(t.admitted, 1);
	assert_int_equal(t.waiting, 1);
	assert_is(w, 2, QUEUE_ACTIVE);
	assert_waiting(w, 3, 3, 1, 1);
	assert_int_equal(room_verdict(w, 1), QUEUE_NO_PLACE);
}

static struct queue_tick tick_until(struct queue_world *w, int64_t max_active, int64_t uses_end)
{
	struct queue_tick k = tick_call(w, max_active);
	k.uses_end = uses_end;
	WELL(w, tick, &k);
	return k;
}

static void the_place_of_who_bought_the_last_seat_goes_to_nobody(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = ANNA; user <= DORA; user++) room_enter(w, user);
	struct queue_tick t = tick_until(w, 1, 2);
	assert_int_equal(t.uses, 0);
	assert_int_equal(t.admitted, 1);
	used(w, ANNA);
	t = tick_until(w, 1, 2); /* one of two seats is left */
	assert_int_equal(t.uses, 1);
	assert_int_equal(t.admitted, 1);
	used(w, BERT);
	t = tick_until(w, 1, 2);
	assert_int_equal(t.uses, 2);
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.active, 0);
	assert_waiting(w, CLEO, 3, 1, 2);
	assert_int_equal(tick_until(w, 1, 3).admitted, 1); /* it was not the last one */
	assert_is(w, CLEO, QUEUE_ACTIVE);
}

static void every_order_is_counted_whoever_bought(void **state)
{
	struct queue_world *w = on_sale(state);
	const int64_t users[] = {ANNA, ANNA, 99}; /* two seats, and one who is not in the queue */
	struct queue_used k = {.schedule = w->schedule, .users = users, .count = 3};
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	WELL(w, used, &k);
	assert_int_equal(room_tick(w, 0).uses, 3);
	used(w, ANNA);
	assert_int_equal(room_tick(w, 0).uses, 4);
	assert_is(w, BERT, QUEUE_WAITING);
}

static void who_only_stands_by_knows_the_uses_too(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_tick(w, 1);
	used(w, ANNA);
	struct queue_tick k = tick_call(w, 1);
	k.daemon = DAEMON + 1;
	WELL(w, tick, &k);
	assert_false(k.mine);
	assert_int_equal(k.uses, 1);
}

/* --- the draw --- */

static struct queue_tick tick_draw(struct queue_world *w, bool drawn)
{
	struct queue_tick t = tick_call(w, 1000);
	t.drawn = drawn;
	WELL(w, tick, &t);
	return t;
}

static unsigned scan_all(struct queue_world *w, int64_t *users, unsigned cap)
{
	struct queue_scan_pre k = {.schedule = w->schedule};
	int64_t found[QUEUE_SCAN_MAX];
	unsigned n = 0;
	do {
		k.users = found;
		WELL(w, scan_pre, &k);
		for (unsigned i = 0; i < k.count && n < cap; i++) {
			unsigned at = 0;
			while (at < n && users[at] != found[i]) at++;
			if (at == n) users[n++] = found[i];
		}
	} while (k.cursor);
	return n;
}

static bool number_piece(
	struct queue_world *w, uint64_t daemon, const int64_t *users, unsigned count, int64_t first, bool finish)
{
	struct queue_number_pre k = {.schedule = w->schedule,
		.daemon = daemon,
		.users = users,
		.count = count,
		.first_number = first,
		.finish = finish,
		.rules = w->rules};
	WELL(w, number_pre, &k);
	return k.mine;
}

static struct queue_world *before_opening(void **state, int64_t ms)
{
	struct queue_world *w = on_sale(state);
	w->rules.opens_at_ms = w->now_ms(w) + ms;
	return w;
}

static void who_comes_early_has_no_number_and_is_not_admitted(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	w->rules.grace_ms = 50;
	struct queue_place p = room_enter(w, ANNA);
	assert_int_equal(p.status, QUEUE_PRE);
	assert_int_equal(p.number, 0);
	assert_int_equal(p.rank, -1);
	room_enter(w, BERT);
	assert_int_equal(room_enter(w, ANNA).total, 2);
	w->pass(w, 100); /* no grace runs */
	struct queue_tick t = tick_draw(w, false);
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.pre, 2);
	assert_false(t.draw_due);
	assert_is(w, ANNA, QUEUE_PRE);
	assert_int_equal(hear(w, BERT), QUEUE_PRE);
	assert_int_equal(verify(w, ANNA, 0).verdict, VERIFY_WAITING);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_INVALID);
	assert_true(is_open(w));
	room_leave(w, ANNA);
	assert_int_equal(room_verdict(w, ANNA), QUEUE_NO_PLACE);
	leave_with(w, BERT, 5, true);
	assert_is(w, BERT, QUEUE_PRE);
	leave_with(w, BERT, QUEUE_NUMBER_EARLY, true);
	assert_int_equal(room_verdict(w, BERT), QUEUE_NO_PLACE);
	assert_int_equal(look(w).pre, 0);
}

/* The hour is moved, not waited for: however long the entries took, they came before it. */
static void open_now(struct queue_world *w)
{
	w->rules.opens_at_ms = w->now_ms(w);
	w->pass(w, 2);
}

static void at_opening_the_draw_comes_before_everything(void **state)
{
	enum { EARLY = 1200 };
	struct queue_world *w = before_opening(state, 60000);
	int64_t *users = calloc(EARLY, sizeof *users);
	for (int64_t user = 1; user <= EARLY; user++) room_enter(w, user);
	open_now(w);
	struct queue_place p = room_enter(w, 5001); /* comes as the first after it */
	assert_int_equal(p.status, QUEUE_WAITING);
	assert_int_equal(p.number, EARLY + 1);
	assert_is(w, 1, QUEUE_PRE);
	struct queue_tick t = tick_draw(w, false);
	assert_true(t.draw_due);
	assert_int_equal(t.admitted, 0);
	assert_int_equal(t.pre, EARLY);
	assert_int_equal(scan_all(w, users, EARLY), EARLY);
	for (int i = 0; i < EARLY; i++) users[i] = EARLY - i; /* the draw */
	assert_true(number_piece(w, DAEMON, users, 500, 1, false));
	assert_int_equal(room_enter(w, 5002).number, EARLY + 2);
	assert_int_equal(room_enter(w, 1).status, QUEUE_PRE);
	assert_int_equal(room_status(w, EARLY).rank, 1);
	assert_int_equal(tick_draw(w, false).admitted, 0);
	assert_true(number_piece(w, DAEMON, users + 500, 500, 501, false));
	assert_int_equal(tick_draw(w, true).admitted, 0); /* whatever the database says */
	assert_true(number_piece(w, DAEMON, users + 1000, 200, 1001, true));
	assert_int_equal(room_enter(w, 5003).number, EARLY + 3);
	for (int i = 0; i < EARLY; i++) assert_waiting(w, users[i], i + 1, i + 1, EARLY + 3);
	t = tick_draw(w, true);
	assert_false(t.draw_due);
	assert_int_equal(t.pre, 0);
	assert_int_equal(t.admitted, QUEUE_ADMIT_MAX);
	assert_int_equal(verify(w, EARLY, 0).verdict, VERIFY_ACTIVE); /* with the token from before the draw */
	assert_int_equal(verify(w, EARLY, 0).verdict, VERIFY_ACTIVE);
	assert_int_equal(verify(w, 1, 0).verdict, VERIFY_WAITING);
	assert_is(w, EARLY, QUEUE_ACTIVE);
	assert_is(w, 1, QUEUE_WAITING);
	used(w, EARLY);
	assert_int_equal(verify(w, EARLY, 0).verdict, VERIFY_INVALID);
	room_enter(w, EARLY);
	leave_with(w, EARLY, QUEUE_NUMBER_EARLY, true); /* the place is a later one */
	assert_is(w, EARLY, QUEUE_WAITING);
	leave_with(w, EARLY - 1, QUEUE_NUMBER_EARLY, true);
	assert_is(w, EARLY - 1, QUEUE_EXPIRED);
	free(users);
}

static void assert_enters(struct queue_world *w, int64_t user, int64_t opens_at_ms, int64_t number)
{
	int64_t kept = w->rules.opens_at_ms;
	w->rules.opens_at_ms = opens_at_ms;
	assert_int_equal(room_enter(w, user).number, number); /* 0: PRE_QUEUE */
	w->rules.opens_at_ms = kept;
}

/* The operator brought it forward; who admits has heard of that, another daemon not yet. */
static void nobody_is_early_once_who_admits_knows_that_it_has_opened(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t users[10], later = w->rules.opens_at_ms;
	assert_enters(w, ANNA, later, 0);
	open_now(w);
	assert_true(tick_draw(w, false).draw_due);
	assert_enters(w, BERT, later, 2);
	assert_int_equal(scan_all(w, users, 10), 1);
	assert_true(number_piece(w, DAEMON, users, 1, 1, true));
	assert_enters(w, CLEO, later, 3);
	assert_int_equal(room_tick(w, 0).waiting, 3);
	assert_enters(w, DORA, later, 4);
	assert_int_equal(look(w).pre, 0);
}

static void nobody_is_early_where_nobody_was(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t later = w->rules.opens_at_ms;
	open_now(w);
	assert_true(tick_draw(w, false).draw_due); /* of nobody */
	assert_enters(w, ANNA, later, 1);
	assert_enters(w, BERT, w->rules.opens_at_ms, 2);
}

static void an_opening_that_is_put_off_has_early_users_again(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t later = w->rules.opens_at_ms;
	open_now(w);
	assert_enters(w, ANNA, w->rules.opens_at_ms, 1);
	room_tick(w, 0);
	w->rules.opens_at_ms = later;
	room_tick(w, 0);
	assert_enters(w, BERT, later, 0);
}

static void an_opening_that_is_put_off_while_nobody_is_there_has_early_users_again(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t later = w->rules.opens_at_ms;
	open_now(w);
	assert_enters(w, ANNA, w->rules.opens_at_ms, 1);
	room_tick(w, 0);
	room_leave(w, ANNA);
	room_tick(w, 0);
	assert_enters(w, BERT, later, 0);
}

static void a_draw_without_anybody_is_due_too(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	open_now(w);
	room_enter(w, ANNA);
	struct queue_tick t = tick_draw(w, false);
	assert_true(t.draw_due);
	assert_int_equal(t.admitted, 0);
	assert_true(number_piece(w, DAEMON, NULL, 0, 1, true));
	assert_int_equal(tick_draw(w, true).admitted, 1);
	assert_int_equal(room_status(w, ANNA).number, 1);
}

static void a_draw_that_is_due_is_looked_at_until_it_is_done(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	struct queue_wake wake = {.schedules = &w->schedule, .count = 1};
	tick_draw(w, false);
	assert_false(is_open(w)); /* nobody came */
	open_now(w);
	WELL(w, wake, &wake);
	assert_true(is_open(w));
	assert_true(tick_draw(w, false).draw_due);
	assert_true(is_open(w));
	assert_true(number_piece(w, DAEMON, NULL, 0, 1, true));
	assert_false(tick_draw(w, true).draw_due);
	assert_false(is_open(w));
}

static void a_draw_begun_again_comes_to_the_same(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t users[] = {5, 3, 1, 4, 2}, again[5];
	for (int64_t user = 1; user <= 5; user++) room_enter(w, user);
	open_now(w);
	assert_true(tick_draw(w, false).draw_due);
	assert_false(number_piece(w, OTHER_DAEMON, users, 5, 1, true)); /* not its lease */
	assert_is(w, 1, QUEUE_PRE);
	assert_true(number_piece(w, DAEMON, users, 3, 1, false));
	room_leave(w, 3); /* numbered already */
	room_leave(w, 4); /* not yet */
	assert_int_equal(room_verdict(w, 3), QUEUE_NO_PLACE);
	assert_int_equal(room_verdict(w, 4), QUEUE_NO_PLACE);
	assert_int_equal(room_enter(w, 4).number, 6); /* behind, as whoever comes later */
	assert_int_equal(scan_all(w, again, 5), 5);
	assert_true(number_piece(w, DAEMON, users, 2, 1, false)); /* another daemon, from the start */
	assert_true(number_piece(w, DAEMON, users + 2, 3, 3, true));
	assert_waiting(w, 5, 1, 1, 4);
	assert_int_equal(room_verdict(w, 3), QUEUE_NO_PLACE);
	assert_waiting(w, 1, 3, 2, 4);
	assert_waiting(w, 2, 5, 3, 4);
	assert_waiting(w, 4, 6, 4, 4);
	assert_true(number_piece(w, DAEMON, users, 5, 1, true)); /* late: nothing */
	assert_int_equal(room_verdict(w, 3), QUEUE_NO_PLACE);
	assert_waiting(w, 4, 6, 4, 4);
}

/* --- loss --- */

static void a_schedule_never_used_wants_an_epoch(void **state)
{
	struct queue_world *w = unused(state);
	assert_int_equal(enter_call(w, ANNA).verdict, QUEUE_NEW_LIFE);
	assert_int_equal(room_verdict(w, ANNA), QUEUE_NEW_LIFE);
	assert_int_equal(verify(w, ANNA, 1).verdict, VERIFY_NEW_LIFE);
	assert_true(look(w).new_life);
	struct queue_tick t = tick_call(w, 1);
	WELL(w, tick, &t);
	assert_true(t.new_life && !t.mine);
	uint8_t status = QUEUE_USED;
	int64_t user = ANNA;
	struct queue_hear h = {.schedule = w->schedule, .users = &user, .count = 1, .rules = w->rules, .status = &status};
	WELL(w, hear, &h);
	assert_true(h.new_life);
	room_revive(w, 0, 0);
	assert_int_equal(room_enter(w, ANNA).number, 1);
	room_revive(w, 0, 0); /* a second daemon, as late */
	assert_int_equal(room_enter(w, BERT).number, 2);
}

static void daemons_that_meet_a_new_queue_at_once_give_it_one_life(void **state)
{
	struct queue_world *w = unused(state);
	assert_int_equal(birth(w, 11), 11);
	assert_int_equal(birth(w, 12), 11);
	assert_false(revive(w, 12, 5, 0)); /* of another life, gone before it lived */
	assert_true(revive(w, 11, 0, 0));
	assert_int_equal(room_enter(w, ANNA).number, 1);
	assert_false(revive(w, 11, 0, 0));
	assert_int_equal(birth(w, 13), 0); /* it lives */
	assert_int_equal(room_enter(w, BERT).number, 2);
}

static void every_new_life_is_another_birth(void **state)
{
	struct queue_world *w = unused(state);
	assert_int_equal(birth(w, 11), 11);
	w->lose(w); /* before it was revived */
	assert_int_equal(birth(w, 12), 12);
	assert_false(revive(w, 11, 0, 0));
	assert_true(revive(w, 12, 1, 0));
	w->restart(w);
	assert_int_equal(birth(w, 13), 13);
	assert_true(revive(w, 13, 2, 0));
	assert_int_equal(room_enter(w, ANNA).number, 2 * (int64_t)QUEUE_EPOCH_NUMBERS + 1);
}

static void lost_places_come_back_by_their_tokens(void **state)
{
	const int64_t epoch = QUEUE_EPOCH_NUMBERS;
	struct queue_world *w = on_sale(state);
	for (int64_t user = 1; user <= 20; user++) room_enter(w, user);
	w->lose(w);
	assert_int_equal(room_verdict(w, 5), QUEUE_NEW_LIFE);
	room_revive(w, 1, 20);
	struct queue_place p = room_enter(w, 500); /* new */
	assert_int_equal(p.number, epoch + 1);
	assert_int_equal(p.epoch, 1);
	for (int64_t user = 20; user >= 1; user--) assert_int_equal(room_enter_with(w, user, user).number, user);
	for (int64_t user = 1; user <= 20; user++) assert_waiting(w, user, user, user, 21);
	assert_waiting(w, 500, epoch + 1, 21, 21);
	assert_int_equal(room_enter_with(w, 3, 3).rank, 3); /* again */
	struct queue_tick t = room_tick(w, 2);
	assert_int_equal(t.active, 2);
	assert_is(w, 1, QUEUE_ACTIVE);
	assert_is(w, 2, QUEUE_ACTIVE);
	assert_int_equal(verify(w, 2, 2).verdict, VERIFY_ACTIVE);
	assert_int_equal(room_enter(w, 501).number, epoch + 2);
}

static void a_token_brings_a_place_back_once(void **state)
{
	struct queue_world *w = on_sale(state);
	w->rules.grace_ms = 200;
	for (int64_t user = 1; user <= 4; user++) room_enter(w, user);
	w->lose(w);
	room_revive(w, 1, 0);
	for (int64_t user = 1; user <= 4; user++) room_enter_with(w, user, user);
	room_tick(w, 1);
	used(w, 1);
	room_leave(w, 1);
	room_leave(w, 2);
	leave_with(w, 3, 3, true);
	w->pass(w, 250);
	assert_int_equal(room_tick(w, 0).waiting, 0); /* 4 fell silent */
	for (int64_t user = 1; user <= 4; user++)
		assert_int_equal(room_enter_with(w, user, user).number, QUEUE_EPOCH_NUMBERS + user);
}

static void a_token_of_this_life_brings_nothing_back(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_leave(w, ANNA);
	assert_int_equal(room_enter_with(w, ANNA, 1).number, 3);
}

static void an_old_snapshot_stays_as_it_is(void **state)
{
	struct queue_world *w = on_sale(state);
	for (int64_t user = 1; user <= 6; user++) room_enter(w, user);
	room_tick(w, 2);
	assert_is(w, 1, QUEUE_ACTIVE);
	used(w, 2);
	w->restart(w);
	assert_int_equal(room_verdict(w, 3), QUEUE_NEW_LIFE);
	assert_int_equal(enter_call(w, 3).verdict, QUEUE_NEW_LIFE);
	assert_int_equal(verify(w, 1, 1).verdict, VERIFY_NEW_LIFE);
	room_revive(w, 1, 0);
	assert_is(w, 1, QUEUE_ACTIVE);
	assert_is(w, 2, QUEUE_USED);
	assert_waiting(w, 3, 3, 1, 4);
	/* 8 came after the snapshot, which has forgotten it; 2 and 1 have had their turn. */
	assert_int_equal(room_enter_with(w, 8, 8).number, 8);
	assert_int_equal(room_enter_with(w, 2, 2).number, QUEUE_EPOCH_NUMBERS + 1);
	room_leave(w, 1);
	assert_int_equal(room_enter_with(w, 1, 1).number, QUEUE_EPOCH_NUMBERS + 2);
	assert_int_equal(room_enter(w, 9).number, QUEUE_EPOCH_NUMBERS + 3);
	struct queue_tick t = room_tick(w, 3);
	assert_int_equal(t.admitted, 3); /* 3, 4, 5: 2 was used, 1 has left */
	assert_int_equal(t.active, 3);
	assert_waiting(w, 8, 8, 2, 5);
	/* And once more: 2 has spent its turn for good, also when it is no longer remembered. */
	room_leave(w, 2);
	w->restart(w);
	room_revive(w, 2, 0);
	assert_int_equal(room_enter_with(w, 2, 2).number, 2 * (int64_t)QUEUE_EPOCH_NUMBERS + 1);
}

/* A place is about its number minus the turn, for everybody who has no look-up. */
static void the_turn_leaps_with_the_numbers(void **state)
{
	struct queue_world *w = on_sale(state);
	room_enter(w, ANNA);
	room_enter(w, BERT);
	room_tick(w, 1);
	w->restart(w);
	room_revive(w, 1, 0);
	assert_int_equal(room_enter(w, CLEO).number, QUEUE_EPOCH_NUMBERS + 1);
	assert_int_equal(look(w).serving, 1); /* Bert waits with a number of before */
	room_leave(w, BERT);
	assert_int_equal(look(w).serving, QUEUE_EPOCH_NUMBERS);
	room_leave(w, CLEO);
	assert_int_equal(look(w).serving, QUEUE_EPOCH_NUMBERS);
}

static void numbers_go_on_above_what_was_seen(void **state)
{
	struct queue_world *w = unused(state);
	room_revive(w, 1, 5000000000);
	assert_int_equal(room_enter(w, ANNA).number, 5000000001);
	assert_int_equal(room_enter_with(w, CLEO, 7000000000).number, 7000000000);
	assert_int_equal(room_enter(w, DORA).number, 7000000001);
	w->restart(w);
	room_revive(w, 1, 0);
	assert_int_equal(room_enter(w, BERT).number, 7000000002);
}

static void early_users_survive_a_restart(void **state)
{
	struct queue_world *w = before_opening(state, 60000);
	int64_t users[] = {3, 1, 2};
	for (int64_t user = 1; user <= 3; user++) room_enter(w, user);
	w->restart(w);
	room_revive(w, 1, 0);
	assert_is(w, 1, QUEUE_PRE);
	open_now(w);
	assert_int_equal(room_enter(w, 9).number, QUEUE_EPOCH_NUMBERS + 1);
	assert_true(tick_draw(w, false).draw_due);
	assert_true(number_piece(w, DAEMON, users, 3, 1, true));
	for (int i = 0; i < 3; i++) assert_waiting(w, users[i], i + 1, i + 1, 4);
	assert_int_equal(room_status(w, 9).rank, 4);
}

/* --- an oracle --- */

/* What should stand there: who waits, in order; who is admitted; how others ended. */
struct oracle {
	int64_t line[64], active[64], seq, number[64];
	int waiting, admitted, limit;
	enum queue_status status[64];
};

static void oracle_remove(int64_t *list, int *n, int64_t user)
{
	int kept = 0;
	for (int i = 0; i < *n; i++) {
		if (list[i] != user) list[kept++] = list[i];
	}
	*n = kept;
}

static void oracle_end(struct oracle *o, int64_t user, enum queue_status s)
{
	oracle_remove(o->line, &o->waiting, user);
	oracle_remove(o->active, &o->admitted, user);
	o->status[user] = s;
}

static void oracle_enter(struct oracle *o, int64_t user)
{
	if (o->status[user] == QUEUE_WAITING || o->status[user] == QUEUE_ACTIVE) return;
	o->status[user] = QUEUE_WAITING;
	o->number[user] = ++o->seq;
	o->line[o->waiting++] = user;
}

static int oracle_tick(struct oracle *o)
{
	int n = 0;
	while (o->admitted < o->limit && o->waiting > 0) {
		int64_t user = o->line[0];
		oracle_end(o, user, QUEUE_ACTIVE);
		o->active[o->admitted++] = user;
		n++;
	}
	return n;
}

static void oracle_agrees(struct queue_world *w, const struct oracle *o, int64_t user)
{
	struct queue_place p = room_status(w, user);
	int64_t rank = o->status[user] == QUEUE_ACTIVE ? 0 : -1;
	assert_string_equal(QUEUE_STATUS_NAME[p.status], QUEUE_STATUS_NAME[o->status[user]]);
	if (p.status == QUEUE_NOBODY) return;
	for (int i = 0; i < o->waiting; i++) {
		if (o->line[i] == user) rank = i + 1;
	}
	assert_int_equal(p.rank, rank);
	assert_int_equal(p.number, o->number[user]);
	assert_int_equal(p.total, o->waiting);
}

static void oracle_step(struct queue_world *w, struct oracle *o, unsigned dice, int64_t user)
{
	bool has_one = o->status[user] == QUEUE_WAITING || o->status[user] == QUEUE_ACTIVE;
	struct queue_tick t;
	switch (dice % 10) {
	case 0:
	case 1:
	case 2:
		room_enter(w, user);
		oracle_enter(o, user);
		break;
	case 3:
		room_leave(w, user);
		oracle_end(o, user, QUEUE_NOBODY);
		break;
	case 4:
		leave_with(w, user, o->number[user], true);
		if (has_one) oracle_end(o, user, QUEUE_EXPIRED);
		break;
	case 5:
		used(w, user);
		if (o->status[user] == QUEUE_ACTIVE) oracle_end(o, user, QUEUE_USED);
		break;
	case 6:
		o->limit = (int)(dice / 10 % 8);
		/* fall through */
	case 7:
		t = room_tick(w, o->limit);
		assert_int_equal(t.admitted, oracle_tick(o));
		assert_int_equal(t.active, o->admitted);
		assert_int_equal(t.waiting, o->waiting);
		break;
	case 8:
		assert_int_equal(verify(w, user, o->number[user]).verdict == VERIFY_ACTIVE, o->status[user] == QUEUE_ACTIVE);
		break;
	default: oracle_agrees(w, o, user);
	}
}

static void thousands_of_random_steps_agree_with_a_simple_model(void **state)
{
	enum { USERS = 40, STEPS_EACH = 6000 };
	struct queue_world *w = on_sale(state);
	struct oracle o = {.limit = 3};
	unsigned seed = getenv("TICKET_TEST_SEED") ? (unsigned)atoi(getenv("TICKET_TEST_SEED")) : 20261121;
	print_message("seed %u\n", seed);
	for (int i = 0; i < STEPS_EACH; i++) {
		unsigned dice = (unsigned)rand_r(&seed);
		oracle_step(w, &o, dice, 1 + rand_r(&seed) % USERS);
	}
	for (int64_t user = 1; user <= USERS; user++) oracle_agrees(w, &o, user);
}

int queue_store_suite(const char *name, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_given_in_order_of_arrival),
		cmocka_unit_test(entering_again_is_the_same_place),
		cmocka_unit_test(fifty_tabs_at_once_get_one_place),
		cmocka_unit_test(who_asks_together_is_told_apart),
		cmocka_unit_test(who_never_came_has_no_place),
		cmocka_unit_test(large_ids_stay_exact),
		cmocka_unit_test(the_first_are_admitted_up_to_the_limit),
		cmocka_unit_test(an_admission_runs_from_when_it_is_first_seen),
		cmocka_unit_test(an_unclaimed_admission_goes_to_the_next),
		cmocka_unit_test(an_admission_ends_and_is_remembered),
		cmocka_unit_test(entering_after_the_end_is_a_new_place_even_before_the_next_round),
		cmocka_unit_test(used_frees_the_place_at_once),
		cmocka_unit_test(leaving_frees_the_place_at_once_and_forgets),
		cmocka_unit_test(a_token_expires_only_its_own_place),
		cmocka_unit_test(verify_tells_why_not),
		cmocka_unit_test(nobody_is_admitted_while_paused_or_with_a_limit_of_none),
		cmocka_unit_test(no_round_admits_more_than_its_bound),
		cmocka_unit_test(no_second_sees_more_than_the_rate),
		cmocka_unit_test(a_thousand_joins_at_once_overshoot_nothing),
		cmocka_unit_test(only_the_holder_of_the_lease_admits),
		cmocka_unit_test(an_idle_schedule_is_looked_at_no_more),
		cmocka_unit_test(the_waiting_are_listed_in_their_order),
		cmocka_unit_test(many_are_heard_of_at_once),
		cmocka_unit_test(who_is_not_heard_of_loses_the_place),
		cmocka_unit_test(silence_is_known_of_every_number),
		cmocka_unit_test(nobody_loses_the_place_sooner_than_the_grace),
		cmocka_unit_test(the_silent_are_never_admitted),
		cmocka_unit_test(without_a_grace_nobody_is_dropped),
		cmocka_unit_test(an_outage_of_admission_moves_every_deadline),
		cmocka_unit_test(the_waiting_are_told_that_all_is_sold),
		cmocka_unit_test(reopening_goes_on_in_order_with_those_heard_of),
		cmocka_unit_test(the_place_of_who_bought_the_last_seat_goes_to_nobody),
		cmocka_unit_test(every_order_is_counted_whoever_bought),
		cmocka_unit_test(who_only_stands_by_knows_the_uses_too),
		cmocka_unit_test(who_comes_early_has_no_number_and_is_not_admitted),
		cmocka_unit_test(at_opening_the_draw_comes_before_everything),
		cmocka_unit_test(nobody_is_early_once_who_admits_knows_that_it_has_opened),
		cmocka_unit_test(nobody_is_early_where_nobody_was),
		cmocka_unit_test(an_opening_that_is_put_off_has_early_users_again),
		cmocka_unit_test(an_opening_that_is_put_off_while_nobody_is_there_has_early_users_again),
		cmocka_unit_test(a_draw_without_anybody_is_due_too),
		cmocka_unit_test(a_draw_that_is_due_is_looked_at_until_it_is_done),
		cmocka_unit_test(a_draw_begun_again_comes_to_the_same),
		cmocka_unit_test(a_schedule_never_used_wants_an_epoch),
		cmocka_unit_test(daemons_that_meet_a_new_queue_at_once_give_it_one_life),
		cmocka_unit_test(every_new_life_is_another_birth),
		cmocka_unit_test(lost_places_come_back_by_their_tokens),
		cmocka_unit_test(a_token_brings_a_place_back_once),
		cmocka_unit_test(a_token_of_this_life_brings_nothing_back),
		cmocka_unit_test(an_old_snapshot_stays_as_it_is),
		cmocka_unit_test(the_turn_leaps_with_the_numbers),
		cmocka_unit_test(numbers_go_on_above_what_was_seen),
		cmocka_unit_test(early_users_survive_a_restart),
		cmocka_unit_test(thousands_of_random_steps_agree_with_a_simple_model),
	};
	return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof *tests, setup, teardown);
}
