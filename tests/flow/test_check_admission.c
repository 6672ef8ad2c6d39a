/* The gate before a hold: the table of the contract, cell by cell, for a queue on the holds' Redis, one on a Redis of its
 * own, and another daemon's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "api/app/hold_seat.h"
#include "runtime/mem.h"
#include "runtime/when.h"
#include "support/hall.h"

enum { TOM = 1, ANN = 2, BOB = 3 };
static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};

static int open_hall(void **state)
{
	struct hall *h = *state = hall_open();

	fake_seat_lock_load(&h->w.seats, HALL_OPEN);
	fake_seat_lock_load(&h->w.seats, HALL_EARLY);
	fake_seat_lock_load(&h->w.seats, HALL_CLOSED);
	return 0;
}

static int close_hall(void **state)
{
	struct hall *h = *state;

	queue_pulse_stop(h->services.pulse);
	queue_pulse_destroy(h->services.pulse);
	hall_close(h);
	return 0;
}

struct wanted {
	int64_t schedule, user;
	const char *token;
	unsigned seat, count; /* seat 99: there is none such; count 0: 1 */
};

static struct hold_seat *hold_it(struct hall *h, struct wanted w)
{
	static struct hold_seat s;
	static struct seat_no seats[HOLD_SEATS_MAX];
	unsigned mark = hall_mark(h);

	memset(&s, 0, sizeof s);
	s.schedule = w.schedule ? w.schedule : HALL_OPEN;
	s.user = w.user;
	s.token = w.token;
	s.count = w.count ? w.count : 1;
	s.seats = seats;
	for (unsigned i = 0; i < s.count; i++) seats[i] = fake_seat_no(w.seat + i);
	hold_seat_start(&s, &h->services, hall_done);
	hall_wait(h, mark);
	hold_seat_finish(&s);
	return &s;
}

static enum hold_outcome hold(struct hall *h, struct wanted w)
{
	return hold_it(h, w)->outcome;
}

static void token_of(struct hall *h, int64_t user, int64_t number, char ret[QUEUE_TOKEN_TEXT])
{
	hall_token(h, HALL_OPEN, user, &(struct queue_place){.number = number}, ret);
}

/* --- a queue on the holds' Redis: the script of the hold is the gate --- */

static void an_admitted_place_passes_in_the_round_trip_of_the_hold(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	token_of(h, TOM, 5, token);
	h->w.seats.admitted = 5;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HELD_NEW);
	assert_int_equal(h->w.queue.calls[FAKE_VERIFY], 0);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HELD_BEFORE);
}

static void who_does_not_pass_hears_why_from_the_queue(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];
	struct visit_queue v = hall_enter(h, TOM);

	hall_token(h, HALL_OPEN, TOM, &v.call.place, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_STILL_WAITING);
	token_of(h, TOM, 77, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_TOKEN_REFUSED);
	token_of(h, ANN, 0, token);
	assert_int_equal(hold(h, (struct wanted){.user = ANN, .token = token, .seat = 1}), HOLD_TOKEN_REFUSED);
}

static void tokens_of_others_and_of_elsewhere_are_refused(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	h->w.seats.admitted = 5;
	token_of(h, ANN, 5, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_TOKEN_REFUSED);
	hall_token(h, HALL_EARLY, TOM, &(struct queue_place){.number = 5}, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_TOKEN_REFUSED);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = "rubbish", .seat = 1}), HOLD_TOKEN_REFUSED);
	assert_int_equal(h->w.seats.calls[FAKE_HOLD], 0);
}

static void without_a_token_it_is_asked_for_unless_redis_is_away(void **state)
{
	struct hall *h = *state;

	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NEEDS_TOKEN);
	h->w.queue.fault[FAKE_VERIFY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NO_QUEUE);
}

static void the_gate_comes_after_closed_and_before_seat_opening_and_limit(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	token_of(h, TOM, 5, token);
	assert_int_equal(hold(h, (struct wanted){.schedule = HALL_CLOSED, .user = TOM, .seat = 99}), HOLD_CLOSED);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 99}), HOLD_NEEDS_TOKEN);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 99}), HOLD_TOKEN_REFUSED);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1, .count = 5}), HOLD_TOKEN_REFUSED);
	h->w.seats.admitted = 5;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1, .count = 5}), HOLD_OVER_LIMIT);
	hall_token(h, HALL_EARLY, TOM, &(struct queue_place){.number = 5}, token);
	assert_int_equal(
		hold(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .token = token, .seat = 1, .count = 5}),
		HOLD_NOT_OPEN);
	assert_int_equal(
		hold(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .token = token, .seat = 1}), HOLD_NOT_OPEN);
}

