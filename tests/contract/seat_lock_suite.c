#include "contract/seat_lock_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/schedule.h"

enum { ANNA = 7, BERT = 8, TTL = 60000, TURNS = 100000 };

/* --- one call, waited for --- */

struct tk_err suite_await(struct seat_world *w, const struct asker *a)
{
	for (int i = 0; !a->answers && i < TURNS; i++) w->turn(w);
	assert_int_equal(a->answers, 1);
	return a->err;
}

#define WELL(w, method, k)                                                                                             \
	do {                                                                                                               \
		struct tk_err err_ = SEAT_CALL(w, method, k);                                                                  \
		if (tk_failed(err_)) fail_msg("%s at %s", err_.what, err_.where);                                              \
	} while (0)

struct seat_no suite_seat(const char *s)
{
	struct seat_no no;
	assert_true(seat_no_parse(s, strlen(s), &no));
	return no;
}

struct seat_change suite_change(
	const struct seat_world *w, const char *seat, int64_t rev, enum seat_claim_kind kind, int64_t user)
{
	return (struct seat_change){
		.schedule = w->schedule, .rev = rev, .user = user, .seat = suite_seat(seat), .kind = kind};
}

void suite_apply(struct seat_world *w, const struct seat_change *changes, unsigned count)
{
	struct seat_apply a = {.changes = changes, .count = count};
	WELL(w, apply, &a);
}

void suite_load(struct seat_world *w, const struct seat_change *changes, unsigned count)
{
	struct seat_birth b = {.schedule = w->schedule};
	WELL(w, birth, &b);
	struct seat_apply a = {.changes = changes, .count = count, .load_birth = b.birth, .load_schedule = w->schedule};
	WELL(w, apply, &a);
}

static void change(struct seat_world *w, const char *seat, int64_t rev, enum seat_claim_kind kind, int64_t user)
{
	struct seat_change c = suite_change(w, seat, rev, kind, user);
	suite_apply(w, &c, 1);
}

/* Seats are parted by blanks. */
static struct seat_hold hold_with(struct seat_world *w, int64_t user, int64_t limit, int64_t ttl_ms, const char *seats)
{
	struct seat_no no[HOLD_SEATS_MAX];
	struct seat_hold h = {.schedule = w->schedule, .user = user, .limit = limit, .ttl_ms = ttl_ms, .seats = no};
	char text[200], *rest = text;
	snprintf(text, sizeof text, "%s", seats);
	for (char *s; (s = strsep(&rest, " "));) no[h.count++] = suite_seat(s);
	WELL(w, hold, &h);
	h.seats = NULL;
	return h;
}

static struct seat_hold hold(struct seat_world *w, int64_t user, const char *seats)
{
	return hold_with(w, user, 4, TTL, seats);
}

enum hold_verdict suite_hold(struct seat_world *w, int64_t user, const char *seat)
{
	return hold(w, user, seat).verdict;
}

static const struct uuid NO_ORDER;

static struct seat_claim claim_with(
	struct seat_world *w, int64_t user, const char *seat, int64_t at_least_ms, struct uuid ended)
{
	struct seat_claim k = {.schedule = w->schedule,
		.user = user,
		.seat = suite_seat(seat),
		.at_least_ms = at_least_ms,
		.ended = ended,
		.order_no = uuid_v7(1700000000000, 1)};
	WELL(w, claim, &k);
	return k;
}

enum claim_verdict suite_claim(struct seat_world *w, int64_t user, const char *seat)
{
	return claim_with(w, user, seat, 0, NO_ORDER).verdict;
}

static struct seat_release release_with(
	struct seat_world *w, int64_t user, const char *seat, struct uuid ended, bool only_ended)
{
	struct seat_release k = {
		.schedule = w->schedule, .user = user, .seat = suite_seat(seat), .ended = ended, .only_ended = only_ended};
	WELL(w, release, &k);
	return k;
}

static enum release_verdict release(struct seat_world *w, int64_t user, const char *seat)
{
	return release_with(w, user, seat, NO_ORDER, false).verdict;
}

static struct seat_plan *plan_of(unsigned count, const char *format)
{
	struct seat *seats = calloc(count, sizeof *seats);
	for (unsigned i = 0; i < count; i++) {
		char text[32];
		snprintf(text, sizeof text, format, i + 1);
		seats[i].no = suite_seat(text);
	}
	return seat_plan_create(seats, count);
}

static bool read_plan(struct seat_world *w, const struct seat_plan *plan, uint8_t *status)
{
	struct seat_read k = {.schedule = w->schedule, .plan = plan, .status = status};
	WELL(w, read, &k);
	return k.loaded;
}

enum seat_status suite_status(struct seat_world *w, const char *seat)
{
	struct seat *one = calloc(1, sizeof *one);
	uint8_t status = SEAT_STATUSES;
	one->no = suite_seat(seat);
	struct seat_plan *plan = seat_plan_create(one, 1);
	assert_true(read_plan(w, plan, &status));
	seat_plan_unref(plan);
	return (enum seat_status)status;
}

static int64_t left(struct seat_world *w, const char *seat)
{
	struct seat_no no = suite_seat(seat);
	return w->left_ms(w, &no);
}
static void delete_key(struct seat_world *w, const char *seat)
{
	struct seat_no no = suite_seat(seat);
	w->delete_key(w, &no);
}
static void set_key(struct seat_world *w, const char *seat, int64_t user, int64_t ttl_ms)
{
	struct seat_no no = suite_seat(seat);
	w->set_key(w, &no, user, ttl_ms);
}

/* A schedule of its own for each test; nothing is loaded. */
static struct seat_world *unloaded(void **state)
{
	struct seat_world *w = *state;
	if (!w) skip();
	w->schedule++;
	return w;
}

static struct seat_world *on_sale(void **state)
{
	struct seat_world *w = unloaded(state);
	suite_load(w, NULL, 0);
	return w;
}

