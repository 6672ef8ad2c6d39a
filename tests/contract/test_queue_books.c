/* port/queue_books.h on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/queue_books.h"
#include "runtime/mem.h"
#include "runtime/loop.h"
#include "support/asker.h"
#include "support/pg_world.h"

static struct pg_db db;

struct books_world {
	struct pg_world pg;
	struct pg_queue_books books;
};

static int open_world(void **state)
{
	struct books_world *w = mem_must(calloc(1, sizeof *w));

	pg_db_do(&db,
		"TRUNCATE payment_order, reservation, seat, schedule, concert, queue_setting, queue_draw, queue_epoch"
		" RESTART IDENTITY CASCADE");
	pg_db_do(&db, "INSERT INTO concert (title, queue_manage_required_yn) VALUES ('rush', 'Y')");
	pg_db_do(&db, "INSERT INTO schedule (concert_id, show_at) SELECT 1, now() FROM generate_series(1, 3)");
	pg_world_open(&w->pg, &db, 5000);
	pg_queue_books_init(&w->books, w->pg.pg);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct books_world *w = *state;

	pg_world_close(&w->pg);
	free(w);
	return 0;
}

static void wait_for(struct books_world *w, struct asker *a)
{
	assert_true(asker_wait(a, w->pg.loop));
	assert_int_equal(a->err.kind, TK_OK);
}

/* --- epochs --- */

static int64_t next_epoch(struct books_world *w, int64_t schedule, int64_t birth)
{
	struct queue_epoch_next e = {.schedule = schedule, .birth = birth};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, epoch, &e);
	wait_for(w, &a);
	return e.epoch;
}

static void epochs_rise_from_0_with_each_birth_of_a_schedule(void **state)
{
	struct books_world *w = *state;

	assert_int_equal(next_epoch(w, 1, 700), 0);
	assert_int_equal(next_epoch(w, 1, 700), 0);
	assert_int_equal(next_epoch(w, 1, 300), 1);
	assert_int_equal(next_epoch(w, 1, 300), 1);
	assert_int_equal(next_epoch(w, 2, 300), 0);
	assert_int_equal(next_epoch(w, 1, 700), 2); /* whoever still asks for an earlier one gets what nobody had */
}

static void an_epoch_from_before_births_were_noted_is_not_given_again(void **state)
{
	struct books_world *w = *state;

	pg_db_do(&db, "INSERT INTO queue_epoch (schedule_id, epoch) VALUES (1, 4)");
	assert_int_equal(next_epoch(w, 1, 700), 5);
}

enum { AT_ONCE = 20 };
static void ask_at_once(struct books_world *w, bool one_birth, struct queue_epoch_next e[AT_ONCE])
{
	struct asker a[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++) {
		e[i] = (struct queue_epoch_next){.schedule = 1, .birth = one_birth ? 700 : 700 + i};
		ASKER_ASK(&a[i], &w->books.port, epoch, &e[i]);
	}
	for (int i = 0; i < AT_ONCE; i++) wait_for(w, &a[i]);
}

static void one_birth_has_one_epoch_however_many_ask_at_once(void **state)
{
	struct queue_epoch_next e[AT_ONCE];

	ask_at_once(*state, true, e);
	for (int i = 0; i < AT_ONCE; i++) assert_int_equal(e[i].epoch, 0);
}

static void epochs_of_births_at_the_same_moment_differ(void **state)
{
	struct queue_epoch_next e[AT_ONCE];
	bool seen[AT_ONCE] = {false};

	ask_at_once(*state, false, e);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_in_range(e[i].epoch, 0, AT_ONCE - 1);
		assert_false(seen[e[i].epoch]);
		seen[e[i].epoch] = true;
	}
}

static void an_epoch_outlives_its_schedule(void **state)
{
	struct books_world *w = *state;

	next_epoch(w, 3, 700);
	pg_db_do(&db, "DELETE FROM schedule WHERE id = 3");
	assert_int_equal(next_epoch(w, 3, 701), 1);
}

/* --- settings --- */

static void poll_settings(struct books_world *w, const int64_t *ids, unsigned n, struct queue_setting *ret)
{
	struct queue_settings_poll p = {.ids = ids, .count = n, .items = ret};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, settings, &p);
	wait_for(w, &a);
}

static bool put(struct books_world *w, struct queue_setting s)
{
	struct queue_setting_put p = {.setting = s};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, put, &p);
	wait_for(w, &a);
	return p.found;
}

