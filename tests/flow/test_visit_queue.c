/* Entering the waiting room, seeing where one stands, leaving it: over fakes, with their faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "api/app/leave_queue.h"
#include "api/app/look_draw.h"
#include "api/app/steer_queue.h"
#include "support/hall.h"

enum { TOM = 1, ANN = 2, BOB = 3 };
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

static enum visit_outcome outcome(struct hall *h, int64_t schedule, int64_t concert)
{
	struct visit_queue v = {.schedule = schedule, .user = TOM, .concert = concert, .enter = true};
	unsigned mark = hall_mark(h);

	visit_queue_start(&v, &h->services, hall_done);
	hall_wait(h, mark);
	visit_queue_finish(&v);
	return v.outcome;
}

static void entries_are_refused_in_the_order_of_the_contract(void **state)
{
	struct hall *h = *state;

	assert_int_equal(outcome(h, 999, 0), VISIT_NO_SCHEDULE);
	assert_int_equal(outcome(h, HALL_OPEN, 2), VISIT_OTHER_CONCERT);
	fake_book_of(&h->w.books, HALL_PLAIN)->unsold = 0;
	assert_int_equal(outcome(h, HALL_PLAIN, 1), VISIT_NO_QUEUE);
	fake_book_of(&h->w.books, HALL_CLOSED)->unsold = 0;
	assert_int_equal(outcome(h, HALL_CLOSED, 1), VISIT_CLOSED);
	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 0;
	assert_int_equal(outcome(h, HALL_OPEN, 1), VISIT_SOLD_OUT);
}

static void sold_out_is_known_at_the_first_entry_and_to_nobody_in_line_before(void **state)
{
	struct hall *h = *state;

	fake_book_of(&h->w.books, HALL_OPEN)->unsold = 0;
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_SOLD_OUT);
	assert_int_equal(h->w.queue.calls[FAKE_ENTER], 0);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_NOBODY);
}

static void the_first_entry_begins_the_queue(void **state)
{
	struct hall *h = *state;
	struct visit_queue v = hall_enter(h, TOM);

	assert_int_equal(v.outcome, VISIT_PLACED);
	assert_int_equal(v.call.place.status, QUEUE_WAITING);
	assert_int_equal(v.call.place.number, 1);
	assert_int_equal(v.call.place.rank, 1);
	assert_int_equal(h->w.books.calls[FAKE_EPOCH], 1);
	assert_int_equal(hall_enter(h, ANN).call.place.number, 2);
	assert_int_equal(h->w.books.calls[FAKE_EPOCH], 1);
}

static void entering_again_gives_the_same_place(void **state)
{
	struct hall *h = *state;
	struct visit_queue first = hall_enter(h, TOM), again;

	hall_enter(h, ANN);
	again = hall_enter(h, TOM);
	assert_int_equal(again.call.place.number, first.call.place.number);
	assert_int_equal(again.call.place.total, 2);
}

static void a_place_that_redis_lost_comes_back_by_its_token(void **state)
{
	struct hall *h = *state;
	char tom[QUEUE_TOKEN_TEXT], ann[QUEUE_TOKEN_TEXT];
	struct visit_queue v = hall_enter(h, TOM);

	hall_token(h, HALL_OPEN, TOM, &v.call.place, tom);
	v = hall_enter(h, ANN);
	hall_token(h, HALL_OPEN, ANN, &v.call.place, ann);
	fake_queue_store_lose(&h->w.queue);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_NOBODY);
	v = hall_visit(h, HALL_OPEN, ANN, true, ann);
	assert_int_equal(v.call.place.number, 2);
	v = hall_enter(h, BOB);
	assert_true(v.call.place.number > 1000000000); /* above all that were issued before */
	v = hall_visit(h, HALL_OPEN, TOM, true, tom);
	assert_int_equal(v.call.place.number, 1);
	assert_int_equal(v.call.place.rank, 1);
}