static void assert_about(int64_t ms, int64_t wanted) /* real clocks move on meanwhile */
{
	if (ms > wanted || ms < wanted - 5000) fail_msg("%lld ms, not about %lld", (long long)ms, (long long)wanted);
}

/* --- hold --- */

static void a_free_seat_is_placed_with_its_end(void **state)
{
	struct seat_world *w = on_sale(state);
	struct seat_hold h = hold(w, ANNA, "A-1");
	assert_int_equal(h.verdict, HOLD_PLACED);
	assert_false(h.own[0]);
	assert_int_equal(h.expires_ms[0], h.now_ms + TTL);
	assert_about(left(w, "A-1"), TTL);
	assert_int_equal(suite_status(w, "A-1"), SEAT_HOLD);
}

static void somebody_elses_seat_is_refused(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_HELD);
	assert_int_equal(suite_hold(w, BERT, "A-2"), HOLD_PLACED);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_HELD); /* also for one who has seats */
}

static void own_again_is_placed_and_not_prolonged(void **state)
{
	struct seat_world *w = on_sale(state);
	struct seat_hold first = hold(w, ANNA, "A-1");
	struct seat_hold again = hold_with(w, ANNA, 4, 10 * TTL, "A-1");
	assert_int_equal(again.verdict, HOLD_PLACED);
	assert_true(again.own[0]);
	assert_about(again.expires_ms[0], first.expires_ms[0] + 1000);
	assert_about(left(w, "A-1"), TTL);
}

static void several_are_taken_all_or_none(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, BERT, "A-3");
	struct seat_hold h = hold(w, ANNA, "A-1 A-2 A-3 A-4");
	assert_int_equal(h.verdict, HOLD_HELD);
	assert_int_equal(h.culprit, 2);
	assert_int_equal(left(w, "A-1"), -2);
	assert_int_equal(left(w, "A-4"), -2);
	h = hold(w, ANNA, "A-1 A-2 A-4");
	assert_int_equal(h.verdict, HOLD_PLACED);
	for (int i = 0; i < 3; i++) assert_int_equal(h.expires_ms[i], h.now_ms + TTL);
	assert_int_equal(suite_hold(w, BERT, "A-4"), HOLD_HELD);
}

static void own_ones_among_several_stay_as_they_are(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1 A-2");
	struct seat_hold h = hold_with(w, ANNA, 4, 10 * TTL, "A-3 A-2 A-1 A-4");
	assert_int_equal(h.verdict, HOLD_PLACED);
	assert_true(!h.own[0] && h.own[1] && h.own[2] && !h.own[3]);
	assert_about(left(w, "A-1"), TTL);
	assert_about(left(w, "A-4"), 10 * TTL);
}

static void the_limit_counts_what_is_held(void **state)
{
	struct seat_world *w = on_sale(state);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-1").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-2").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-3").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-1").verdict, HOLD_PLACED); /* again */
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-2 A-1").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-2 A-3").verdict, HOLD_LIMIT);
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_DONE);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-3").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, BERT, 2, TTL, "B-1 B-2 B-3").verdict, HOLD_LIMIT);
}

static void the_limit_counts_what_is_sold_pending_and_held_in_the_database(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	change(w, "A-2", 2, CLAIM_PENDING, ANNA);
	change(w, "A-3", 3, CLAIM_HELD, ANNA);
	assert_int_equal(hold_with(w, ANNA, 3, TTL, "B-1").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, ANNA, 4, TTL, "B-1").verdict, HOLD_PLACED);
	change(w, "A-2", 4, CLAIM_FREE, ANNA);
	assert_int_equal(hold_with(w, ANNA, 4, TTL, "B-2").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, ANNA, 4, TTL, "B-3").verdict, HOLD_LIMIT);
}

static void the_limit_comes_before_the_seats_state(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1 A-2 A-3 A-4");
	hold(w, BERT, "B-1");
	change(w, "B-2", 1, CLAIM_SOLD, BERT);
	assert_int_equal(suite_hold(w, ANNA, "B-1"), HOLD_LIMIT);
	assert_int_equal(suite_hold(w, ANNA, "B-2"), HOLD_LIMIT);
	assert_int_equal(hold_with(w, 9, 0, TTL, "B-1").verdict, HOLD_LIMIT);
}

static void a_deleted_key_frees_the_seat_and_the_limit(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1 A-2 A-3 A-4");
	delete_key(w, "A-2");
	assert_int_equal(suite_status(w, "A-2"), SEAT_AVAILABLE);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_OWNED);
	assert_int_equal(suite_hold(w, BERT, "A-2"), HOLD_PLACED);
	assert_int_equal(suite_hold(w, ANNA, "A-5"), HOLD_PLACED);
	assert_int_equal(suite_hold(w, ANNA, "A-6"), HOLD_LIMIT);
}

static void a_key_set_by_hand_is_followed(void **state)
{
	struct seat_world *w = on_sale(state);
	set_key(w, "A-1", BERT, TTL);
	assert_int_equal(suite_hold(w, ANNA, "A-1"), HOLD_HELD);
	struct seat_hold own = hold_with(w, BERT, 4, 10 * TTL, "A-1");
	assert_int_equal(own.verdict, HOLD_PLACED);
	assert_true(own.own[0]);
	assert_about(left(w, "A-1"), TTL);
	hold(w, ANNA, "A-2");
	set_key(w, "A-2", BERT, TTL); /* taken away */
	assert_int_equal(suite_hold(w, ANNA, "A-2"), HOLD_HELD);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_OWNED);
	assert_int_equal(release(w, ANNA, "A-2"), RELEASE_NOT_OWNED);
}

static void no_hold_lives_forever(void **state)
{
	struct seat_world *w = on_sale(state);
	set_key(w, "A-1", ANNA, 0);
	set_key(w, "A-2", ANNA, 0);
	assert_true(hold(w, ANNA, "A-1").own[0]);
	assert_about(left(w, "A-1"), TTL);
	struct seat_claim k = claim_with(w, ANNA, "A-2", 2 * TTL, NO_ORDER);
	assert_true(k.first);
	assert_about(left(w, "A-2"), 2 * TTL);
}

