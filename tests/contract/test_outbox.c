/* port/outbox.h on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/outbox.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

static struct pg_db db;

struct outbox_world {
	struct pg_world pg;
	struct outbox *outbox;
};

static int open_world(void **state)
{
	struct outbox_world *w = calloc(1, sizeof *w);
	pg_db_do(&db, "TRUNCATE payment_order, payment, outbox, outbox_sweep, refund, reservation");
	pg_world_open(&w->pg, &db, 5000);
	w->outbox = pg_outbox_create(w->pg.pg);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct outbox_world *w = *state;
	pg_world_close(&w->pg);
	pg_outbox_destroy(w->outbox);
	free(w);
	return 0;
}

/* `count` orders of schedule 1, approved `age` ago, with their payments, and outbox rows due since `due`. */
static void approved_orders(int count, const char *age, const char *due)
{
	pg_db_do(&db,
		"WITH o AS (INSERT INTO payment_order (user_id, schedule_id, seat_no, amount, approved_at, rev, expires_at)"
		" SELECT n, 1, 'A-' || n, 1000 + n, now() - interval '%s', n, now() - interval '1 min'"
		" FROM generate_series(1, %d) n RETURNING *),"
		" p AS (INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status, event_id,"
		" traceparent, created_at)"
		" SELECT order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', gen_random_uuid(), 'trace', "
		"approved_at FROM o"
		" RETURNING *)"
		" INSERT INTO outbox (event_id, order_no, next_try_at) SELECT event_id, order_no, now() - interval '%s' FROM p",
		age, count, due);
}

static struct outbox_lease lease(struct outbox_world *w, struct payment_completed *events, unsigned limit)
{
	struct outbox_lease l = {.limit = limit, .lease_ms = 60000, .events = events};
	struct asker a;
	ASKER_ASK(&a, w->outbox, lease, &l);
	assert_true(asker_wait(&a, w->pg.loop));
	assert_int_equal(a.err.kind, TK_OK);
	l.call.flow = NULL;
	return l;
}

static void clear(struct outbox_world *w, const struct uuid *event_id)
{
	struct outbox_clear c = {.event_id = *event_id};
	struct asker a;
	ASKER_ASK(&a, w->outbox, clear, &c);
	assert_true(asker_wait(&a, w->pg.loop));
	assert_int_equal(a.err.kind, TK_OK);
}

static struct outbox_sweep sweep(struct outbox_world *w, int64_t older_ms)
{
	struct outbox_sweep s = {.older_ms = older_ms};
	struct asker a;
	ASKER_ASK(&a, w->outbox, sweep, &s);
	assert_true(asker_wait(&a, w->pg.loop));
	assert_int_equal(a.err.kind, TK_OK);
	s.call.flow = NULL;
	return s;
}

static int64_t expire(struct outbox_world *w)
{
	struct orders_expire e = {.count = -1};
	struct asker a;
	ASKER_ASK(&a, w->outbox, expire, &e);
	assert_true(asker_wait(&a, w->pg.loop));
	assert_int_equal(a.err.kind, TK_OK);
	return e.count;
}

static struct outbox_stats stats(struct outbox_world *w)
{
	struct outbox_stats s = {.pending = -1};
	struct asker a;
	ASKER_ASK(&a, w->outbox, stats, &s);
	assert_true(asker_wait(&a, w->pg.loop));
	assert_int_equal(a.err.kind, TK_OK);
	s.call.flow = NULL;
	return s;
}

/* --- lease and clear --- */

