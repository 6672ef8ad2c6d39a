/* Admission, steering and live positions: backstage's jobs and a shard's board, over fakes, with their faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "api/app/leave_queue.h"
#include "api/jobs/rooms.h"
#include "runtime/mem.h"
#include "runtime/when.h"
#include "support/hall.h"

enum { TOM = 1, ANN = 2, BOB = 3, EVE = 4 };
static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};

static int open_hall(void **state)
{
	*state = hall_open();
	return 0;
}

static int close_hall(void **state)
{
	hall_close(*state);
	return 0;
}

/* --- waiting for something --- */

struct expected {
	int64_t schedule, user;
	enum queue_status status;
};

static bool has_status(struct hall *h, void *arg)
{
	const struct expected *e = arg;

	return hall_status(h, e->schedule, e->user) == e->status;
}

static bool becomes(struct hall *h, int64_t user, enum queue_status status, int within_ms)
{
	return hall_turn_until(h, has_status, &(struct expected){HALL_OPEN, user, status}, within_ms);
}

static void steer(struct hall *h, int64_t max_active, int64_t admit_per_s, bool paused)
{
	fake_book_of(&h->w.books, HALL_OPEN)->setting = (struct queue_setting){HALL_OPEN, max_active, admit_per_s, paused};
}

static void enter_all(struct hall *h)
{
	for (int64_t user = TOM; user <= EVE; user++) hall_enter(h, user);
}

static void leave(struct hall *h, int64_t user)
{
	struct leave_queue l = {0};
	unsigned mark = hall_mark(h);

	leave_queue_start(&l, &h->services, HALL_OPEN, user, hall_done);
	hall_wait(h, mark);
	leave_queue_finish(&l);
}

/* --- admission --- */

static void the_first_are_admitted_and_no_more_than_may_be(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	hall_turn_for(h, 500);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_ACTIVE);
	assert_int_equal(hall_status(h, HALL_OPEN, BOB), QUEUE_WAITING);
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
}

static void a_place_that_is_given_back_goes_to_the_next_at_once(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	leave(h, TOM);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 500));
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
}

static void settings_of_the_operator_are_in_force_within_a_second(void **state)
{
	struct hall *h = *state;

	steer(h, 0, 1000, false);
	hall_begin(h);
	enter_all(h);
	hall_turn_for(h, 800);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_WAITING);
	steer(h, 3, 1000, false);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 1000));
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
	steer(h, 10, 1000, true);
	hall_turn_for(h, 1000);
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
	steer(h, 10, 1000, false);
	assert_true(becomes(h, EVE, QUEUE_ACTIVE, 1000));
}

static void nobody_is_admitted_by_settings_that_are_not_known(void **state)
{
	struct hall *h = *state;

	h->w.books.fault[FAKE_SETTINGS] = (struct fake_fault){.countdown = 1, .times = 1000000, .err = AWAY};
	hall_begin(h);
	hall_enter(h, TOM);
	hall_turn_for(h, 1000);
	assert_int_equal(h->w.queue.calls[FAKE_TICK], 0);
	h->w.books.fault[FAKE_SETTINGS] = (struct fake_fault){0};
	assert_true(becomes(h, TOM, QUEUE_ACTIVE, 1000));
	/* Known once, they hold while the database is away. */
	h->w.books.fault[FAKE_SETTINGS] = (struct fake_fault){.countdown = 1, .times = 1000000, .err = AWAY};
	hall_enter(h, ANN);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 1000));
}

static void a_closed_sale_admits_nobody(void **state)
{
	struct hall *h = *state;

	steer(h, 0, 1000, false);
	hall_begin(h);
	hall_enter(h, TOM);
	hall_turn_for(h, 300);
	fake_catalogue_show(&h->w.catalogue, HALL_OPEN)->row.status = SCHEDULE_CLOSED;
	hall_turn_for(h, 800);
	steer(h, 10, 1000, false);
	hall_turn_for(h, 1000);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_WAITING);
	fake_catalogue_show(&h->w.catalogue, HALL_OPEN)->row.status = SCHEDULE_ON_SALE;
	assert_true(becomes(h, TOM, QUEUE_ACTIVE, 1500));
}

static void redis_away_for_a_while_costs_nobody_a_place(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	hall_enter(h, TOM);
	for (int i = 0; i < 5; i++) {
		h->w.queue.fault[FAKE_OPEN] = (struct fake_fault){.countdown = 1, .err = AWAY};
		h->w.queue.fault[FAKE_TICK] = (struct fake_fault){.countdown = 2, .err = AWAY};
		hall_turn_for(h, 150);
	}
	assert_true(becomes(h, TOM, QUEUE_ACTIVE, 1500));
}