static void a_hold_ends_by_itself(void **state)
{
	struct seat_world *w = on_sale(state);
	assert_int_equal(hold_with(w, ANNA, 2, 100, "A-1 A-2").verdict, HOLD_PLACED);
	w->pass(w, 150);
	assert_int_equal(suite_status(w, "A-1"), SEAT_AVAILABLE);
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_NOT_HELD);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-2 A-3").verdict, HOLD_PLACED);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_PLACED);
}

static void what_the_database_took_is_refused_to_everybody(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-2");
	change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	change(w, "A-2", 2, CLAIM_PENDING, ANNA);
	change(w, "A-3", 3, CLAIM_HELD, ANNA);
	assert_int_equal(hold_with(w, ANNA, 9, TTL, "A-1").verdict, HOLD_SOLD);
	assert_int_equal(hold_with(w, ANNA, 9, TTL, "A-2").verdict, HOLD_HELD);
	assert_int_equal(hold_with(w, ANNA, 9, TTL, "A-3").verdict, HOLD_HELD);
	struct seat_hold h = hold(w, BERT, "A-4 A-3 A-1");
	assert_int_equal(h.verdict, HOLD_HELD);
	assert_int_equal(h.culprit, 1);
	h = hold(w, BERT, "A-4 A-1 A-3");
	assert_int_equal(h.verdict, HOLD_SOLD);
	assert_int_equal(h.culprit, 1);
}

/* --- holds at the same moment: as if one had come after the other --- */

enum { AT_ONCE_MAX = 200, CARL = 9 };

struct at_once {
	struct seat_hold hold[AT_ONCE_MAX];
	struct asker asker[AT_ONCE_MAX];
	struct seat_no seats[AT_ONCE_MAX][4];
	unsigned count;
};

static struct seat_hold *ask_hold(
	struct seat_world *w, struct at_once *all, int64_t user, int64_t limit, const char *seats)
{
	unsigned i = all->count++;
	struct seat_hold *h = &all->hold[i];
	char text[100], *rest = text;
	*h = (struct seat_hold){
		.schedule = w->schedule, .user = user, .limit = limit, .ttl_ms = TTL, .seats = all->seats[i]};
	snprintf(text, sizeof text, "%s", seats);
	for (char *s; (s = strsep(&rest, " "));) all->seats[i][h->count++] = suite_seat(s);
	ASKER_ASK(&all->asker[i], w->lock, hold, h);
	return h;
}

static void await_all(struct seat_world *w, struct at_once *all)
{
	for (unsigned i = 0; i < all->count; i++) {
		suite_await(w, &all->asker[i]);
		if (tk_failed(all->asker[i].flow.err)) fail_msg("%s", all->asker[i].flow.err.what);
	}
	all->count = 0;
}

static void the_first_of_two_at_once_gets_the_seat(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	for (int turn = 0; turn < 2; turn++) {
		const char *seat = turn ? "A-1" : "A-2";
		struct seat_hold *first = ask_hold(w, &all, turn ? ANNA : BERT, 4, seat);
		struct seat_hold *second = ask_hold(w, &all, turn ? BERT : ANNA, 4, seat);
		await_all(w, &all);
		assert_int_equal(first->verdict, HOLD_PLACED);
		assert_int_equal(second->verdict, HOLD_HELD);
		assert_int_equal(suite_claim(w, first->user, seat), CLAIM_OWN);
	}
}

static void the_same_at_once_is_placed_and_then_their_own(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	struct seat_hold *first = ask_hold(w, &all, ANNA, 1, "A-1"), *again = ask_hold(w, &all, ANNA, 1, "A-1");
	await_all(w, &all);
	assert_int_equal(first->verdict, HOLD_PLACED);
	assert_false(first->own[0]);
	assert_int_equal(again->verdict, HOLD_PLACED);
	assert_true(again->own[0]);
	assert_about(again->expires_ms[0], first->expires_ms[0] + 1000);
}

static void the_limit_counts_what_came_at_once(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	hold(w, BERT, "B-1");
	struct seat_hold *a[] = {ask_hold(w, &all, ANNA, 2, "A-1"), ask_hold(w, &all, BERT, 2, "B-2"),
		ask_hold(w, &all, ANNA, 2, "A-2"), ask_hold(w, &all, BERT, 2, "B-3"), ask_hold(w, &all, ANNA, 2, "A-3"),
		ask_hold(w, &all, ANNA, 2, "A-2 A-1"), ask_hold(w, &all, CARL, 2, "A-3 B-3")};
	await_all(w, &all);
	assert_int_equal(a[0]->verdict, HOLD_PLACED);
	assert_int_equal(a[1]->verdict, HOLD_PLACED);
	assert_int_equal(a[2]->verdict, HOLD_PLACED);
	assert_int_equal(a[3]->verdict, HOLD_LIMIT);
	assert_int_equal(a[4]->verdict, HOLD_LIMIT);
	assert_true(a[5]->verdict == HOLD_PLACED && a[5]->own[0] && a[5]->own[1]);
	assert_int_equal(a[6]->verdict, HOLD_PLACED); /* what was refused has left nothing */
	struct seat_holds k = {.schedule = w->schedule, .user = ANNA};
	WELL(w, holds, &k);
	assert_int_equal(k.count, 2);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "C-1").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, CARL, 2, TTL, "C-1").verdict, HOLD_LIMIT);
}

