/* The draw, over fakes: who came early is put in the order that everybody can check, whatever fails on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "api/app/leave_queue.h"
#include "api/app/look_draw.h"
#include "api/jobs/rooms.h"
#include "runtime/hmac.h"
#include "runtime/mem.h"
#include "runtime/when.h"
#include "support/hall.h"

enum { EARLY_USERS = 60, LATE = 900 };
static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};

static int open_hall(void **state)
{
	struct hall *h = *state = hall_open();

	h->config.queue_max_active = 0;
	h->w.config.queue_max_active = 0;
	return 0;
}

static int close_hall(void **state)
{
	hall_close(*state);
	return 0;
}

static struct fake_book *book_of(struct hall *h)
{
	return fake_book_of(&h->w.books, HALL_EARLY);
}

static void come_early(struct hall *h)
{
	for (int64_t user = 1; user <= EARLY_USERS; user++) {
		struct visit_queue v = hall_visit(h, HALL_EARLY, user, true, NULL);

		assert_int_equal(v.call.place.status, QUEUE_PRE);
		assert_int_equal(v.call.place.number, 0);
	}
}

static bool is_drawn(struct hall *h, void *arg)
{
	(void)arg;
	return book_of(h)->drawn >= 0 && !room_find(h->w.backstage->rooms, HALL_EARLY)->draw;
}

static bool is_drawn_in_the_book(struct hall *h, void *arg)
{
	(void)arg;
	return book_of(h)->drawn >= 0;
}

static void wait_for_the_draw(struct hall *h)
{
	assert_true(hall_turn_until(h, is_drawn, NULL, HALL_EARLY_MS + 3000));
	hall_turn_for(h, 300);
}

/* What everybody can compute once the seed is public. */
struct mark {
	uint8_t sign[HMAC_SIZE];
	int64_t user;
};

static int by_sign(const void *a, const void *b)
{
	return memcmp(a, b, HMAC_SIZE);
}

static void assert_order_is_the_seeds(struct hall *h)
{
	struct mark marks[EARLY_USERS];
	struct hmac *hmac = hmac_create(book_of(h)->seed, QUEUE_SEED);

	for (int64_t user = 1; user <= EARLY_USERS; user++) {
		char text[24];

		marks[user - 1].user = user;
		hmac_sign(hmac, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)user), marks[user - 1].sign);
	}
	hmac_destroy(hmac);
	qsort(marks, EARLY_USERS, sizeof *marks, by_sign);
	for (int i = 0; i < EARLY_USERS; i++) {
		struct visit_queue v = hall_visit(h, HALL_EARLY, marks[i].user, false, NULL);

		assert_int_equal(v.call.place.status, QUEUE_WAITING);
		assert_int_equal(v.call.place.number, i + 1);
		assert_int_equal(v.call.place.rank, i + 1);
	}
}

static void early_users_are_numbered_by_the_seed_and_late_ones_follow(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	come_early(h);
	wait_for_the_draw(h);
	assert_int_equal(book_of(h)->drawn, EARLY_USERS);
	assert_int_equal(hall_visit(h, HALL_EARLY, LATE, true, NULL).call.place.number, EARLY_USERS + 1);
	assert_order_is_the_seeds(h);
}

static void nobody_is_numbered_before_the_opening(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	come_early(h);
	hall_turn_for(h, 500);
	assert_int_equal(book_of(h)->drawn, -1);
	assert_int_equal(hall_status(h, HALL_EARLY, 1), QUEUE_PRE);
	assert_true(book_of(h)->has_seed); /* committed to before */
}

static void a_draw_of_nobody_is_done_too(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	hall_move_clock(h, HALL_EARLY_MS + 1000);
	assert_int_equal(hall_visit(h, HALL_EARLY, LATE, true, NULL).call.place.number, 1);
	wait_for_the_draw(h);
	assert_int_equal(book_of(h)->drawn, 0);
}

static void nothing(struct flow *f)
{
	(void)f;
}