/* 5 min ahead of everybody: only the store's clock counts. */
static void the_opening_is_judged_by_the_stores_clock(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	h->w.seats.admitted = 5;
	hall_token(h, HALL_EARLY, TOM, &(struct queue_place){.number = 5}, token);
	hall_move_clock(h, 300000);
	assert_int_equal(
		hold(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .token = token, .seat = 1}), HELD_NEW);
}

static void no_gate_stands_before_concerts_without_a_queue(void **state)
{
	struct hall *h = *state;

	fake_seat_lock_load(&h->w.seats, HALL_PLAIN);
	assert_int_equal(hold(h, (struct wanted){.schedule = HALL_PLAIN, .user = TOM, .seat = 1}), HELD_NEW);
	assert_int_equal(h->w.queue.calls[FAKE_VERIFY], 0);
}

/* --- another daemon's queue --- */

struct distant {
	struct admission port;
	struct fake_desk desk;
	enum admission_verdict verdict;
	bool dead, hangs;
	unsigned pings;
};

static void distant_verify(struct admission *a, struct admission_verify *v)
{
	struct distant *d = container_of(a, struct distant, port);

	v->verdict = d->verdict;
	fake_desk_answer(&d->desk, &v->call, d->dead ? AWAY : TK_NONE);
}

static void distant_ping(struct admission *a, struct admission_ping *p)
{
	struct distant *d = container_of(a, struct distant, port);

	d->pings++;
	fake_desk_answer(&d->desk, &p->call, d->dead ? AWAY : TK_NONE);
}

static struct distant distant;

static int open_split(void **state)
{
	struct hall *h;

	open_hall(state);
	h = *state;
	distant = (struct distant){.port = {distant_verify, distant_ping}};
	fake_desk_init(&distant.desk, h->loop);
	h->services.admission = &distant.port;
	h->services.pulse = queue_pulse_create(&h->services);
	hall_turn_for(h, 30);
	return 0;
}

static int close_split(void **state)
{
	struct hall *h = *state;

	distant.desk.held = false;
	queue_pulse_stop(h->services.pulse);
	fake_desk_finish(&distant.desk);
	return close_hall(state);
}

static void the_queues_answer_to_a_token_decides(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	token_of(h, TOM, 5, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HELD_NEW);
	distant.verdict = ADMISSION_WAITING;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 2}), HOLD_STILL_WAITING);
	distant.verdict = ADMISSION_INVALID;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 2}), HOLD_TOKEN_REFUSED);
	assert_int_equal(h->w.queue.calls[FAKE_VERIFY], 0);
}

static void a_token_that_nobody_can_check_is_no_way_past(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];

	token_of(h, TOM, 5, token);
	distant.dead = true;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_NO_QUEUE);
	hall_turn_for(h, 1300); /* dead for sure */
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_NO_QUEUE);
}

static void a_living_queue_wants_a_token(void **state)
{
	struct hall *h = *state;

	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NEEDS_TOKEN);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 99}), HOLD_NEEDS_TOKEN);
}

static void the_word_of_a_queue_that_died_since_counts_no_more(void **state)
{
	struct hall *h = *state;
	int64_t began = when_now_ms();

	distant.dead = true; /* the last ping was answered */
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HELD_NEW);
	assert_in_range(when_now_ms() - began, 700, 1500);
}

static void a_dead_queue_is_passed_within_the_limit(void **state)
{
	struct hall *h = *state;
	int64_t began;

	distant.dead = true;
	hall_turn_for(h, 250); /* a ping has failed, the second is not over */
	began = when_now_ms();
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HELD_NEW);
	assert_in_range(when_now_ms() - began, 300, 1500);
	h->bypass.window = 0;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 2}), HELD_NEW);
	assert_true(hold_it(h, (struct wanted){.user = TOM, .seat = 99})->bypassed);
	assert_int_equal(hold(h, (struct wanted){.user = ANN, .seat = 4}), HOLD_NO_QUEUE); /* 2 a second */
	distant.dead = false;
	hall_turn_for(h, 250);
	assert_int_equal(hold(h, (struct wanted){.user = ANN, .seat = 4}), HOLD_NEEDS_TOKEN);
}

static void a_queue_that_hangs_is_dead_after_the_deadline(void **state)
{
	struct hall *h = *state;

	distant.desk.held = true; /* the adapter answers at its deadline: */
	hall_turn_for(h, 300);
	distant.dead = true;
	distant.desk.held = false;
	hall_turn_for(h, 1300);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HELD_NEW);
}

