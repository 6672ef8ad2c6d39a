/* Plans are made when the daemon connects, on tables that may be empty, and are used when they are not. Here they are
 * made on empty tables, the tables are filled without telling the planner, and then each call may read only about as
 * many rows as it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/catalogue.h"
#include "adapter/pg/outbox.h"
#include "adapter/pg/reservations.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

enum { ROWS = 60000, SEATS = 20000, CALLS = 20 };

static struct pg_db db;
static struct pg_world world;
static struct outbox *outbox;
static struct catalogue *catalogue;
static struct pg_reservations reservations;

static void answered(struct asker *a)
{
	assert_true(asker_wait(a, world.loop));
	assert_int_equal(a->err.kind, TK_OK);
}

/* The n-th order of the filling. */
static struct uuid order_number(int n)
{
	char text[UUID_TEXT];
	struct uuid u;
	pg_db_text(&db, text, sizeof text, "SELECT order_no FROM payment_order WHERE user_id = %d", n);
	assert_true(uuid_parse(text, strlen(text), &u));
	return u;
}

static struct seat_no seat(int n)
{
	struct seat_no no;
	char text[SEAT_NO_MAX + 1];
	snprintf(text, sizeof text, "D-%d", n);
	assert_true(seat_no_parse(text, strlen(text), &no));
	return no;
}

static void ask_ready(int n)
{
	struct order_ready r = {.order_no = uuid_v7(when_now_ms(), 1),
		.user = 5000000 + n,
		.schedule = 50, /* nearly all of its seats are sold */
		.seat = seat(200000 + n),
		.amount_krw = 1,
		.remaining_ms = 60000,
		.limit = 4};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, ready, &r);
	answered(&a);
	assert_int_equal(r.verdict, READY_CREATED);
}

static void ask_approve(int n)
{
	struct order_approve p = {
		.order_no = order_number(n), .payment_id = uuid_v7(when_now_ms(), 1), .event_id = uuid_v7(when_now_ms(), 1)};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, approve, &p);
	answered(&a);
	assert_int_equal(p.verdict, APPROVE_DONE);
}

static void ask_no_approve(void)
{
	struct order_approve p = {.order_no = uuid_v7(when_now_ms(), 1)};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, approve, &p);
	answered(&a);
	assert_int_equal(p.verdict, APPROVE_NOT_FOUND);
}

static void ask_approve_waiting(int n)
{
	struct uuid order_no = order_number(n);
	char text[UUID_TEXT], sql[160];
	uuid_text(text, &order_no);
	snprintf(sql, sizeof sql, "BEGIN; SELECT FROM payment_order WHERE order_no = '%s' FOR UPDATE", text);
	PGconn *other = pg_db_session(&db);
	pg_session_do(other, sql);
	struct order_approve p = {
		.order_no = order_no, .payment_id = uuid_v7(when_now_ms(), 1), .event_id = uuid_v7(when_now_ms(), 1)};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, approve, &p);
	assert_false(asker_wait_ms(&a, world.loop, 50));
	pg_session_do(other, "ROLLBACK");
	answered(&a);
	assert_int_equal(p.verdict, APPROVE_DONE);
	PQfinish(other);
}

static void ask_fail(int n)
{
	struct order_fail f = {.order_no = order_number(n), .reason = "NO"};
	struct asker a;
	asker_init(&a, &f.call);
	(world.orders.orders->fail)(world.orders.orders, &f);
	answered(&a);
	assert_int_equal(f.verdict, FAIL_DONE);
}

static void ask_unready(int n)
{
	struct order_unready u = {.user = n, .schedule = 1 + n / SEATS, .seat = seat(n % SEATS)};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, unready, &u);
	answered(&a);
	assert_int_equal(u.verdict, UNREADY_DONE);
}

static void ask_view(int n)
{
	struct order_view v = {.order_no = order_number(n)};
	struct asker a;
	ASKER_ASK(&a, world.orders.orders, view, &v);
	answered(&a);
	assert_true(v.found);
}

static void ask_lease(int n)
{
	struct payment_completed e[5];
	struct outbox_lease l = {.limit = 5, .lease_ms = 60000, .events = e};
	struct asker a;
	(void)n;
	ASKER_ASK(&a, outbox, lease, &l);
	answered(&a);
	assert_int_equal(l.count, 5);
	struct outbox_clear c = {.event_id = e[0].event_id};
	ASKER_ASK(&a, outbox, clear, &c);
	answered(&a);
}

static void ask_expire(int n)
{
	struct orders_expire e = {.count = 0};
	struct asker a;
	(void)n;
	ASKER_ASK(&a, outbox, expire, &e);
	answered(&a);
}

static void ask_sweep(int n)
{
	struct outbox_sweep s = {.older_ms = 60000};
	struct asker a;
	(void)n;
	ASKER_ASK(&a, outbox, sweep, &s);
	answered(&a);
}