static void a_token_of_somebody_else_is_as_good_as_none(void **state)
{
	struct hall *h = *state;
	char token[QUEUE_TOKEN_TEXT];
	struct visit_queue v = hall_enter(h, TOM);

	hall_token(h, HALL_OPEN, TOM, &v.call.place, token);
	fake_queue_store_lose(&h->w.queue);
	v = hall_visit(h, HALL_OPEN, ANN, true, token);
	assert_true(v.call.place.number > 1000000000);
	v = hall_visit(h, HALL_OPEN, BOB, true, "not a token");
	assert_int_equal(v.outcome, VISIT_PLACED);
}

static void many_who_find_the_queue_lost_share_one_epoch(void **state)
{
	enum { MANY = 50 };
	struct hall *h = *state;
	static struct visit_queue all[MANY];
	unsigned mark;

	hall_enter(h, TOM);
	fake_queue_store_lose(&h->w.queue);
	mark = hall_mark(h);
	memset(all, 0, sizeof all);
	for (int i = 0; i < MANY; i++) {
		all[i] = (struct visit_queue){.schedule = HALL_OPEN, .user = 100 + i, .enter = true};
		visit_queue_start(&all[i], &h->services, hall_done);
	}
	hall_turn_for(h, 100);
	assert_int_equal(h->finished, mark + MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(all[i].outcome, VISIT_PLACED);
		visit_queue_finish(&all[i]);
	}
	assert_true(h->w.books.calls[FAKE_EPOCH] <= 3); /* the first life's, this one's, and one for who came in between */
}

static void redis_away_is_a_failure_and_no_place(void **state)
{
	struct hall *h = *state;

	hall_enter(h, ANN);
	h->w.queue.fault[FAKE_ENTER] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_FAILED);
	assert_int_equal(hall_enter(h, TOM).call.place.number, 2);
	h->w.queue.fault[FAKE_STATUS] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hall_visit(h, HALL_OPEN, TOM, false, NULL).outcome, VISIT_FAILED);
}

static void an_entry_whose_answer_was_lost_is_repeated_with_one_effect(void **state)
{
	struct hall *h = *state;

	hall_enter(h, ANN);
	h->w.queue.fault[FAKE_ENTER] = (struct fake_fault){.countdown = 1, .err = AWAY, .after_acting = true};
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_FAILED);
	assert_int_equal(hall_enter(h, TOM).call.place.number, 2);
	assert_int_equal(hall_enter(h, TOM).call.place.total, 2);
}

static void the_queue_goes_on_while_settings_cannot_be_read(void **state)
{
	struct hall *h = *state;

	h->w.books.fault[FAKE_SETTINGS] = (struct fake_fault){.countdown = 1, .times = 1000, .err = AWAY};
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_PLACED);
}

static void a_lost_queue_without_a_database_is_unavailable(void **state)
{
	struct hall *h = *state;

	h->w.books.fault[FAKE_EPOCH] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_FAILED);
	assert_int_equal(hall_enter(h, TOM).outcome, VISIT_PLACED);
}

static enum leave_outcome leave(struct hall *h, int64_t schedule, int64_t user)
{
	struct leave_queue l = {0};
	unsigned mark = hall_mark(h);

	leave_queue_start(&l, &h->services, schedule, user, hall_done);
	hall_wait(h, mark);
	leave_queue_finish(&l);
	return l.outcome;
}

static void who_leaves_is_not_in_the_queue_and_loses_the_place(void **state)
{
	struct hall *h = *state;

	hall_enter(h, TOM);
	hall_enter(h, ANN);
	assert_int_equal(leave(h, HALL_OPEN, TOM), LEFT);
	assert_int_equal(leave(h, HALL_OPEN, TOM), LEFT);
	assert_int_equal(leave(h, 999, TOM), LEAVE_NO_SCHEDULE);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_NOBODY);
	assert_int_equal(hall_visit(h, HALL_OPEN, ANN, false, NULL).call.place.rank, 1);
	assert_int_equal(hall_enter(h, TOM).call.place.number, 3);
}