static void several_at_once_are_taken_all_or_none(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	struct seat_hold *one = ask_hold(w, &all, ANNA, 4, "A-1"), *some = ask_hold(w, &all, BERT, 4, "A-2 A-1 A-3"),
					 *rest = ask_hold(w, &all, CARL, 4, "A-3 A-2");
	await_all(w, &all);
	assert_int_equal(one->verdict, HOLD_PLACED);
	assert_int_equal(some->verdict, HOLD_HELD);
	assert_int_equal(some->culprit, 1);
	assert_int_equal(rest->verdict, HOLD_PLACED);
	rest = ask_hold(w, &all, CARL, 4, "B-3 B-2");
	some = ask_hold(w, &all, BERT, 4, "B-4 B-1");
	one = ask_hold(w, &all, ANNA, 4, "B-1");
	struct seat_hold *mixed = ask_hold(w, &all, BERT, 4, "B-1 B-5 B-2");
	struct seat_hold *more = ask_hold(w, &all, BERT, 4, "B-1 B-5");
	await_all(w, &all);
	assert_int_equal(rest->verdict, HOLD_PLACED);
	assert_int_equal(some->verdict, HOLD_PLACED);
	assert_int_equal(one->verdict, HOLD_HELD);
	assert_int_equal(mixed->verdict, HOLD_HELD);
	assert_int_equal(mixed->culprit, 2);
	assert_true(more->verdict == HOLD_PLACED && more->own[0] && !more->own[1]);
}

static void more_than_fit_into_a_batch_are_all_answered(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once *all = calloc(1, sizeof *all);
	change(w, "S-5", 1, CLAIM_SOLD, BERT);
	for (int i = 0; i < AT_ONCE_MAX; i++) { /* every seat twice, and far apart */
		char seat[16];
		snprintf(seat, sizeof seat, "S-%d", i % (AT_ONCE_MAX / 2));
		ask_hold(w, all, 1000 + i, 4, seat);
	}
	await_all(w, all);
	for (int i = 0; i < AT_ONCE_MAX; i++) {
		enum hold_verdict v = i % (AT_ONCE_MAX / 2) == 5 ? HOLD_SOLD : i < AT_ONCE_MAX / 2 ? HOLD_PLACED : HOLD_HELD;
		assert_int_equal(all->hold[i].verdict, v);
		assert_int_equal(all->hold[i].user, 1000 + i);
	}
	free(all);
}

static void schedules_asked_at_once_do_not_mix(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	struct seat_hold *here[2], *there[2], *unknown;
	int64_t first = w->schedule++;
	suite_load(w, NULL, 0);
	for (int i = 0; i < 2; i++) {
		w->schedule = first;
		here[i] = ask_hold(w, &all, i ? BERT : ANNA, 1, "A-1");
		w->schedule = first + 1;
		there[i] = ask_hold(w, &all, i ? ANNA : BERT, 1, "A-1");
	}
	w->schedule = first + 2; /* not loaded */
	unknown = ask_hold(w, &all, ANNA, 1, "A-1");
	struct seat_hold *also = ask_hold(w, &all, BERT, 1, "A-2 A-3");
	await_all(w, &all);
	assert_int_equal(unknown->verdict, HOLD_NOT_LOADED);
	assert_int_equal(also->verdict, HOLD_NOT_LOADED);
	assert_int_equal(left(w, "A-2"), -2);
	assert_true(here[0]->verdict == HOLD_PLACED && here[1]->verdict == HOLD_HELD);
	assert_true(there[0]->verdict == HOLD_PLACED && there[1]->verdict == HOLD_HELD);
	assert_int_equal(here[0]->user, ANNA);
	assert_int_equal(there[0]->user, BERT);
}

static void terms_asked_at_once_do_not_mix(void **state)
{
	struct seat_world *w = on_sale(state);
	struct at_once all = {0};
	struct seat_hold *a = ask_hold(w, &all, ANNA, 0, "A-1"), *b = ask_hold(w, &all, ANNA, 1, "A-1"),
					 *c = ask_hold(w, &all, ANNA, 1, "A-2"), *d = ask_hold(w, &all, ANNA, 2, "A-2");
	await_all(w, &all);
	assert_int_equal(a->verdict, HOLD_LIMIT);
	assert_int_equal(b->verdict, HOLD_PLACED);
	assert_int_equal(c->verdict, HOLD_LIMIT);
	assert_int_equal(d->verdict, HOLD_PLACED);
}

/* --- claim --- */

static void the_first_claim_gives_the_order_and_prolongs_once(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	struct seat_claim first = claim_with(w, ANNA, "A-1", 2 * TTL, NO_ORDER);
	assert_int_equal(first.verdict, CLAIM_OWN);
	assert_true(first.first);
	assert_about(first.remaining_ms, 2 * TTL);
	assert_about(left(w, "A-1"), 2 * TTL);
	struct seat_claim later = claim_with(w, ANNA, "A-1", 4 * TTL, NO_ORDER);
	assert_false(later.first);
	assert_true(uuid_equal(&first.order_no, &later.order_no));
	assert_about(left(w, "A-1"), 2 * TTL);
	struct seat_claim renewed = claim_with(w, ANNA, "A-1", 4 * TTL, first.order_no);
	assert_true(renewed.first);
	assert_false(uuid_equal(&first.order_no, &renewed.order_no));
	assert_about(left(w, "A-1"), 2 * TTL);
	later = claim_with(w, ANNA, "A-1", 0, NO_ORDER);
	assert_true(uuid_equal(&renewed.order_no, &later.order_no));
}

static void a_claim_never_shortens(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	assert_about(claim_with(w, ANNA, "A-1", 1000, NO_ORDER).remaining_ms, TTL);
	assert_about(left(w, "A-1"), TTL);
}

static void a_prolonged_hold_counts_to_its_end(void **state)
{
	struct seat_world *w = on_sale(state);
	hold_with(w, ANNA, 1, 100, "A-1");
	claim_with(w, ANNA, "A-1", TTL, NO_ORDER);
	w->pass(w, 150);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_LIMIT);
}

static void a_new_hold_has_no_order(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	struct seat_claim old = claim_with(w, ANNA, "A-1", 0, NO_ORDER);
	delete_key(w, "A-1");
	hold(w, ANNA, "A-1");
	struct seat_claim fresh = claim_with(w, ANNA, "A-1", 0, NO_ORDER);
	assert_true(fresh.first);
	assert_false(uuid_equal(&old.order_no, &fresh.order_no));
	set_key(w, "A-9", BERT, TTL); /* by hand */
	assert_true(claim_with(w, BERT, "A-9", 0, NO_ORDER).first);
}