static void a_lease_gives_the_event_whole_and_only_once(void **state)
{
	struct outbox_world *w = *state;
	struct payment_completed e[10];
	char event[UUID_TEXT], order[UUID_TEXT], want[UUID_TEXT];
	approved_orders(1, "1 min", "1 s");
	assert_int_equal(lease(w, e, 10).count, 1);
	uuid_text(event, &e[0].event_id);
	uuid_text(order, &e[0].order_no);
	pg_db_text(&db, want, sizeof want, "SELECT order_no FROM payment WHERE event_id = '%s'", event);
	assert_string_equal(order, want);
	assert_int_equal(e[0].user, 1);
	assert_int_equal(e[0].schedule, 1);
	assert_string_equal(e[0].seat.s, "A-1");
	assert_int_equal(e[0].amount_krw, 1001);
	assert_int_equal(e[0].method, METHOD_CARD);
	assert_string_equal(e[0].traceparent, "trace");
	assert_int_equal(e[0].occurred_at_ms,
		pg_db_int(&db, "SELECT floor(extract(epoch FROM approved_at) * 1000)::bigint FROM payment_order"));
	assert_int_equal(lease(w, e, 10).count, 0);
	assert_int_equal(pg_db_int(&db, "SELECT attempts FROM outbox"), 1);
	assert_in_range(pg_db_int(&db, "SELECT extract(epoch FROM next_try_at - now()) FROM outbox"), 50, 60);
}

static void what_is_not_due_is_not_leased_and_the_limit_holds(void **state)
{
	struct outbox_world *w = *state;
	struct payment_completed e[30];
	approved_orders(25, "1 min", "-15 s");
	assert_int_equal(lease(w, e, 30).count, 0);
	pg_db_do(&db, "UPDATE outbox SET next_try_at = now()");
	assert_int_equal(lease(w, e, 10).count, 10);
	assert_int_equal(lease(w, e, 30).count, 15);
}

static void a_row_that_another_relay_leases_is_left_to_it(void **state)
{
	struct outbox_world *w = *state;
	struct payment_completed e[10];
	approved_orders(3, "1 min", "1 s");
	PGconn *other = pg_db_session(&db);
	pg_session_do(other,
		"BEGIN; SELECT FROM outbox WHERE order_no = (SELECT order_no FROM payment_order WHERE user_id"
		" = 2) FOR UPDATE");
	assert_int_equal(lease(w, e, 10).count, 2);
	pg_session_do(other, "ROLLBACK");
	assert_int_equal(lease(w, e, 10).count, 1);
	assert_int_equal(e[0].user, 2);
	PQfinish(other);
}

static void a_delivered_event_is_cleared_once_and_again_is_nothing(void **state)
{
	struct outbox_world *w = *state;
	struct payment_completed e[10];
	approved_orders(3, "1 min", "1 s");
	lease(w, e, 10);
	clear(w, &e[1].event_id);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox"), 2);
	clear(w, &e[1].event_id);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox"), 2);
}

static void delivered_events_wait_for_each_other(void **state)
{
	struct outbox_world *w = *state;
	struct payment_completed e[10];
	struct outbox_clear c[2];
	struct asker a[2];
	approved_orders(3, "1 min", "1 s");
	lease(w, e, 10);
	for (int i = 0; i < 2; i++) {
		c[i] = (struct outbox_clear){.event_id = e[i].event_id};
		ASKER_ASK(&a[i], w->outbox, clear, &c[i]);
		if (i == 0) assert_false(asker_wait_ms(&a[0], w->pg.loop, 10));
	}
	assert_true(asker_wait(&a[0], w->pg.loop));
	assert_int_equal(a[1].answers, 1); /* by the same statement */
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox"), 1);
}

/* --- sweep --- */

static void what_is_undecided_without_a_row_gets_it_back(void **state)
{
	struct outbox_world *w = *state;
	approved_orders(5, "2 min", "1 s");
	assert_int_equal(sweep(w, 60000).restored, 0);
	pg_db_do(&db, "DELETE FROM outbox WHERE order_no IN (SELECT order_no FROM payment_order WHERE user_id <= 2)");
	pg_db_do(&db, "UPDATE payment_order SET status = 'PAID' WHERE user_id = 1");
	pg_db_do(&db, "UPDATE outbox_sweep SET next_at = now()");
	struct outbox_sweep s = sweep(w, 60000);
	assert_int_equal(s.restored, 1);
	assert_int_equal(s.stuck, 0);
	assert_int_equal(
		pg_db_int(&db, "SELECT count(*) FROM outbox x JOIN payment p USING (event_id) WHERE p.user_id = 2"), 1);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox_sweep"), 4); /* the paid one left */
	assert_int_equal(sweep(w, 60000).restored, 0);
}