static void settings_are_kept_and_come_in_the_order_asked_for(void **state)
{
	struct books_world *w = *state;
	const int64_t ids[] = {2, 99, 1, 3};
	struct queue_setting s[4];

	assert_true(put(w, (struct queue_setting){1, 10, 20, false}));
	assert_true(put(w, (struct queue_setting){2, 0, 1, true}));
	assert_true(put(w, (struct queue_setting){1, 11, 21, true}));
	poll_settings(w, ids, 4, s);
	assert_int_equal(s[0].schedule, 2);
	assert_int_equal(s[0].max_active, 0);
	assert_true(s[0].paused);
	assert_int_equal(s[1].schedule, 0);
	assert_int_equal(s[2].max_active, 11);
	assert_int_equal(s[2].admit_per_s, 21);
	assert_true(s[2].paused);
	assert_int_equal(s[3].schedule, 0);
}

static void a_schedule_that_is_not_there_cannot_be_steered(void **state)
{
	assert_false(put(*state, (struct queue_setting){99, 10, 20, false}));
}

static void no_ids_are_fine(void **state)
{
	poll_settings(*state, NULL, 0, (struct queue_setting[1]){{0}});
}

/* --- unsold seats --- */

static void seats(int64_t schedule, int n)
{
	pg_db_do(&db,
		"INSERT INTO seat (schedule_id, seat_no, section, grade, price)"
		" SELECT %lld, 'A-' || n, 'A', 'S', 1000 FROM generate_series(1, %d) n",
		(long long)schedule, n);
}

static void reserve(int64_t schedule, const char *seat, const char *status)
{
	pg_db_do(&db,
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active)"
		" VALUES (1, %lld, '%s', '%s', CASE WHEN '%s' IN ('HELD', 'CONFIRMED') THEN 1 END)",
		(long long)schedule, seat, status, status);
}

enum { MOST = 3 };
static void poll_unsold(struct books_world *w, int64_t ret[3])
{
	const int64_t ids[] = {1, 2, 3};
	struct queue_unsold_poll p = {.ids = ids, .count = 3, .most = MOST, .unsold = ret};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, unsold, &p);
	wait_for(w, &a);
}

static void unsold_is_what_is_not_confirmed(void **state)
{
	int64_t unsold[3];

	seats(1, 3);
	seats(2, 1);
	reserve(1, "A-1", "CONFIRMED");
	reserve(1, "A-2", "HELD");
	reserve(2, "A-1", "CONFIRMED");
	poll_unsold(*state, unsold);
	assert_int_equal(unsold[0], 2);
	assert_int_equal(unsold[1], 0);
	assert_int_equal(unsold[2], MOST); /* no seats, nothing to sell out */
}

static void no_more_unsold_seats_are_looked_for_than_wanted(void **state)
{
	int64_t unsold[3];

	seats(1, MOST + 4);
	seats(2, MOST);
	reserve(1, "A-1", "CONFIRMED");
	reserve(2, "A-1", "CONFIRMED");
	poll_unsold(*state, unsold);
	assert_int_equal(unsold[0], MOST);
	assert_int_equal(unsold[1], MOST - 1);
}

static void a_seat_that_comes_back_reopens(void **state)
{
	int64_t unsold[3];

	seats(1, 1);
	reserve(1, "A-1", "CANCELLED");
	poll_unsold(*state, unsold);
	assert_int_equal(unsold[0], 1);
	reserve(1, "A-1", "CONFIRMED");
	poll_unsold(*state, unsold);
	assert_int_equal(unsold[0], 0);
	pg_db_do(&db, "UPDATE reservation SET status = 'CANCELLED', active = NULL WHERE status = 'CONFIRMED'");
	poll_unsold(*state, unsold);
	assert_int_equal(unsold[0], 1);
}

/* --- draws --- */

static struct queue_draw draw_of(struct books_world *w, int64_t schedule, uint8_t candidate)
{
	struct queue_draw d = {.schedule = schedule, .opens_at_ms = 4102444800000};
	struct asker a;

	memset(d.candidate, candidate, sizeof d.candidate);
	ASKER_ASK(&a, &w->books.port, draw, &d);
	wait_for(w, &a);
	return d;
}

static struct queue_draw draw(struct books_world *w, uint8_t candidate)
{
	return draw_of(w, 1, candidate);
}