static void fifty_claims_at_once_get_one_order(void **state)
{
	enum { MANY = 50 };
	struct seat_world *w = on_sale(state);
	struct seat_claim k[MANY];
	struct asker a[MANY];
	int first = 0;
	hold(w, ANNA, "A-1");
	for (int i = 0; i < MANY; i++) {
		k[i] = (struct seat_claim){
			.schedule = w->schedule, .user = ANNA, .seat = suite_seat("A-1"), .order_no = uuid_v7(1700000000000, 1)};
		ASKER_ASK(&a[i], w->lock, claim, &k[i]);
	}
	for (int i = 0; i < MANY; i++) {
		suite_await(w, &a[i]);
		assert_int_equal(k[i].verdict, CLAIM_OWN);
		assert_true(uuid_equal(&k[0].order_no, &k[i].order_no));
		first += k[i].first;
	}
	assert_int_equal(first, 1);
}

static void claims_at_once_are_as_one_after_the_other(void **state)
{
	enum { SEATS = 3, ALL = 2 * SEATS + 2 };
	static const char *const SEAT[SEATS] = {"A-1", "A-2", "A-3"};
	struct seat_world *w = on_sale(state);
	struct seat_claim k[ALL];
	struct asker a[ALL];
	hold(w, ANNA, "A-1 A-3");
	hold_with(w, BERT, 4, 100, "A-2");
	for (int i = 0; i < ALL; i++) {
		int64_t user = i % SEATS == 1 ? BERT : ANNA; /* the last two are the other's */
		k[i] = (struct seat_claim){.schedule = w->schedule,
			.user = i < 2 * SEATS ? user : ANNA + BERT - user,
			.seat = suite_seat(SEAT[i % SEATS]),
			.at_least_ms = TTL / 2,
			.order_no = uuid_v7(1700000000000, (uint64_t)i)};
		ASKER_ASK(&a[i], w->lock, claim, &k[i]);
	}
	for (int i = 0; i < ALL; i++) suite_await(w, &a[i]);
	for (int i = 0; i < 2 * SEATS; i++) {
		assert_int_equal(k[i].verdict, CLAIM_OWN);
		assert_int_equal(k[i].first, i < SEATS);
		assert_true(uuid_equal(&k[i].order_no, &k[i % SEATS].order_no));
		assert_about(k[i].remaining_ms, i % SEATS == 1 ? TTL / 2 : TTL);
		assert_int_equal(release(w, k[i].user, SEAT[i % SEATS]), RELEASE_ORDERED); /* all are remembered */
	}
	assert_about(left(w, "A-2"), TTL / 2);
	assert_int_equal(k[ALL - 2].verdict, CLAIM_NOT_OWNED);
	assert_int_equal(k[ALL - 1].verdict, CLAIM_NOT_OWNED);
}

static void a_claim_says_why_not(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	assert_int_equal(suite_claim(w, BERT, "A-1"), CLAIM_NOT_OWNED);
	assert_int_equal(suite_claim(w, BERT, "A-2"), CLAIM_NOT_OWNED);
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	assert_int_equal(suite_claim(w, BERT, "A-1"), CLAIM_IS_TAKEN);
	assert_int_equal(suite_claim(w, ANNA, "A-1"), CLAIM_OWN);
	change(w, "A-1", 2, CLAIM_SOLD, ANNA);
	assert_int_equal(suite_claim(w, BERT, "A-1"), CLAIM_IS_SOLD);
	assert_int_equal(suite_claim(w, ANNA, "A-1"), CLAIM_IS_SOLD);
	change(w, "A-3", 3, CLAIM_HELD, ANNA);
	assert_int_equal(suite_claim(w, BERT, "A-3"), CLAIM_IS_TAKEN);
	change(w, "A-3", 4, CLAIM_FREE, ANNA);
	assert_int_equal(suite_claim(w, BERT, "A-3"), CLAIM_NOT_OWNED);
}

/* --- release, holds --- */

static void a_release_compares_before_it_deletes(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	assert_int_equal(release(w, BERT, "A-1"), RELEASE_NOT_OWNED);
	assert_about(left(w, "A-1"), TTL);
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_DONE);
	assert_int_equal(left(w, "A-1"), -2);
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_NOT_HELD);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_PLACED);
}

static void a_claimed_hold_is_left_unless_its_order_ended(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	struct uuid order_no = claim_with(w, ANNA, "A-1", 0, NO_ORDER).order_no;
	struct seat_release k = release_with(w, ANNA, "A-1", uuid_v7(1, 1), false);
	assert_int_equal(k.verdict, RELEASE_ORDERED);
	assert_true(uuid_equal(&k.order_no, &order_no));
	assert_about(left(w, "A-1"), TTL);
	assert_int_equal(release_with(w, ANNA, "A-1", order_no, false).verdict, RELEASE_DONE);
	assert_int_equal(left(w, "A-1"), -2);
	hold(w, ANNA, "A-1");
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_DONE); /* another hold, without an order */
}

static void an_ended_order_takes_only_its_own_hold_along(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	struct uuid ended = uuid_v7(1, 1), order_no;
	assert_int_equal(release_with(w, ANNA, "A-1", ended, true).verdict, RELEASE_NOT_HELD);
	order_no = claim_with(w, ANNA, "A-1", 0, NO_ORDER).order_no;
	assert_int_equal(release_with(w, ANNA, "A-1", ended, true).verdict, RELEASE_NOT_HELD);
	struct seat_claim renewed = claim_with(w, ANNA, "A-1", 0, order_no), late = claim_with(w, ANNA, "A-1", 0, order_no);
	assert_true(renewed.first);
	assert_false(late.first);
	assert_true(uuid_equal(&renewed.order_no, &late.order_no));
	assert_int_equal(release_with(w, ANNA, "A-1", order_no, true).verdict, RELEASE_NOT_HELD);
	assert_about(left(w, "A-1"), TTL);
	assert_int_equal(release_with(w, ANNA, "A-1", renewed.order_no, true).verdict, RELEASE_DONE);
	assert_int_equal(left(w, "A-1"), -2);
}