static int over(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step WAIT[] = {{"wait", nothing, over}};

static void ask_for_the_seed(struct hall *h)
{
	struct look_draw l = {.schedule = HALL_EARLY};
	unsigned mark = hall_mark(h);

	look_draw_start(&l, &h->services, hall_done);
	hall_wait(h, mark);
	assert_int_equal(l.outcome, DRAW_KNOWN);
	look_draw_finish(&l);
}

static bool is_at_rest(struct hall *h, void *arg)
{
	int64_t schedules[10];
	struct queue_open open = {.schedules = schedules, .max = 10};
	struct flow wait;
	unsigned mark = hall_mark(h);

	(void)arg;
	flow_start(&wait, WAIT, 0, hall_done);
	open.call.flow = &wait;
	h->w.queue.port.open(&h->w.queue.port, &open);
	hall_wait(h, mark);
	return open.count == 0;
}

/* The seed was asked for, as whoever checks the draw does; then nobody comes, before and after. */
static void a_draw_that_nobody_comes_to_is_made_at_the_opening(void **state)
{
	struct hall *h = *state;

	hall_begin(h);
	ask_for_the_seed(h);
	hall_turn_for(h, 1200);
	assert_int_equal(h->w.queue.calls[FAKE_TICK], 0); /* and costs the store nothing before */
	assert_true(hall_turn_until(h, is_drawn_in_the_book, NULL, HALL_EARLY_MS + 3000));
	assert_int_equal(book_of(h)->drawn, 0);
	assert_true(hall_turn_until(h, is_at_rest, NULL, 1000));
}

static void who_left_before_the_opening_leaves_a_draw_behind(void **state)
{
	struct hall *h = *state;
	struct leave_queue l = {0};
	unsigned mark;

	hall_begin(h);
	hall_visit(h, HALL_EARLY, 5, true, NULL);
	hall_turn_for(h, 700);
	mark = hall_mark(h);
	leave_queue_start(&l, &h->services, HALL_EARLY, 5, hall_done);
	hall_wait(h, mark);
	leave_queue_finish(&l);
	assert_true(hall_turn_until(h, is_at_rest, NULL, 1000));
	assert_true(hall_turn_until(h, is_drawn_in_the_book, NULL, HALL_EARLY_MS + 3000));
	assert_int_equal(book_of(h)->drawn, 0);
}

static void whatever_fails_the_draw_comes_to_the_same(void **state)
{
	static const enum fake_queue_call STORE[] = {FAKE_SCAN, FAKE_NUMBER, FAKE_NUMBER};
	struct hall *h = *state;

	hall_begin(h);
	come_early(h);
	hall_turn_for(h, 700);
	for (size_t i = 0; i < sizeof STORE / sizeof *STORE; i++)
		h->w.queue.fault[STORE[i]] = (struct fake_fault){.countdown = 1, .err = AWAY, .after_acting = i == 1};
	h->w.books.fault[FAKE_DRAWN] = (struct fake_fault){.countdown = 1, .times = 2, .err = AWAY};
	h->w.books.fault[FAKE_DRAW] = (struct fake_fault){.countdown = 1, .times = 2, .err = AWAY};
	wait_for_the_draw(h);
	assert_true(h->w.books.calls[FAKE_DRAWN] >= 3);
	assert_int_equal(book_of(h)->drawn, EARLY_USERS);
	assert_order_is_the_seeds(h);
}

static int64_t number_told;

static void note_number(struct queue_watch *w)
{
	number_told = w->place.number;
}

static void a_stream_hears_its_number(void **state)
{
	struct hall *h = *state;
	struct queue_watch w = {.schedule = HALL_EARLY, .user = 5, .changed = note_number};
	struct queue_ask ask = {.schedule = HALL_EARLY, .sight = true};
	struct flow wait;
	unsigned mark;

	hall_begin(h);
	come_early(h);
	w.place = hall_visit(h, HALL_EARLY, 5, false, NULL).call.place;
	mark = hall_mark(h);
	flow_start(&wait, WAIT, 0, hall_done);
	ask.call.flow = &wait;
	queue_board_ask(h->services.board, &ask);
	hall_wait(h, mark);
	queue_board_watch(h->services.board, &w);
	wait_for_the_draw(h);
	hall_turn_for(h, 2000);
	assert_int_equal(w.place.status, QUEUE_WAITING);
	assert_int_equal(w.place.number, hall_visit(h, HALL_EARLY, 5, false, NULL).call.place.number);
	assert_int_equal(number_told, w.place.number);
	queue_board_unwatch(h->services.board, &w);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, open_hall, close_hall)
	const struct CMUnitTest tests[] = {
		TEST(early_users_are_numbered_by_the_seed_and_late_ones_follow),
		TEST(nobody_is_numbered_before_the_opening),
		TEST(a_draw_of_nobody_is_done_too),
		TEST(a_draw_that_nobody_comes_to_is_made_at_the_opening),
		TEST(who_left_before_the_opening_leaves_a_draw_behind),
		TEST(whatever_fails_the_draw_comes_to_the_same),
		TEST(a_stream_hears_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