static void ask_schedule(int n)
{
	struct schedule_load l = {.id = 1 + n % 3};
	struct asker a;
	ASKER_ASK(&a, catalogue, schedule, &l);
	answered(&a);
	assert_true(l.found);
}

/* Of the same schedule. */
static struct payment_completed event(int n)
{
	return (struct payment_completed){.event_id = uuid_v7(when_now_ms(), 0),
		.order_no = order_number(6000000 + n),
		.user = 6000000 + n,
		.schedule = 50,
		.seat = seat(100000 + n),
		.amount_krw = 1,
		.method = METHOD_CARD};
}

static struct payment_completed no_event(void)
{
	return (struct payment_completed){.event_id = uuid_v7(when_now_ms(), 0),
		.order_no = uuid_v7(when_now_ms(), 50),
		.user = 1,
		.schedule = 50,
		.seat = seat(1),
		.amount_krw = 1,
		.method = METHOD_CARD};
}

static void ask_confirm(int n)
{
	struct payment_completed e = n ? event(n) : no_event();
	struct reservation_confirm c = {
		.event = &e, .reservation_id = uuid_v7(when_now_ms(), 50), .payment_id = uuid_v7(when_now_ms(), 0)};
	struct asker a;
	ASKER_ASK(&a, &reservations.port, confirm, &c);
	answered(&a);
	assert_true(c.confirmed == (n != 0));
}

static void ask_facts(int n)
{
	struct payment_completed e = n ? event(n) : no_event();
	struct reservation_look l = {.event = &e};
	struct asker a;
	ASKER_ASK(&a, &reservations.port, look, &l);
	answered(&a);
	assert_true(l.facts.order_found == (n != 0));
}

/* An order of its own, READY, whose seat nobody has, or has been given up, or somebody else has. */
static struct payment_completed undecided(int n, const char *seat_of)
{
	struct payment_completed e = no_event();
	char text[UUID_TEXT];
	uuid_text(text, &e.order_no);
	e.user = 9000000 + n;
	e.seat = seat(seat_of ? 0 : 300000 + n);
	if (seat_of) {
		char no[SEAT_NO_MAX + 1];
		pg_db_text(&db, no, sizeof no, "SELECT seat_no FROM reservation WHERE %s", seat_of);
		assert_true(seat_no_parse(no, strlen(no), &e.seat));
	}
	pg_db_do(&db,
		"INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount) VALUES ('%s', %d, 50, '%.*s', 1)",
		text, 9000000 + n, (int)e.seat.len, e.seat.s);
	return e;
}

static void settle(struct payment_completed e, enum confirmation verdict, bool done)
{
	struct reservation_look look = {.event = &e};
	struct asker a;
	ASKER_ASK(&a, &reservations.port, look, &look);
	answered(&a);
	struct reservation_settle s = {.event = &e,
		.seen = &look,
		.verdict = verdict,
		.reservation_id = uuid_v7(when_now_ms(), 50),
		.payment_id = uuid_v7(when_now_ms(), 0),
		.refund_id = uuid_v7(when_now_ms(), 0)};
	ASKER_ASK(&a, &reservations.port, settle, &s);
	answered(&a);
	assert_true(s.done == done);
}

static void ask_settle(int n)
{
	if (n) settle(undecided(n, NULL), CONFIRMATION_CONFIRM, true);
	else settle(no_event(), CONFIRMATION_CONFIRM, false);
}

static void ask_reject(int n)
{
	char winner[40];
	snprintf(winner, sizeof winner, "user_id = %d", 7000000 + n);
	if (n) settle(undecided(n, winner), CONFIRMATION_SEAT_TAKEN, true);
	else settle(no_event(), CONFIRMATION_SEAT_TAKEN, false);
}