static void holds_are_listed_by_seat_number(void **state)
{
	struct seat_world *w = on_sale(state);
	struct seat_hold h = hold(w, ANNA, "A-10 A-9 B-1");
	hold(w, BERT, "A-1");
	delete_key(w, "B-1");
	hold(w, ANNA, "A-100");
	struct seat_holds k = {.schedule = w->schedule, .user = ANNA};
	WELL(w, holds, &k);
	assert_int_equal(k.count, 3);
	assert_string_equal(k.seats[0].s, "A-9");
	assert_string_equal(k.seats[1].s, "A-10");
	assert_string_equal(k.seats[2].s, "A-100");
	assert_about(k.expires_ms[0], h.expires_ms[0] + 1000);
	assert_true(k.now_ms >= h.now_ms);
	k.user = 99;
	WELL(w, holds, &k);
	assert_int_equal(k.count, 0);
}

static void what_is_sold_is_no_hold(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1 A-2");
	change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	struct seat_holds k = {.schedule = w->schedule, .user = ANNA};
	WELL(w, holds, &k);
	assert_int_equal(k.count, 1);
	assert_string_equal(k.seats[0].s, "A-2");
}

static unsigned forgotten(struct seat_world *w)
{
	struct seat_prune k = {.schedule = w->schedule};
	unsigned all = 0;
	do {
		WELL(w, prune, &k);
		all += k.forgotten;
	} while (k.cursor);
	return all;
}

static void users_whose_holds_have_ended_are_forgotten(void **state)
{
	enum { MANY = 250, FAN = 10, BY_HAND };
	struct seat_world *w = on_sale(state);
	assert_int_equal(forgotten(w), 0);
	hold_with(w, ANNA, 4, 100, "A-1 A-2");
	hold_with(w, BERT, 4, 100, "B-1");
	struct uuid order_no = claim_with(w, BERT, "B-1", TTL, NO_ORDER).order_no;
	hold_with(w, CARL, 4, 100, "C-1 C-2");
	change(w, "C-1", 1, CLAIM_SOLD, CARL);
	hold(w, FAN, "D-1");
	hold_with(w, BY_HAND, 4, 100, "E-1");
	set_key(w, "E-1", BY_HAND, TTL);
	for (int i = 0; i < MANY; i++) {
		char seat[16];
		snprintf(seat, sizeof seat, "S-%d", i);
		hold_with(w, 1000 + i, 4, 1, seat);
	}
	w->pass(w, 150);
	assert_int_equal(forgotten(w), 1 + MANY); /* Anna, and the many */
	assert_int_equal(forgotten(w), 0);
	struct seat_claim later = claim_with(w, BERT, "B-1", 0, NO_ORDER);
	assert_true(later.verdict == CLAIM_OWN && uuid_equal(&later.order_no, &order_no));
	assert_int_equal(hold_with(w, CARL, 1, TTL, "A-1").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, FAN, 1, TTL, "A-1").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-1").verdict, HOLD_PLACED);
}

/* --- the copy --- */

static void only_a_larger_revision_is_applied(void **state)
{
	struct seat_world *w = on_sale(state);
	change(w, "A-1", 5, CLAIM_SOLD, ANNA);
	change(w, "A-1", 7, CLAIM_FREE, ANNA);
	assert_int_equal(suite_status(w, "A-1"), SEAT_AVAILABLE);
	change(w, "A-2", 7, CLAIM_FREE, ANNA);
	change(w, "A-2", 5, CLAIM_SOLD, ANNA);
	assert_int_equal(suite_status(w, "A-2"), SEAT_AVAILABLE);
	change(w, "A-3", 7, CLAIM_SOLD, ANNA);
	change(w, "A-3", 7, CLAIM_FREE, BERT);
	assert_int_equal(suite_status(w, "A-3"), SEAT_SOLD_OUT);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-1").verdict, HOLD_LIMIT); /* A-3, not */
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "A-1").verdict, HOLD_PLACED);
}

static void changes_of_one_seat_may_come_together(void **state)
{
	struct seat_world *w = on_sale(state);
	struct seat_change both[] = {
		suite_change(w, "A-1", 9, CLAIM_SOLD, BERT),
		suite_change(w, "A-1", 8, CLAIM_FREE, ANNA),
		suite_change(w, "A-2", 8, CLAIM_SOLD, ANNA),
		suite_change(w, "A-2", 9, CLAIM_FREE, ANNA),
	};
	suite_apply(w, both, 4);
	suite_apply(w, both, 4);
	assert_int_equal(suite_status(w, "A-1"), SEAT_SOLD_OUT);
	assert_int_equal(suite_status(w, "A-2"), SEAT_AVAILABLE);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "B-1").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, BERT, 1, TTL, "B-2").verdict, HOLD_LIMIT);
}

static void seats_of_one_buyer_may_come_together(void **state)
{
	struct seat_world *w = on_sale(state);
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	struct seat_change both[] = {
		suite_change(w, "A-1", 2, CLAIM_SOLD, ANNA), suite_change(w, "A-2", 3, CLAIM_SOLD, ANNA)};
	suite_apply(w, both, 2);
	assert_int_equal(hold_with(w, ANNA, 2, TTL, "B-1").verdict, HOLD_LIMIT);
	assert_int_equal(hold_with(w, ANNA, 3, TTL, "B-1").verdict, HOLD_PLACED);
}

static void a_sale_ends_whoevers_hold(void **state)
{
	struct seat_world *w = on_sale(state);
	hold_with(w, ANNA, 1, TTL, "A-1");
	change(w, "A-1", 1, CLAIM_SOLD, BERT);
	assert_int_equal(left(w, "A-1"), -2);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, BERT, 1, TTL, "A-3").verdict, HOLD_LIMIT);
}