static void record(struct books_world *w, int64_t count)
{
	struct queue_draw_done d = {.schedule = 1, .count = count};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, drawn, &d);
	wait_for(w, &a);
}

static void the_first_seed_stands_and_so_does_the_first_count(void **state)
{
	struct books_world *w = *state;
	struct queue_draw d = draw(w, 1);

	assert_int_equal(d.seed[0], 1);
	assert_int_equal(d.seed[31], 1);
	assert_int_equal(d.count, -1);
	assert_int_equal(draw(w, 2).seed[0], 1);
	record(w, 17);
	record(w, 0);
	assert_int_equal(draw(w, 3).count, 17);
}

static void daemons_that_ask_at_the_same_moment_are_given_the_same_seed(void **state)
{
	enum { MANY = 8 };
	struct books_world *w = *state;
	struct pg_world other = {0};
	struct pg_queue_books theirs;
	struct queue_draw d[MANY];
	struct asker a[MANY];

	pg_world_open(&other, &db, 5000);
	pg_queue_books_init(&theirs, other.pg);
	for (int i = 0; i < MANY; i++) {
		struct queue_books *b = i % 2 ? &theirs.port : &w->books.port;

		d[i] = (struct queue_draw){.schedule = 1, .opens_at_ms = 4102444800000};
		memset(d[i].candidate, i + 1, sizeof d[i].candidate);
		ASKER_ASK(&a[i], b, draw, &d[i]);
	}
	for (int i = 0; i < MANY; i++) {
		while (!a[i].answers) {
			loop_turn(w->pg.loop, 1);
			loop_turn(other.loop, 1);
		}
		assert_int_equal(a[i].err.kind, TK_OK);
		assert_memory_equal(d[i].seed, d[0].seed, QUEUE_SEED);
	}
	pg_world_close(&other);
}

static unsigned due(struct books_world *w, int64_t ids[10])
{
	struct queue_draws_due d = {.schedules = ids, .max = 10};
	struct asker a;

	ASKER_ASK(&a, &w->books.port, draws_due, &d);
	wait_for(w, &a);
	return d.count;
}

static void a_draw_is_due_from_the_opening_until_it_is_made(void **state)
{
	struct books_world *w = *state;
	int64_t ids[10];

	for (int64_t schedule = 1; schedule <= 3; schedule++) draw_of(w, schedule, 7);
	pg_db_do(&db, "UPDATE schedule SET sale_opens_at = now() + interval '1 hour' WHERE id = 2");
	assert_int_equal(due(w, ids), 0); /* the others have no opening any more */
	pg_db_do(&db, "UPDATE schedule SET sale_opens_at = now() WHERE id = 1");
	assert_int_equal(due(w, ids), 1);
	assert_int_equal(ids[0], 1);
	record(w, 0);
	assert_int_equal(due(w, ids), 0);
	pg_db_do(&db, "UPDATE schedule SET sale_opens_at = now() WHERE id = 2"); /* put forward */
	assert_int_equal(due(w, ids), 1);
	assert_int_equal(ids[0], 2);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, open_world, close_world)
	const struct CMUnitTest tests[] = {
		TEST(epochs_rise_from_0_with_each_birth_of_a_schedule),
		TEST(an_epoch_from_before_births_were_noted_is_not_given_again),
		TEST(one_birth_has_one_epoch_however_many_ask_at_once),
		TEST(epochs_of_births_at_the_same_moment_differ),
		TEST(an_epoch_outlives_its_schedule),
		TEST(settings_are_kept_and_come_in_the_order_asked_for),
		TEST(a_schedule_that_is_not_there_cannot_be_steered),
		TEST(no_ids_are_fine),
		TEST(unsold_is_what_is_not_confirmed),
		TEST(no_more_unsold_seats_are_looked_for_than_wanted),
		TEST(a_seat_that_comes_back_reopens),
		TEST(the_first_seed_stands_and_so_does_the_first_count),
		TEST(a_draw_is_due_from_the_opening_until_it_is_made),
		TEST(daemons_that_ask_at_the_same_moment_are_given_the_same_seed),
	};

	if (!pg_db_create(&db, NULL)) {
		print_message("skipped: TICKET_TEST_DATABASE_URL is not set\n");
		return 0;
	}
	int failed = cmocka_run_group_tests_name("queue_books", tests, NULL, NULL);
	pg_db_drop(&db);
	return failed;
}