static void fill(void)
{
	pg_db_do(&db, "INSERT INTO concert (title) VALUES ('one')");
	pg_db_do(&db, "INSERT INTO schedule (concert_id, show_at) SELECT 1, now() FROM generate_series(1, 5) n");
	pg_db_do(&db,
		"INSERT INTO seat (schedule_id, seat_no, section, grade, price)"
		" SELECT 1 + n / %d, 'D-' || n %% %d, 'D', 'S', 1 FROM generate_series(1, %d) n",
		SEATS, SEATS, ROWS);
	pg_db_do(&db,
		"INSERT INTO payment_order (user_id, schedule_id, seat_no, amount)"
		" SELECT n, 1 + n / %d, 'D-' || n %% %d, 1 FROM generate_series(1, %d) n",
		SEATS, SEATS, ROWS);
	pg_db_do(&db,
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active)"
		" SELECT 7000000 + n, 50, 'D-' || n, 'CONFIRMED', 1 FROM generate_series(1, %d) n",
		ROWS);
	pg_db_do(&db,
		"INSERT INTO payment_order (user_id, schedule_id, seat_no, amount)"
		" SELECT 6000000 + n, 50, 'D-' || (100000 + n), 1 FROM generate_series(1000, 3000) n");
	/* Decided long ago, with payments and, as if Kafka were away, outbox rows. */
	pg_db_do(&db,
		"WITH o AS (INSERT INTO payment_order (user_id, schedule_id, seat_no, amount, status,"
		" approved_at, expires_at)"
		" SELECT 8000000 + n, 60, 'D-' || n, 1, 'PAID', now() - interval '1 h', now() - n * interval '1 s'"
		" FROM generate_series(1, %d) n RETURNING *),"
		" p AS (INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status, event_id, "
		"created_at)"
		" SELECT order_no, user_id, schedule_id, seat_no, 1, 'CARD', 'APPROVED', gen_random_uuid(), expires_at FROM o "
		"RETURNING *)"
		" INSERT INTO outbox (event_id, order_no, next_try_at)"
		" SELECT event_id, order_no, created_at FROM p",
		ROWS);
}

static int64_t rows_read(void)
{
	/* Counters of a backend that does something now and then come with it. */
	pg_db_do(&db, "SELECT pg_stat_force_next_flush()");
	return pg_db_int(&db,
		"SELECT sum(seq_tup_read)::bigint + sum(greatest(idx_tup_fetch, 0))::bigint"
		" + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes) FROM pg_stat_user_tables");
}

/* A session tells what it has read at the end of a statement, when it last did so a second ago. */
static int64_t settled_rows_read(void)
{
	struct order_view fast = {.user = 1};
	struct order_unready slow = {.user = 1, .schedule = 77, .seat = seat(1)};
	struct asker a;
	asker_init(&a, &fast.call);
	asker_wait_ms(&a, world.loop, 1100);
	world.orders.orders->view(world.orders.orders, &fast);
	answered(&a);
	ASKER_ASK(&a, world.orders.orders, unready, &slow);
	answered(&a);
	return rows_read();
}

static const struct {
	const char *name;
	void (*ask)(int n);
	int64_t rows; /* a call may read */
} CALL[] = {
	{"ready", ask_ready, 40},
	{"approve", ask_approve, 40},
	{"approve, waiting", ask_approve_waiting, 80},
	{"fail", ask_fail, 40},
	{"unready", ask_unready, 40},
	{"view", ask_view, 40},
	{"lease and clear", ask_lease, 400},
	{"expire", ask_expire, 30000}, /* two pieces of 5,000 rows, read through index and table */
	{"schedule", ask_schedule, 60},
	{"confirm", ask_confirm, 40},
	{"facts", ask_facts, 40},
	{"settle", ask_settle, 120},
	{"reject", ask_reject, 120},
};

static void no_call_reads_a_whole_table(void **state)
{
	(void)state;
	ask_expire(0); /* what the first one catches up with */
	for (int i = 0; i < 20; i++) ask_expire(0);
	ask_sweep(0);
	for (size_t i = 0; i < sizeof CALL / sizeof *CALL; i++) {
		int64_t before = settled_rows_read();
		for (int j = 0; j < CALLS; j++) CALL[i].ask(1000 + (int)i * 100 + j);
		int64_t rows = (settled_rows_read() - before) / CALLS;
		print_message("%s: %lld rows a call\n", CALL[i].name, (long long)rows);
		if (rows > CALL[i].rows) fail_msg("%s reads %lld rows a call", CALL[i].name, (long long)rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_call_reads_a_whole_table)};
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	pg_db_do(&db, "ALTER TABLE payment_order SET (autovacuum_enabled = off)");
	pg_db_do(&db, "ALTER TABLE reservation SET (autovacuum_enabled = off)");
	pg_db_do(&db, "ALTER TABLE payment SET (autovacuum_enabled = off)");
	pg_db_do(&db, "ALTER TABLE outbox SET (autovacuum_enabled = off)");
	pg_db_do(&db, "VACUUM ANALYZE"); /* "these tables are empty" */
	pg_world_open(&world, &db, 10000);
	outbox = pg_outbox_create(world.pg);
	catalogue = pg_catalogue_create(world.pg);
	pg_reservations_init(&reservations, world.pg);
	/* The first execution makes the plan. */
	ask_ready(0);
	ask_no_approve();
	ask_confirm(0);
	ask_facts(0);
	ask_settle(0);
	ask_reject(0);
	fill();
	int failed = cmocka_run_group_tests_name("pg_plans", tests, NULL, NULL);
	pg_world_close(&world);
	pg_outbox_destroy(outbox);
	pg_catalogue_destroy(catalogue);
	pg_db_drop(&db);
	return failed;
}