static void a_seat_that_changes_owner_counts_for_the_new_one(void **state)
{
	struct seat_world *w = on_sale(state);
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	change(w, "A-1", 2, CLAIM_SOLD, BERT);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_PLACED);
	assert_int_equal(hold_with(w, BERT, 1, TTL, "A-3").verdict, HOLD_LIMIT);
}

static void a_pending_seat_keeps_its_hold(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1");
	struct seat_claim k = claim_with(w, ANNA, "A-1", 0, NO_ORDER);
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	assert_about(left(w, "A-1"), TTL);
	assert_int_equal(release(w, ANNA, "A-1"), RELEASE_ORDERED);
	struct seat_claim later = claim_with(w, ANNA, "A-1", 0, NO_ORDER);
	assert_true(uuid_equal(&k.order_no, &later.order_no));
	change(w, "A-1", 2, CLAIM_FREE, ANNA);
	assert_int_equal(suite_status(w, "A-1"), SEAT_HOLD);
	assert_true(hold(w, ANNA, "A-1").own[0]);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_HELD);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_LIMIT);
}

static void a_pending_seat_stays_refused_when_its_hold_has_ended(void **state)
{
	struct seat_world *w = on_sale(state);
	hold_with(w, ANNA, 4, 100, "A-1");
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	w->pass(w, 150);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_HELD);
	assert_int_equal(suite_status(w, "A-1"), SEAT_HOLD);
	assert_int_equal(suite_claim(w, ANNA, "A-1"), CLAIM_NOT_OWNED);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_LIMIT);
}

static void a_pending_seat_ends_anothers_hold(void **state)
{
	struct seat_world *w = on_sale(state);
	hold_with(w, BERT, 1, TTL, "A-1");
	change(w, "A-1", 1, CLAIM_PENDING, ANNA);
	assert_int_equal(left(w, "A-1"), -2);
	assert_int_equal(hold_with(w, BERT, 1, TTL, "A-2").verdict, HOLD_PLACED);
}

static void nothing_is_said_before_a_load(void **state)
{
	struct seat_world *w = unloaded(state);
	struct seat_change sold = suite_change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	set_key(w, "A-2", ANNA, TTL);
	suite_apply(w, &sold, 1); /* a change alone loads nothing */
	assert_int_equal(suite_hold(w, ANNA, "A-1"), HOLD_NOT_LOADED);
	assert_int_equal(suite_hold(w, ANNA, "A-2"), HOLD_NOT_LOADED);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_LOADED);
	struct seat_plan *plan = plan_of(1200, "A-%u");
	uint8_t status[1200];
	assert_false(read_plan(w, plan, status));
	suite_load(w, NULL, 0);
	assert_true(read_plan(w, plan, status));
	assert_int_equal(status[0], SEAT_SOLD_OUT);
	seat_plan_unref(plan);
}

static void after_a_loss_sold_seats_stay_refused(void **state)
{
	struct seat_world *w = on_sale(state);
	hold(w, ANNA, "A-1 A-2");
	change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	w->lose(w);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_NOT_LOADED);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_LOADED);
	struct seat_change sold = suite_change(w, "A-1", 1, CLAIM_SOLD, ANNA);
	suite_load(w, &sold, 1);
	assert_int_equal(suite_hold(w, BERT, "A-1"), HOLD_SOLD);
	assert_int_equal(suite_claim(w, ANNA, "A-2"), CLAIM_NOT_OWNED);
	assert_int_equal(hold_with(w, ANNA, 1, TTL, "A-2").verdict, HOLD_LIMIT); /* the sold one counts again */
}

/* The database is read, the copy is lost, a sale is noted there that was made since; the load knows nothing of either. */
static void a_load_from_before_a_loss_does_not_count(void **state)
{
	struct seat_world *w = unloaded(state);
	struct seat_birth b = {.schedule = w->schedule};
	WELL(w, birth, &b);
	change(w, "A-1", 1, CLAIM_SOLD, BERT);
	w->lose(w);
	change(w, "A-2", 2, CLAIM_SOLD, BERT);
	struct seat_apply a = {.load_birth = b.birth, .load_schedule = w->schedule};
	assert_int_equal(SEAT_CALL(w, apply, &a).kind, TK_UNAVAILABLE);
	assert_int_equal(suite_hold(w, ANNA, "A-1"), HOLD_NOT_LOADED);
	/* Somebody else's load, begun since, doesn't make it right. */
	struct seat_birth other = {.schedule = w->schedule};
	WELL(w, birth, &other);
	assert_int_equal(SEAT_CALL(w, apply, &a).kind, TK_UNAVAILABLE);
	a.load_birth = other.birth;
	WELL(w, apply, &a);
	assert_int_equal(suite_hold(w, ANNA, "A-2"), HOLD_SOLD);
}

/* Daemons that load at the same time don't disturb each other. */
static void a_copy_has_one_birth(void **state)
{
	struct seat_world *w = unloaded(state);
	struct seat_birth first = {.schedule = w->schedule}, second = first;
	WELL(w, birth, &first);
	WELL(w, birth, &second);
	assert_true(first.birth > 0);
	assert_int_equal(first.birth, second.birth);
	suite_load(w, NULL, 0);
	struct seat_apply a = {.load_birth = first.birth, .load_schedule = w->schedule};
	WELL(w, apply, &a);
	assert_int_equal(suite_hold(w, ANNA, "A-1"), HOLD_PLACED);
}