static void a_young_approval_is_left_alone(void **state)
{
	struct outbox_world *w = *state;
	approved_orders(3, "10 s", "1 s");
	pg_db_do(&db, "DELETE FROM outbox");
	assert_int_equal(sweep(w, 60000).restored, 0);
	assert_int_equal(sweep(w, 5000).restored, 3);
}

static void five_times_and_then_it_is_a_finding(void **state)
{
	struct outbox_world *w = *state;
	approved_orders(1, "2 min", "1 s");
	for (int i = 0; i < 5; i++) {
		pg_db_do(&db, "DELETE FROM outbox");
		pg_db_do(&db, "UPDATE outbox_sweep SET next_at = now()");
		struct outbox_sweep s = sweep(w, 60000);
		assert_int_equal(s.restored, 1);
		assert_int_equal(s.stuck, 0);
	}
	for (int i = 0; i < 3; i++) {
		pg_db_do(&db, "DELETE FROM outbox");
		pg_db_do(&db, "UPDATE outbox_sweep SET next_at = now()");
		struct outbox_sweep s = sweep(w, 60000);
		assert_int_equal(s.restored, 0);
		if (i > 0) assert_int_equal(s.stuck, 1);
	}
	pg_db_do(&db, "UPDATE payment_order SET status = 'PAID'");
	pg_db_do(&db, "UPDATE outbox_sweep SET next_at = now()");
	sweep(w, 60000);
	assert_int_equal(sweep(w, 60000).stuck, 0);
}

static void an_old_one_is_found_too(void **state)
{
	struct outbox_world *w = *state;
	approved_orders(12000, "20 days", "1 s");
	pg_db_do(&db, "DELETE FROM outbox WHERE order_no IN (SELECT order_no FROM payment_order WHERE user_id = 9000)");
	pg_db_do(&db, "UPDATE payment_order SET status = 'PAID' WHERE user_id <> 9000");
	/* All of one transaction have the same time: one piece, however many. */
	assert_int_equal(sweep(w, 60000).restored, 1);
	pg_db_do(&db, "UPDATE payment SET created_at = created_at + user_id * interval '1 ms'");
	pg_db_do(&db, "DELETE FROM outbox");
	pg_db_do(&db, "DELETE FROM outbox_sweep");
	int64_t restored = 0;
	for (int i = 0; i < 10; i++) restored += sweep(w, 60000).restored;
	assert_int_equal(restored, 1);
}

/* --- expire --- */

static void ready_orders(int count, const char *since)
{
	pg_db_do(&db,
		"INSERT INTO payment_order (user_id, schedule_id, seat_no, amount, expires_at)"
		" SELECT n, 1, 'A-' || n, 1, now() - interval '%s' + n * interval '1 us' FROM generate_series(1, %d) n",
		since, count);
}

static void what_ran_out_fails_and_nothing_else(void **state)
{
	struct outbox_world *w = *state;
	ready_orders(1, "1 s");
	approved_orders(1, "2 min", "1 s");
	ready_orders(1, "-1 min");
	assert_int_equal(expire(w), 1);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment_order WHERE fail_reason = 'EXPIRED'"), 1);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment_order WHERE status = 'READY'"), 2);
	assert_int_equal(expire(w), 0);
}

static void more_than_a_call_takes_goes_on_with_the_next(void **state)
{
	struct outbox_world *w = *state;
	ready_orders(1100, "1 min");
	assert_int_equal(expire(w), EXPIRE_MAX);
	assert_int_equal(expire(w), EXPIRE_MAX);
	assert_int_equal(expire(w), 100);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment_order WHERE status = 'READY'"), 0);
}

static void an_order_that_ran_out_long_ago_is_found_behind_many(void **state)
{
	struct outbox_world *w = *state;
	pg_db_do(&db,
		"INSERT INTO payment_order (user_id, schedule_id, seat_no, amount, status, expires_at)"
		" SELECT n, 1, 'A-' || n, 1, 'PAID', now() - interval '40 days' + n * interval '1 ms'"
		" FROM generate_series(1, 12000) n");
	ready_orders(1, "3 days");
	int64_t expired = 0;
	for (int i = 0; i < 4; i++) expired += expire(w);
	assert_int_equal(expired, 1);
}