static void a_queue_that_redis_lost_is_begun_anew_by_admission(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	fake_queue_store_restart(&h->w.queue); /* an old snapshot: everybody is still there */
	leave(h, TOM);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 1500));
}

/* --- the lease --- */

struct rival {
	struct queue_tick tick;
	struct flow flow;
};

static void rival_asks(struct flow *f)
{
	struct rival *r = container_of(f, struct rival, flow);
	(void)r;
}

static int rival_answered(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step RIVAL[] = {{"tick", rival_asks, rival_answered}};

static bool rival_ticks(struct hall *h, int64_t lease_ms)
{
	static struct rival r;
	unsigned mark = hall_mark(h);

	memset(&r, 0, sizeof r);
	flow_start(&r.flow, RIVAL, 0, hall_done);
	r.tick = (struct queue_tick){
		.call.flow = &r.flow,
		.schedule = HALL_OPEN,
		.daemon = 4711,
		.lease_ms = lease_ms,
		.max_active = 0,
		.admit_per_s = 1,
		.drawn = true,
		.uses_end = INT64_MAX,
		.rules = {.opens_at_ms = TIME_NONE, .active_ttl_ms = 1000, .claim_ttl_ms = 1000, .grace_ms = 0},
	};
	h->w.queue.port.tick(&h->w.queue.port, &r.tick);
	hall_wait(h, mark);
	return r.tick.mine;
}

static void one_daemon_admits_and_another_takes_over_within_two_seconds(void **state)
{
	struct hall *h = *state;

	hall_enter(h, TOM);
	assert_true(rival_ticks(h, 1500)); /* and dies */
	hall_begin(h);
	hall_turn_for(h, 1000);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_WAITING);
	assert_true(becomes(h, TOM, QUEUE_ACTIVE, 1000));
	assert_false(rival_ticks(h, 1500));
}

/* --- sold out --- */

static void when_the_last_seat_is_sold_who_waits_is_told_and_goes_on_when_one_comes_back(void **state)
{
	struct hall *h = *state;
	struct visit_queue v;

	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 0;
	assert_true(becomes(h, BOB, QUEUE_SOLD_OUT, 2500));
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_ACTIVE);
	assert_int_equal(hall_enter(h, 99).outcome, VISIT_SOLD_OUT);
	v = hall_enter(h, TOM);
	assert_int_equal(v.outcome, VISIT_PLACED); /* who was admitted stays so */
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 1;
	assert_true(becomes(h, BOB, QUEUE_WAITING, 2500));
	leave(h, TOM);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 500));
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
}

static void pay(struct hall *h, int64_t user)
{
	struct rival r = {0};
	struct queue_used k = {.call.flow = &r.flow, .schedule = HALL_OPEN, .users = &user, .count = 1};
	unsigned mark = hall_mark(h);

	flow_start(&r.flow, RIVAL, 0, hall_done);
	h->w.queue.port.used(&h->w.queue.port, &k);
	hall_wait(h, mark);
}

/* The look for unsold seats fails from here on: as if it came only later. */
static void look_away(struct hall *h, bool away)
{
	h->w.books.fault[FAKE_UNSOLD] = (struct fake_fault){.countdown = away, .times = 1000000, .err = AWAY};
}

static void the_place_of_who_bought_the_last_seat_goes_to_nobody(void **state)
{
	struct hall *h = *state;

	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 2;
	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	hall_turn_for(h, 400); /* looked for again at once, as the uses are known now */
	look_away(h, true);
	pay(h, TOM);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 1000));
	pay(h, ANN);
	hall_turn_for(h, 1000);
	assert_int_equal(hall_status(h, HALL_OPEN, EVE), QUEUE_WAITING);
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 0;
	look_away(h, false);
	assert_true(becomes(h, EVE, QUEUE_SOLD_OUT, 2500));
}

static void a_use_counted_twice_holds_admission_up_only_until_the_next_look(void **state)
{
	struct hall *h = *state;

	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 2;
	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	hall_turn_for(h, 400);
	look_away(h, true);
	pay(h, TOM);
	pay(h, TOM);
	hall_turn_for(h, 1000);
	assert_int_equal(hall_status(h, HALL_OPEN, BOB), QUEUE_WAITING);
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 1;
	look_away(h, false);
	assert_true(becomes(h, BOB, QUEUE_ACTIVE, 2500));
}