static void many_changes_of_many_schedules_arrive(void **state)
{
	enum { SEATS = 700, SCHEDULES = 3, ALL = SEATS * SCHEDULES };
	struct seat_world *w = unloaded(state);
	struct seat_change *all = calloc(ALL, sizeof *all);
	int64_t from = w->schedule;
	for (int i = 0; i < ALL; i++) {
		char text[32];
		snprintf(text, sizeof text, "C-%d", i / SCHEDULES + 1);
		all[i] = suite_change(w, text, i + 1, i % 2 ? CLAIM_SOLD : CLAIM_PENDING, 1000 + i / 4);
		all[i].schedule = from + i % SCHEDULES;
	}
	suite_apply(w, all, ALL);
	struct seat_plan *plan = plan_of(SEATS + 1, "C-%u");
	uint8_t status[SEATS + 1];
	for (int s = 0; s < SCHEDULES; s++, w->schedule++) {
		suite_load(w, NULL, 0);
		assert_true(read_plan(w, plan, status));
		for (int i = 0; i < SEATS; i++)
			assert_int_equal(status[i], (i * SCHEDULES + s) % 2 ? SEAT_SOLD_OUT : SEAT_HOLD);
		assert_int_equal(status[SEATS], SEAT_AVAILABLE);
	}
	w->schedule--;
	seat_plan_unref(plan);
	free(all);
}

static void a_read_shows_every_seat(void **state)
{
	struct seat_world *w = on_sale(state);
	struct seat_plan *plan = plan_of(1003, "A-%u");
	uint8_t status[1003];
	hold(w, ANNA, "A-1 A-500 A-501 A-1003");
	change(w, "A-1000", 1, CLAIM_SOLD, BERT);
	change(w, "A-2", 2, CLAIM_HELD, BERT);
	change(w, "A-3", 3, CLAIM_FREE, BERT);
	assert_true(read_plan(w, plan, status));
	for (unsigned i = 0; i < 1003; i++) {
		bool is_held = i == 0 || i == 1 || i == 499 || i == 500 || i == 1002;
		assert_int_equal(status[i], i == 999 ? SEAT_SOLD_OUT : is_held ? SEAT_HOLD : SEAT_AVAILABLE);
	}
	seat_plan_unref(plan);
}

static void large_ids_stay_exact(void **state)
{
	struct seat_world *w = on_sale(state);
	const int64_t user = ID_MAX;
	assert_int_equal(suite_hold(w, user, "A-1"), HOLD_PLACED);
	assert_int_equal(suite_hold(w, user - 1, "A-1"), HOLD_HELD);
	assert_true(hold(w, user, "A-1").own[0]);
	change(w, "A-1", 1, CLAIM_PENDING, user);
	assert_int_equal(suite_claim(w, user, "A-1"), CLAIM_OWN);
	assert_int_equal(suite_claim(w, user - 1, "A-1"), CLAIM_IS_TAKEN);
}

int seat_lock_suite(const char *name, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_seat_is_placed_with_its_end),
		cmocka_unit_test(somebody_elses_seat_is_refused),
		cmocka_unit_test(own_again_is_placed_and_not_prolonged),
		cmocka_unit_test(several_are_taken_all_or_none),
		cmocka_unit_test(own_ones_among_several_stay_as_they_are),
		cmocka_unit_test(the_limit_counts_what_is_held),
		cmocka_unit_test(the_limit_counts_what_is_sold_pending_and_held_in_the_database),
		cmocka_unit_test(the_limit_comes_before_the_seats_state),
		cmocka_unit_test(a_deleted_key_frees_the_seat_and_the_limit),
		cmocka_unit_test(a_key_set_by_hand_is_followed),
		cmocka_unit_test(no_hold_lives_forever),
		cmocka_unit_test(a_hold_ends_by_itself),
		cmocka_unit_test(what_the_database_took_is_refused_to_everybody),
		cmocka_unit_test(the_first_of_two_at_once_gets_the_seat),
		cmocka_unit_test(the_same_at_once_is_placed_and_then_their_own),
		cmocka_unit_test(the_limit_counts_what_came_at_once),
		cmocka_unit_test(several_at_once_are_taken_all_or_none),
		cmocka_unit_test(more_than_fit_into_a_batch_are_all_answered),
		cmocka_unit_test(schedules_asked_at_once_do_not_mix),
		cmocka_unit_test(terms_asked_at_once_do_not_mix),
		cmocka_unit_test(the_first_claim_gives_the_order_and_prolongs_once),
		cmocka_unit_test(a_claim_never_shortens),
		cmocka_unit_test(a_prolonged_hold_counts_to_its_end),
		cmocka_unit_test(a_new_hold_has_no_order),
		cmocka_unit_test(fifty_claims_at_once_get_one_order),
		cmocka_unit_test(claims_at_once_are_as_one_after_the_other),
		cmocka_unit_test(a_claim_says_why_not),
		cmocka_unit_test(a_release_compares_before_it_deletes),
		cmocka_unit_test(a_claimed_hold_is_left_unless_its_order_ended),
		cmocka_unit_test(an_ended_order_takes_only_its_own_hold_along),
		cmocka_unit_test(holds_are_listed_by_seat_number),
		cmocka_unit_test(what_is_sold_is_no_hold),
		cmocka_unit_test(users_whose_holds_have_ended_are_forgotten),
		cmocka_unit_test(only_a_larger_revision_is_applied),
		cmocka_unit_test(changes_of_one_seat_may_come_together),
		cmocka_unit_test(seats_of_one_buyer_may_come_together),
		cmocka_unit_test(a_sale_ends_whoevers_hold),
		cmocka_unit_test(a_seat_that_changes_owner_counts_for_the_new_one),
		cmocka_unit_test(a_pending_seat_keeps_its_hold),
		cmocka_unit_test(a_pending_seat_stays_refused_when_its_hold_has_ended),
		cmocka_unit_test(a_pending_seat_ends_anothers_hold),
		cmocka_unit_test(nothing_is_said_before_a_load),
		cmocka_unit_test(after_a_loss_sold_seats_stay_refused),
		cmocka_unit_test(a_load_from_before_a_loss_does_not_count),
		cmocka_unit_test(a_copy_has_one_birth),
		cmocka_unit_test(many_changes_of_many_schedules_arrive),
		cmocka_unit_test(a_read_shows_every_seat),
		cmocka_unit_test(large_ids_stay_exact),
	};
	return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof *tests, setup, teardown);
}