static void an_order_under_a_lock_is_passed_over_and_comes_later(void **state)
{
	struct outbox_world *w = *state;
	ready_orders(3, "1 s");
	PGconn *other = pg_db_session(&db);
	pg_session_do(other, "BEGIN; SELECT FROM payment_order WHERE user_id = 2 FOR UPDATE");
	assert_int_equal(expire(w), 2);
	pg_session_do(other, "ROLLBACK");
	assert_int_equal(expire(w), 1);
	PQfinish(other);
}

/* Two rows that someone has locked for a while, among more than a call or a stretch takes. */
static void locked_orders_let_no_other_be_passed_over(void **state)
{
	enum { OVERDUE = 12000 };
	struct outbox_world *w = *state;
	struct orders_expire e = {.count = 0};
	struct asker a;
	int64_t failed = 0;
	ready_orders(OVERDUE, "1 min");
	PGconn *other = pg_db_session(&db);
	pg_session_do(other, "BEGIN; SELECT FROM payment_order WHERE user_id IN (7, 5100) FOR UPDATE");
	do {
		ASKER_ASK(&a, w->outbox, expire, &e);
		assert_true(asker_wait(&a, w->pg.loop));
		assert_int_equal(a.err.kind, TK_OK);
		failed += e.count;
	} while (e.more && failed < OVERDUE);
	assert_int_equal(failed, OVERDUE - 2); /* all in one go */
	assert_int_equal(expire(w), 0);
	pg_session_do(other, "ROLLBACK");
	assert_int_equal(expire(w), 2);
	PQfinish(other);
}

/* --- stats --- */

static void the_counts_are_true(void **state)
{
	struct outbox_world *w = *state;
	assert_int_equal(stats(w).pending, 0);
	assert_int_equal(stats(w).oldest_age_ms, 0);
	approved_orders(7, "1 min", "1 s");
	pg_db_do(&db,
		"UPDATE outbox SET created_at = now() - interval '10 s' WHERE order_no = (SELECT order_no FROM"
		" payment_order WHERE user_id = 3)");
	pg_db_do(&db,
		"INSERT INTO refund (payment_id, order_no, user_id, amount, reason, status)"
		" SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, '', s FROM"
		" unnest('{PENDING,FAILED,DONE}'::text[]) s");
	struct outbox_stats s = stats(w);
	assert_int_equal(s.pending, 7);
	assert_in_range(s.oldest_age_ms, 10000, 20000);
	assert_int_equal(s.refunds_pending, 2);
	assert_int_equal(s.oversold, 0);
}

static void a_seat_sold_twice_is_counted(void **state)
{
	struct outbox_world *w = *state;
	pg_db_do(&db, "ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live");
	pg_db_do(&db,
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active)"
		" SELECT n, 1, 'A-' || n %% 3, 'CONFIRMED', 1 FROM generate_series(1, 5) n");
	int64_t oversold = stats(w).oversold;
	pg_db_do(&db, "TRUNCATE reservation");
	pg_db_do(&db, "ALTER TABLE reservation ADD CONSTRAINT reservation_seat_live UNIQUE (schedule_id, seat_no, active)");
	assert_int_equal(oversold, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lease_gives_the_event_whole_and_only_once),
		TEST(what_is_not_due_is_not_leased_and_the_limit_holds),
		TEST(a_row_that_another_relay_leases_is_left_to_it),
		TEST(a_delivered_event_is_cleared_once_and_again_is_nothing),
		TEST(delivered_events_wait_for_each_other),
		TEST(what_is_undecided_without_a_row_gets_it_back),
		TEST(a_young_approval_is_left_alone),
		TEST(five_times_and_then_it_is_a_finding),
		TEST(an_old_one_is_found_too),
		TEST(what_ran_out_fails_and_nothing_else),
		TEST(more_than_a_call_takes_goes_on_with_the_next),
		TEST(an_order_that_ran_out_long_ago_is_found_behind_many),
		TEST(an_order_under_a_lock_is_passed_over_and_comes_later),
		TEST(locked_orders_let_no_other_be_passed_over),
		TEST(the_counts_are_true),
		TEST(a_seat_sold_twice_is_counted),
	};
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	int failed = cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
	pg_db_drop(&db);
	return failed;
}