/* --- streams --- */

struct listener {
	struct queue_watch watch;
	struct hall *hall;
	unsigned told;
};

static void note_change(struct queue_watch *w)
{
	container_of(w, struct listener, watch)->told++;
}

/* As the route does: first the place, then the sight, then the watch. */
static struct listener *listen(struct hall *h, int64_t schedule, int64_t user)
{
	struct listener *l = mem_must(calloc(1, sizeof *l));
	struct visit_queue v = hall_visit(h, schedule, user, false, NULL);
	struct queue_ask ask = {.schedule = schedule, .sight = true};
	struct rival wait;
	unsigned mark = hall_mark(h);

	flow_start(&wait.flow, RIVAL, 0, hall_done);
	ask.call.flow = &wait.flow;
	queue_board_ask(h->services.board, &ask);
	hall_wait(h, mark);
	assert_int_equal(wait.flow.err.kind, TK_OK);
	l->hall = h;
	l->watch.schedule = schedule;
	l->watch.user = user;
	l->watch.place = v.call.place;
	l->watch.changed = note_change;
	queue_board_watch(h->services.board, &l->watch);
	return l;
}

static void stop_listening(struct listener *l)
{
	queue_board_unwatch(l->hall->services.board, &l->watch);
	free(l);
}

static void a_stream_follows_its_place_to_the_admission_and_past_it(void **state)
{
	struct hall *h = *state;
	struct listener *l;

	hall_begin(h);
	enter_all(h);
	assert_true(becomes(h, ANN, QUEUE_ACTIVE, 2000));
	l = listen(h, HALL_OPEN, EVE);
	assert_int_equal(l->watch.place.rank, 2);
	leave(h, TOM);
	hall_turn_for(h, 1000);
	assert_int_equal(l->watch.place.rank, 1);
	assert_int_equal(l->watch.place.total, 1);
	leave(h, ANN);
	hall_turn_for(h, 1200);
	assert_int_equal(l->watch.place.status, QUEUE_ACTIVE);
	assert_int_equal(l->watch.place.rank, 0);
	assert_true(l->watch.place.expires_ms > when_now_ms() + 100000);
	leave(h, EVE);
	hall_turn_for(h, 3500);
	assert_int_equal(l->watch.place.status, QUEUE_NOBODY);
	stop_listening(l);
}

static void a_stream_counts_as_being_heard_of(void **state)
{
	struct hall *h = *state;
	struct listener *l;

	h->config.queue_wait_grace_s = 300;
	steer(h, 0, 10, false);
	hall_begin(h);
	hall_enter(h, TOM);
	hall_enter(h, ANN);
	l = listen(h, HALL_OPEN, TOM);
	l->watch.heard_ms -= 80000; /* more than a quarter of the grace ago */
	hall_turn_for(h, 1000);
	assert_true(h->w.queue.calls[FAKE_HEAR] >= 1);
	assert_int_equal(l->watch.place.status, QUEUE_WAITING);
	assert_int_equal(l->watch.place.rank, 1);
	stop_listening(l);
}

static void a_stream_hears_that_all_is_sold_and_that_it_goes_on(void **state)
{
	struct hall *h = *state;
	struct listener *l;

	steer(h, 0, 10, false);
	hall_begin(h);
	enter_all(h);
	l = listen(h, HALL_OPEN, BOB);
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 0;
	hall_turn_for(h, 3000);
	assert_int_equal(l->watch.place.status, QUEUE_SOLD_OUT);
	assert_int_equal(l->watch.place.rank, -1);
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 1;
	hall_turn_for(h, 3000);
	assert_int_equal(l->watch.place.status, QUEUE_WAITING);
	assert_int_equal(l->watch.place.rank, 3);
	stop_listening(l);
}

static void a_place_that_was_taken_anew_elsewhere_is_found_again(void **state)
{
	struct hall *h = *state;
	struct listener *l;

	steer(h, 0, 10, false);
	hall_begin(h);
	enter_all(h);
	l = listen(h, HALL_OPEN, TOM);
	leave(h, TOM);
	hall_enter(h, TOM);
	hall_turn_for(h, 3500);
	assert_int_equal(l->watch.place.number, 5);
	assert_int_equal(l->watch.place.rank, 4);
	stop_listening(l);
}

