/* port/catalogue.h on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/catalogue.h"
#include "runtime/arena.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

static struct pg_db db;

struct catalogue_world {
	struct pg_world pg;
	struct catalogue *catalogue;
	struct arena_pool pool;
	struct arena arena;
};

static int open_world(void **state)
{
	struct catalogue_world *w = calloc(1, sizeof *w);
	pg_db_do(&db, "TRUNCATE payment_order, payment, reservation, seat, schedule, concert RESTART IDENTITY CASCADE");
	pg_world_open(&w->pg, &db, 5000);
	w->catalogue = pg_catalogue_create(w->pg.pg);
	arena_init(&w->arena, &w->pool);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct catalogue_world *w = *state;
	pg_world_close(&w->pg);
	pg_catalogue_destroy(w->catalogue);
	arena_finish(&w->arena);
	arena_pool_finish(&w->pool);
	free(w);
	return 0;
}

static void wait_for(struct catalogue_world *w, struct asker *a)
{
	assert_true(asker_wait(a, w->pg.loop));
	assert_int_equal(a->err.kind, TK_OK);
}

static struct concerts_list concerts(struct catalogue_world *w, int64_t after, unsigned limit)
{
	struct concerts_list l = {.after_id = after, .limit = limit, .arena = &w->arena};
	struct asker a;
	ASKER_ASK(&a, w->catalogue, concerts, &l);
	wait_for(w, &a);
	l.call.flow = NULL;
	return l;
}

static void concerts_come_in_pages_by_id(void **state)
{
	struct catalogue_world *w = *state;
	assert_int_equal(concerts(w, 0, 3).count, 0);
	pg_db_do(&db,
		"INSERT INTO concert (title, description, queue_manage_required_yn)"
		" SELECT '콘서트 ' || n, repeat('x', 5000), CASE n %% 2 WHEN 1 THEN 'Y' ELSE 'N' END"
		" FROM generate_series(1, 5) n");
	struct concerts_list l = concerts(w, 0, 3);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.items[0].id, 1);
	assert_string_equal(l.items[1].title, "콘서트 2");
	assert_int_equal(strlen(l.items[2].description), 5000);
	assert_true(l.items[0].queue_required);
	assert_false(l.items[1].queue_required);
	l = concerts(w, 3, 3);
	assert_int_equal(l.count, 2);
	assert_int_equal(l.items[0].id, 4);
}

static struct schedules_list schedules(struct catalogue_world *w, struct schedules_list l)
{
	struct asker a;
	l.arena = &w->arena;
	ASKER_ASK(&a, w->catalogue, schedules, &l);
	wait_for(w, &a);
	l.call.flow = NULL;
	return l;
}

#define ANY .from_ms = TIME_NONE, .to_ms = TIME_NONE, .status = -1, .limit = 10

static void schedules_are_filtered_by_time_and_status(void **state)
{
	struct catalogue_world *w = *state;
	pg_db_do(&db, "INSERT INTO concert (title) VALUES ('one'), ('two')");
	pg_db_do(&db,
		"INSERT INTO schedule (concert_id, show_at, sale_opens_at, status)"
		" SELECT 1, timestamptz '2027-01-01 00:00Z' + n * interval '1 day', NULL,"
		" CASE WHEN n = 3 THEN 'CLOSED' ELSE 'ON_SALE' END FROM generate_series(1, 4) n");
	assert_false(schedules(w, (struct schedules_list){.concert = 99, ANY}).concert_found);
	struct schedules_list l = schedules(w, (struct schedules_list){.concert = 2, ANY});
	assert_true(l.concert_found);
	assert_int_equal(l.count, 0);
	l = schedules(w, (struct schedules_list){.concert = 1, ANY});
	assert_int_equal(l.count, 4);
	assert_int_equal(l.items[2].status, SCHEDULE_CLOSED);
	assert_true(l.items[0].sale_opens_at_ms == TIME_NONE);
	int64_t second, third;
	assert_true(when_parse("2027-01-03T00:00:00Z", 20, &second) && when_parse("2027-01-04T00:00:00Z", 20, &third));
	assert_int_equal(l.items[1].show_at_ms, second);
	struct schedules_list q = {.concert = 1, ANY};
	q.status = SCHEDULE_ON_SALE;
	assert_int_equal(schedules(w, q).count, 3);
	q.from_ms = second; /* inclusive */
	q.to_ms = third;	/* exclusive */
	q.status = -1;
	l = schedules(w, q);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.items[0].id, 2);
	l = schedules(w,
		(struct schedules_list){
			.concert = 1, .after_id = 1, .from_ms = TIME_NONE, .to_ms = TIME_NONE, .status = -1, .limit = 2});
	assert_int_equal(l.count, 2);
	assert_int_equal(l.items[0].id, 2);
}

static void a_hall(int seats)
{
	pg_db_do(&db, "INSERT INTO concert (title, queue_manage_required_yn) VALUES ('one', 'Y')");
	pg_db_do(&db,
		"INSERT INTO schedule (concert_id, show_at, sale_opens_at)"
		" VALUES (1, '2027-01-01', '2026-12-01 00:00:00.5Z')");
	pg_db_do(&db,
		"INSERT INTO seat (schedule_id, seat_no, section, grade, price)"
		" SELECT 1, 'D-' || n, 'D', CASE n WHEN 1 THEN 'VIP' ELSE 'S' END, 90000 FROM"
		" generate_series(1, %d) n",
		seats);
}

static struct schedule_load load(struct catalogue_world *w, int64_t id, bool with_seats)
{
	struct schedule_load l = {.id = id, .with_seats = with_seats};
	struct asker a;
	ASKER_ASK(&a, w->catalogue, schedule, &l);
	wait_for(w, &a);
	l.call.flow = NULL;
	return l;
}