static void an_expired_token_is_remembered(void **state)
{
	struct hall *h = *state;
	struct visit_queue v = hall_enter(h, TOM);
	struct queue_ticket t = {HALL_OPEN, TOM, v.call.place.number, v.call.place.epoch};
	struct leave_queue l = {0};
	unsigned mark = hall_mark(h);

	expire_token_start(&l, &h->services, &t, hall_done);
	hall_wait(h, mark);
	assert_int_equal(l.outcome, LEFT);
	assert_int_equal(hall_status(h, HALL_OPEN, TOM), QUEUE_EXPIRED);
}

static void prospects_follow_the_place(void **state)
{
	struct hall *h = *state;
	struct queue_place p = {.status = QUEUE_WAITING, .number = 5, .rank = 10, .total = 20, .rate_milli = 2000};
	struct queue_prospect r;

	queue_prospect_of(&h->services, HALL_OPEN, TOM, &p, &r);
	assert_int_equal(r.eta_s, 5);
	assert_int_equal(strlen(r.token), QUEUE_TOKEN_LEN);
	p.status = QUEUE_ACTIVE;
	p.rank = 0;
	queue_prospect_of(&h->services, HALL_OPEN, TOM, &p, &r);
	assert_int_equal(r.eta_s, 0);
	p.status = QUEUE_USED;
	p.rank = -1;
	queue_prospect_of(&h->services, HALL_OPEN, TOM, &p, &r);
	assert_int_equal(r.eta_s, -1);
	assert_string_equal(r.token, "");
}

static void nobody_can_say_when_while_the_queue_is_paused(void **state)
{
	struct hall *h = *state;
	struct queue_place p = {.status = QUEUE_WAITING, .number = 5, .rank = 10, .total = 20, .rate_milli = -1};
	struct queue_prospect r;

	fake_book_of(&h->w.books, HALL_OPEN)->setting = (struct queue_setting){HALL_OPEN, 10, 10, true};
	hall_enter(h, TOM); /* the board learns */
	queue_prospect_of(&h->services, HALL_OPEN, TOM, &p, &r);
	assert_int_equal(r.eta_s, -1);
}

static struct look_draw look_draw(struct hall *h, int64_t schedule)
{
	struct look_draw l = {.schedule = schedule};
	unsigned mark = hall_mark(h);

	look_draw_start(&l, &h->services, hall_done);
	hall_wait(h, mark);
	look_draw_finish(&l);
	return l;
}

static void a_draw_has_one_seed_from_the_first_look_on(void **state)
{
	struct hall *h = *state;
	struct look_draw a = look_draw(h, HALL_EARLY), b = look_draw(h, HALL_EARLY);

	assert_int_equal(a.outcome, DRAW_KNOWN);
	assert_memory_equal(a.draw.seed, b.draw.seed, QUEUE_SEED);
	assert_int_equal(a.draw.count, -1);
	assert_int_equal(look_draw(h, HALL_OPEN).outcome, DRAW_NONE);
	assert_int_equal(look_draw(h, 999).outcome, DRAW_NO_SCHEDULE);
	h->w.books.fault[FAKE_DRAW] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(look_draw(h, HALL_EARLY).outcome, DRAW_FAILED);
}

static struct steer_queue steer(struct hall *h, struct steer_queue s)
{
	unsigned mark = hall_mark(h);

	steer_queue_start(&s, &h->services, hall_done);
	hall_wait(h, mark);
	steer_queue_finish(&s);
	return s;
}