static void a_hundred_streams_cost_what_one_costs(void **state)
{
	enum { MANY = 100 };
	struct hall *h = *state;
	static struct listener *all[MANY];
	unsigned looks, slices;

	steer(h, 0, 10, false);
	hall_begin(h);
	for (int64_t user = 1; user <= MANY; user++) hall_enter(h, user);
	for (int64_t user = 1; user <= MANY; user++) all[user - 1] = listen(h, HALL_OPEN, user);
	hall_turn_for(h, 700);
	looks = h->w.queue.calls[FAKE_LOOK];
	slices = h->w.queue.calls[FAKE_SLICE];
	leave(h, 1);
	hall_turn_for(h, 1000);
	assert_in_range(h->w.queue.calls[FAKE_LOOK] - looks, 1, 3);
	assert_in_range(h->w.queue.calls[FAKE_SLICE] - slices, 1, 3);
	assert_true(h->w.queue.calls[FAKE_HEAR] <= 2); /* of who left */
	for (int i = 1; i < MANY; i++) assert_int_equal(all[i]->watch.place.rank, i);
	assert_int_equal(all[0]->watch.place.status, QUEUE_NOBODY);
	for (int i = 0; i < MANY; i++) stop_listening(all[i]);
}

static void streams_survive_redis_being_away(void **state)
{
	struct hall *h = *state;
	struct listener *l;

	steer(h, 0, 10, false);
	hall_begin(h);
	enter_all(h);
	l = listen(h, HALL_OPEN, BOB);
	for (int i = 0; i < 3; i++) {
		h->w.queue.fault[FAKE_LOOK] = (struct fake_fault){.countdown = 1, .err = AWAY};
		h->w.queue.fault[FAKE_SLICE] = (struct fake_fault){.countdown = 1, .err = AWAY};
		h->w.queue.fault[FAKE_HEAR] = (struct fake_fault){.countdown = 1, .err = AWAY};
		hall_turn_for(h, 500);
	}
	assert_int_equal(l->watch.place.status, QUEUE_WAITING);
	leave(h, TOM);
	memset(h->w.queue.fault, 0, sizeof h->w.queue.fault);
	hall_turn_for(h, 1200);
	assert_int_equal(l->watch.place.rank, 2);
	stop_listening(l);
}

/* --- sights --- */

static void a_sight_is_looked_up_once_for_all_and_not_when_nobody_asks(void **state)
{
	struct hall *h = *state;
	struct listener *l;
	unsigned looks;

	steer(h, 0, 10, false);
	hall_begin(h);
	enter_all(h);
	l = listen(h, HALL_OPEN, BOB);
	stop_listening(l);
	assert_non_null(queue_board_sight(h->services.board, HALL_OPEN));
	assert_int_equal(queue_board_sight(h->services.board, HALL_OPEN)->look.waiting, 4);
	for (int i = 0; i < 20; i++) {
		hall_turn_for(h, 50);
		assert_non_null(queue_board_sight(h->services.board, HALL_OPEN));
	}
	hall_turn_for(h, 4200);
	looks = h->w.queue.calls[FAKE_LOOK];
	hall_turn_for(h, 1300);
	assert_int_equal(h->w.queue.calls[FAKE_LOOK], looks);
	assert_null(queue_board_sight(h->services.board, HALL_OPEN));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, open_hall, close_hall)
	const struct CMUnitTest tests[] = {
		TEST(the_first_are_admitted_and_no_more_than_may_be),
		TEST(a_place_that_is_given_back_goes_to_the_next_at_once),
		TEST(settings_of_the_operator_are_in_force_within_a_second),
		TEST(nobody_is_admitted_by_settings_that_are_not_known),
		TEST(a_closed_sale_admits_nobody),
		TEST(redis_away_for_a_while_costs_nobody_a_place),
		TEST(a_queue_that_redis_lost_is_begun_anew_by_admission),
		TEST(one_daemon_admits_and_another_takes_over_within_two_seconds),
		TEST(when_the_last_seat_is_sold_who_waits_is_told_and_goes_on_when_one_comes_back),
		TEST(the_place_of_who_bought_the_last_seat_goes_to_nobody),
		TEST(a_use_counted_twice_holds_admission_up_only_until_the_next_look),
		TEST(a_stream_follows_its_place_to_the_admission_and_past_it),
		TEST(a_stream_counts_as_being_heard_of),
		TEST(a_stream_hears_that_all_is_sold_and_that_it_goes_on),
		TEST(a_place_that_was_taken_anew_elsewhere_is_found_again),
		TEST(a_hundred_streams_cost_what_one_costs),
		TEST(streams_survive_redis_being_away),
		TEST(a_sight_is_looked_up_once_for_all_and_not_when_nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