static void a_schedule_comes_with_all_its_seats(void **state)
{
	struct catalogue_world *w = *state;
	struct seat_no no;
	a_hall(50000);
	assert_false(load(w, 2, true).found);
	struct schedule_load l = load(w, 1, false);
	assert_true(l.found);
	assert_null(l.plan);
	assert_true(l.schedule.queue_required);
	assert_true(l.schedule.sale_opens_at_ms % 1000 == 500);
	l = load(w, 1, true);
	assert_int_equal(l.plan->count, 50000);
	assert_string_equal(l.plan->seats[9].no.s, "D-10"); /* in the order of their ids */
	assert_int_equal(l.plan->seats[0].grade, GRADE_VIP);
	assert_int_equal(l.plan->seats[1].grade, GRADE_S);
	assert_string_equal(l.plan->seats[0].section, "D");
	assert_int_equal(l.plan->seats[0].price_krw, 90000);
	assert_true(seat_no_parse("D-50000", 7, &no));
	assert_int_equal(seat_plan_find(l.plan, &no), 49999);
	seat_plan_unref(l.plan);
}

static void a_schedule_without_seats_has_an_empty_plan(void **state)
{
	struct catalogue_world *w = *state;
	a_hall(0);
	struct schedule_load l = load(w, 1, true);
	assert_true(l.found);
	assert_non_null(l.plan);
	assert_int_equal(l.plan->count, 0);
	seat_plan_unref(l.plan);
}

static void a_poll_fills_the_places_of_those_that_exist(void **state)
{
	struct catalogue_world *w = *state;
	const int64_t ids[] = {7, 1, 1};
	struct schedule items[3];
	struct schedules_poll p = {.ids = ids, .count = 3, .items = items};
	struct asker a;
	a_hall(1);
	ASKER_ASK(&a, w->catalogue, poll, &p);
	wait_for(w, &a);
	assert_int_equal(items[0].id, 0);
	assert_int_equal(items[1].id, 1);
	assert_int_equal(items[2].id, 1);
	p.count = 0;
	ASKER_ASK(&a, w->catalogue, poll, &p);
	wait_for(w, &a);
}

static struct claims_load claims(struct catalogue_world *w, int64_t schedule)
{
	struct claims_load l = {.schedule = schedule};
	struct asker a;
	ASKER_ASK(&a, w->catalogue, claims, &l);
	wait_for(w, &a);
	l.call.flow = NULL;
	return l;
}

static void expect_claim(
	const struct claims_load *l, const char *seat, enum seat_claim_kind kind, int64_t rev, int64_t user)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (strcmp(l->changes[i].seat.s, seat) != 0) continue;
		assert_int_equal(l->changes[i].kind, kind);
		assert_int_equal(l->changes[i].rev, rev);
		if (kind != CLAIM_FREE) assert_int_equal(l->changes[i].user, user);
		assert_int_equal(l->changes[i].schedule, l->schedule);
		return;
	}
	fail_msg("no claim on %s", seat);
}

static void claims_tell_the_latest_truth_of_each_seat(void **state)
{
	struct catalogue_world *w = *state;
	pg_db_do(&db,
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active, rev) VALUES"
		" (1, 1, 'SOLD', 'CONFIRMED', 1, 10), (9, 1, 'SOLD', 'CANCELLED', NULL, 9),"
		" (2, 1, 'HELD', 'HELD', 1, 11),"
		" (3, 1, 'FREE', 'CANCELLED', NULL, 12), (4, 1, 'FREE', 'EXPIRED', NULL, 14),"
		" (5, 1, 'PEND', 'CANCELLED', NULL, 15), (6, 2, 'SOLD', 'CONFIRMED', 1, 16)");
	pg_db_do(&db,
		"INSERT INTO payment_order (user_id, schedule_id, seat_no, amount, status, approved_at, rev) VALUES"
		" (1, 1, 'SOLD', 1, 'PAID', now(), 8), (7, 1, 'PEND', 1, 'READY', now(), 20),"
		" (8, 1, 'LOST', 1, 'CANCELLED', now(), 21), (2, 1, 'HELD', 1, 'READY', now(), 22),"
		" (9, 1, 'NONE', 1, 'READY', NULL, NULL), (9, 1, 'NONE', 1, 'FAILED', NULL, NULL)");
	pg_db_do(&db,
		"INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status)"
		" SELECT order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED' FROM payment_order"
		" WHERE approved_at IS NOT NULL");
	struct claims_load l = claims(w, 1);
	assert_int_equal(l.count, 5);
	expect_claim(&l, "SOLD", CLAIM_SOLD, 10, 1);
	expect_claim(&l, "HELD", CLAIM_HELD, 11, 2);
	expect_claim(&l, "FREE", CLAIM_FREE, 14, 0);
	expect_claim(&l, "PEND", CLAIM_PENDING, 20, 7);
	expect_claim(&l, "LOST", CLAIM_FREE, 21, 0);
	free(l.changes);
	l = claims(w, 3);
	assert_int_equal(l.count, 0);
	free(l.changes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(concerts_come_in_pages_by_id),
		TEST(schedules_are_filtered_by_time_and_status),
		TEST(a_schedule_comes_with_all_its_seats),
		TEST(a_schedule_without_seats_has_an_empty_plan),
		TEST(a_poll_fills_the_places_of_those_that_exist),
		TEST(claims_tell_the_latest_truth_of_each_seat),
	};
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	int failed = cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
	pg_db_drop(&db);
	return failed;
}