static void there_is_no_bypass_when_it_is_off_paused_or_unknown(void **state)
{
	struct hall *h = *state;

	distant.dead = true;
	hall_turn_for(h, 1300);
	h->config.queue_bypass = SWITCH_OFF;
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NO_QUEUE);
	h->config.queue_bypass = SWITCH_ON;
	h->w.books.fault[FAKE_SETTINGS] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NO_QUEUE);
	fake_book_of(&h->w.books, HALL_OPEN)->setting = (struct queue_setting){HALL_OPEN, 10, 10, true};
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .seat = 1}), HOLD_NO_QUEUE);
	assert_int_equal(h->w.seats.calls[FAKE_HOLD], 0);
}

static void there_is_no_bypass_before_the_opening(void **state)
{
	struct hall *h = *state;
	struct hold_seat *s;

	fake_catalogue_show(&h->w.catalogue, HALL_EARLY)->row.sale_opens_at_ms = when_now_ms() + 60000;
	distant.dead = true;
	hall_turn_for(h, 1300);
	s = hold_it(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .seat = 1});
	assert_int_equal(s->outcome, HOLD_NO_QUEUE);
	assert_false(s->bypassed);
	s = hold_it(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .seat = 99});
	assert_int_equal(s->outcome, HOLD_NO_QUEUE);
	assert_false(s->bypassed);
	hall_move_clock(h, 120000); /* the opening is by Redis' clock */
	hall_turn(h);
	h->bypass.window = 0;
	s = hold_it(h, (struct wanted){.schedule = HALL_EARLY, .user = TOM, .seat = 99});
	assert_int_equal(s->outcome, HOLD_NO_SEAT);
	assert_true(s->bypassed);
}

static void concerts_without_a_queue_never_call_it(void **state)
{
	struct hall *h = *state;

	fake_seat_lock_load(&h->w.seats, HALL_PLAIN);
	distant.dead = true;
	assert_int_equal(hold(h, (struct wanted){.schedule = HALL_PLAIN, .user = TOM, .seat = 1}), HELD_NEW);
}

/* --- a queue on a Redis of its own: the same table --- */

static int open_apart(void **state)
{
	struct hall *h;

	open_hall(state);
	h = *state;
	h->services.pulse = queue_pulse_create(&h->services);
	hall_turn_for(h, 30);
	return 0;
}

static void another_redis_is_asked_before_the_hold(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];
	struct visit_queue v = hall_enter(h, TOM);

	hall_begin(h);
	hall_turn_for(h, 1500); /* admitted */
	hall_token(h, HALL_OPEN, TOM, &v.call.place, token);
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HELD_NEW);
	h->w.queue.fault[FAKE_VERIFY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hold(h, (struct wanted){.user = TOM, .token = token, .seat = 1}), HOLD_NO_QUEUE);
	assert_int_equal(hold(h, (struct wanted){.user = ANN, .seat = 2}), HOLD_NEEDS_TOKEN);
}

int main(void)
{
#define SHARED(t) cmocka_unit_test_setup_teardown(t, open_hall, close_hall)
#define SPLIT(t) cmocka_unit_test_setup_teardown(t, open_split, close_split)
	const struct CMUnitTest tests[] = {
		SHARED(an_admitted_place_passes_in_the_round_trip_of_the_hold),
		SHARED(who_does_not_pass_hears_why_from_the_queue),
		SHARED(tokens_of_others_and_of_elsewhere_are_refused),
		SHARED(without_a_token_it_is_asked_for_unless_redis_is_away),
		SHARED(the_gate_comes_after_closed_and_before_seat_opening_and_limit),
		SHARED(the_opening_is_judged_by_the_stores_clock),
		SHARED(no_gate_stands_before_concerts_without_a_queue),
		SPLIT(the_queues_answer_to_a_token_decides),
		SPLIT(a_token_that_nobody_can_check_is_no_way_past),
		SPLIT(a_living_queue_wants_a_token),
		SPLIT(the_word_of_a_queue_that_died_since_counts_no_more),
		SPLIT(a_dead_queue_is_passed_within_the_limit),
		SPLIT(a_queue_that_hangs_is_dead_after_the_deadline),
		SPLIT(there_is_no_bypass_when_it_is_off_paused_or_unknown),
		SPLIT(there_is_no_bypass_before_the_opening),
		SPLIT(concerts_without_a_queue_never_call_it),
		cmocka_unit_test_setup_teardown(another_redis_is_asked_before_the_hold, open_apart, close_hall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