static void the_operator_reads_what_is_in_force_and_sets_it(void **state)
{
	struct hall *h = *state;
	struct steer_queue s = steer(h, (struct steer_queue){.schedule = HALL_OPEN});

	assert_int_equal(s.outcome, STEERED);
	assert_int_equal(s.setting.max_active, h->config.queue_max_active);
	hall_enter(h, TOM);
	s = steer(h, (struct steer_queue){.schedule = HALL_OPEN, .set = true, .setting = {0, 7, 8, true}});
	assert_int_equal(s.outcome, STEERED);
	assert_true(s.counted);
	assert_int_equal(s.look.waiting, 1);
	s = steer(h, (struct steer_queue){.schedule = HALL_OPEN});
	assert_int_equal(s.setting.max_active, 7);
	assert_int_equal(s.setting.admit_per_s, 8);
	assert_true(s.setting.paused);
	assert_int_equal(steer(h, (struct steer_queue){.schedule = 999}).outcome, STEER_NO_SCHEDULE);
	h->w.books.fault[FAKE_PUT] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(steer(h, (struct steer_queue){.schedule = HALL_OPEN, .set = true}).outcome, STEER_FAILED);
}

static void the_operator_can_pause_while_nobody_can_be_counted(void **state)
{
	struct hall *h = *state;

	h->w.queue.fault[FAKE_LOOK] = (struct fake_fault){.countdown = 1, .err = AWAY};
	struct steer_queue s =
		steer(h, (struct steer_queue){.schedule = HALL_OPEN, .set = true, .setting = {0, 7, 8, true}});
	assert_int_equal(s.outcome, STEERED);
	assert_false(s.counted);
	assert_true(steer(h, (struct steer_queue){.schedule = HALL_OPEN}).setting.paused);
}

static void who_waits_is_told_so_however_long_the_database_is_away(void **state)
{
	enum { LONG_MS = 10300 }; /* rows are good for 10 s */
	struct hall *h = *state;

	hall_enter(h, TOM);
	hall_enter(h, ANN);
	h->w.catalogue.fault[FAKE_SCHEDULE] = (struct fake_fault){.countdown = 1, .times = 1000000, .err = AWAY};
	hall_turn_for(h, LONG_MS);
	assert_int_equal(hall_enter(h, BOB).outcome, VISIT_FAILED); /* not by rules that may have changed */
	assert_int_equal(hall_visit(h, HALL_OPEN, ANN, false, NULL).call.place.rank, 2);
	assert_int_equal(leave(h, HALL_OPEN, TOM), LEFT);
	assert_int_equal(hall_visit(h, HALL_OPEN, ANN, false, NULL).call.place.rank, 1);
	h->w.catalogue.fault[FAKE_SCHEDULE] = (struct fake_fault){0};
	assert_int_equal(hall_enter(h, BOB).outcome, VISIT_PLACED);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, open_hall, close_hall)
	const struct CMUnitTest tests[] = {
		TEST(entries_are_refused_in_the_order_of_the_contract),
		TEST(sold_out_is_known_at_the_first_entry_and_to_nobody_in_line_before),
		TEST(the_first_entry_begins_the_queue),
		TEST(the_operator_can_pause_while_nobody_can_be_counted),
		TEST(who_waits_is_told_so_however_long_the_database_is_away),
		TEST(entering_again_gives_the_same_place),
		TEST(a_place_that_redis_lost_comes_back_by_its_token),
		TEST(a_token_of_somebody_else_is_as_good_as_none),
		TEST(many_who_find_the_queue_lost_share_one_epoch),
		TEST(redis_away_is_a_failure_and_no_place),
		TEST(an_entry_whose_answer_was_lost_is_repeated_with_one_effect),
		TEST(the_queue_goes_on_while_settings_cannot_be_read),
		TEST(a_lost_queue_without_a_database_is_unavailable),
		TEST(who_leaves_is_not_in_the_queue_and_loses_the_place),
		TEST(an_expired_token_is_remembered),
		TEST(prospects_follow_the_place),
		TEST(nobody_can_say_when_while_the_queue_is_paused),
		TEST(a_draw_has_one_seed_from_the_first_look_on),
		TEST(the_operator_reads_what_is_in_force_and_sets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
