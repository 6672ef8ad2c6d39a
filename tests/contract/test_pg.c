/* The pg adapter itself: micro-batch, bad rows, locks, limits, the schema check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/orders.h"
#include "runtime/loop.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

enum { TIMEOUT_MS = 2000, MANY = 1200 };

static struct pg_db db;

static int open_world(void **state)
{
	struct pg_world *w = calloc(1, sizeof *w);
	pg_world_open(w, &db, TIMEOUT_MS);
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct pg_world *w = *state;
	pg_world_close(w);
	free(w);
	return 0;
}

static struct seat_no seat(const char *s)
{
	struct seat_no no;
	memset(&no, 0, sizeof no);
	snprintf(no.s, sizeof no.s, "%s", s);
	no.len = (uint8_t)strlen(no.s);
	return no;
}

static struct order_ready ready_call(int64_t user, const char *no)
{
	return (struct order_ready){
		.order_no = uuid_v7(when_now_ms(), 1),
		.user = user,
		.schedule = 1,
		.seat = seat(no),
		.amount_krw = 1000,
		.remaining_ms = 60000,
		.limit = 100,
	};
}

static struct order_approve approve_call(struct uuid order_no)
{
	return (struct order_approve){
		.order_no = order_no, .payment_id = uuid_v7(when_now_ms(), 1), .event_id = uuid_v7(when_now_ms(), 1)};
}

static int64_t next_user = 1;

static struct uuid an_order(struct pg_world *w)
{
	struct asker a;
	char no[SEAT_NO_MAX + 1];
	snprintf(no, sizeof no, "X-%d", (int)next_user);
	struct order_ready r = ready_call(next_user++, no);
	ASKER_ASK(&a, w->orders.orders, ready, &r);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	assert_int_equal(r.verdict, READY_CREATED);
	return r.order_no;
}

/* --- the micro-batch --- */

static void more_calls_than_a_statement_takes_are_all_answered(void **state)
{
	struct pg_world *w = *state;
	struct order_ready *r = calloc(MANY, sizeof *r);
	struct asker *a = calloc(MANY, sizeof *a);
	for (int i = 0; i < MANY; i++) {
		char no[SEAT_NO_MAX + 1];
		snprintf(no, sizeof no, "M-%d", i);
		r[i] = ready_call(next_user++, no);
		ASKER_ASK(&a[i], w->orders.orders, ready, &r[i]);
	}
	for (int i = 0; i < MANY; i++) {
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, TK_OK);
		assert_int_equal(r[i].verdict, READY_CREATED);
		assert_int_equal(a[i].answers, 1);
	}
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment_order WHERE seat_no LIKE 'M-%%'"), MANY);
	/* A call keeps its own answer, wherever it was in the batch. */
	for (int i = 0; i < MANY; i += 97) {
		char no[UUID_TEXT];
		uuid_text(no, &r[i].order_no);
		assert_int_equal(pg_db_int(&db, "SELECT user_id FROM payment_order WHERE order_no = '%s'", no), r[i].user);
	}
	free(r);
	free(a);
}

enum { CROWD = 30, BAD_TEXT = 7, BAD_MONEY = 13, BAD_TIME = 21 };

static void a_bad_row_harms_nobody_in_its_batch(void **state)
{
	struct pg_world *w = *state;
	struct order_ready r[CROWD];
	struct asker a[CROWD];
	for (int i = 0; i < CROWD; i++) {
		char no[SEAT_NO_MAX + 1];
		snprintf(no, sizeof no, "B-%d", i);
		r[i] = ready_call(next_user++, no);
	}
	r[BAD_TEXT].seat = seat("\xff\xfe");  /* 22021 */
	r[BAD_MONEY].amount_krw = -1;		  /* 23514 */
	r[BAD_TIME].remaining_ms = INT64_MAX; /* 22008 */
	for (int i = 0; i < CROWD; i++) {
		ASKER_ASK(&a[i], w->orders.orders, ready, &r[i]);
	}
	for (int i = 0; i < CROWD; i++) {
		bool bad = i == BAD_TEXT || i == BAD_MONEY || i == BAD_TIME;
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, bad ? TK_INVALID : TK_OK);
		if (!bad) assert_int_equal(r[i].verdict, READY_CREATED);
	}
}

static void a_unique_violation_is_a_conflict_of_one_call_only(void **state)
{
	struct pg_world *w = *state;
	struct order_approve p[2] = {approve_call(an_order(w)), approve_call(an_order(w))};
	struct asker a[2];
	p[1].payment_id = p[0].payment_id;
	for (int i = 0; i < 2; i++) {
		ASKER_ASK(&a[i], w->orders.orders, approve, &p[i]);
	}
	assert_true(asker_wait(&a[0], w->loop) && asker_wait(&a[1], w->loop));
	assert_int_equal(a[0].err.kind, TK_OK);
	assert_int_equal(p[0].verdict, APPROVE_DONE);
	assert_int_equal(a[1].err.kind, TK_CONFLICT);
}

/* --- locks --- */

static PGconn *lock_order(const struct uuid *order_no)
{
	char no[UUID_TEXT], sql[160];
	PGconn *other = pg_db_session(&db);
	uuid_text(no, order_no);
	pg_session_do(other, "BEGIN");
	snprintf(sql, sizeof sql, "SELECT FROM payment_order WHERE order_no = '%s' FOR UPDATE", no);
	pg_session_do(other, sql);
	return other;
}

static void a_locked_order_holds_up_nobody_else(void **state)
{
	struct pg_world *w = *state;
	struct uuid locked = an_order(w);
	PGconn *other = lock_order(&locked);
	struct order_approve stuck = approve_call(locked);
	struct asker a;
	ASKER_ASK(&a, w->orders.orders, approve, &stuck);
	int64_t began_us = loop_now_us();
	for (int i = 0; i < 20; i++) {
		struct order_approve p = approve_call(an_order(w));
		struct asker b;
		ASKER_ASK(&b, w->orders.orders, approve, &p);
		assert_true(asker_wait(&b, w->loop));
		assert_int_equal(p.verdict, APPROVE_DONE);
	}
	assert_true(loop_now_us() - began_us < 500000);
	assert_int_equal(a.answers, 0);
	pg_session_do(other, "ROLLBACK");
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	assert_int_equal(stuck.verdict, APPROVE_DONE);
	PQfinish(other);
}

static void who_waits_too_long_for_a_lock_is_told_before_the_deadline(void **state)
{
	struct pg_world *w = *state;
	struct uuid locked = an_order(w);
	PGconn *other = lock_order(&locked);
	struct order_approve p = approve_call(locked);
	struct asker a;
	int64_t began_us = loop_now_us();
	ASKER_ASK(&a, w->orders.orders, approve, &p);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_UNAVAILABLE); /* and not UNCERTAIN: it was rolled back */
	assert_in_range((loop_now_us() - began_us) / 1000, 4 * 200, TIMEOUT_MS);
	assert_true(pg_ready(w->pg));
	pg_session_do(other, "ROLLBACK");
	PQfinish(other);
	assert_int_equal(pg_db_int(&db,
						 "SELECT count(*) FROM payment_order WHERE seat_no = 'X-%d' AND approved_at IS NOT"
						 " NULL",
						 (int)next_user - 1),
		0);
}

static void a_held_row_under_a_lock_is_waited_for_and_then_kept(void **state)
{
	struct pg_world *w = *state;
	struct uuid order_no = an_order(w);
	char no[SEAT_NO_MAX + 1], sql[160];
	snprintf(no, sizeof no, "X-%d", (int)next_user - 1);
	w->orders.held(&w->orders, next_user - 1, 1, no, 60000);
	PGconn *other = pg_db_session(&db);
	pg_session_do(other, "BEGIN");
	snprintf(sql, sizeof sql, "SELECT FROM reservation WHERE schedule_id = 1 AND seat_no = '%s' FOR UPDATE", no);
	pg_session_do(other, sql);
	struct order_approve p = approve_call(order_no);
	struct asker a;
	ASKER_ASK(&a, w->orders.orders, approve, &p);
	assert_false(asker_wait_ms(&a, w->loop, 100));
	pg_session_do(other, "COMMIT");
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	assert_int_equal(p.verdict, APPROVE_DONE);
	assert_true(w->orders.held_until(&w->orders, 1, no) == TIME_FOREVER);
	PQfinish(other);
}

/* What waited for the other's lock still reads with its own old eyes: the payment is not there yet for it. */
static void an_approval_of_another_daemon_is_told_with_its_event(void **state)
{
	struct pg_world *w = *state;
	struct uuid order_no = an_order(w), event_id = uuid_v7(when_now_ms(), 2);
	char no[UUID_TEXT], event[UUID_TEXT], sql[400];
	uuid_text(no, &order_no);
	uuid_text(event, &event_id);
	PGconn *other = pg_db_session(&db);
	snprintf(sql, sizeof sql,
		"BEGIN; UPDATE payment_order SET approved_at = now(), rev = 1 WHERE order_no = '%s';"
		"INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)"
		" VALUES ('%s', 1, 1, 'A-1', 1, 'CARD', 'APPROVED', '%s')",
		no, no, event);
	pg_session_do(other, sql);
	struct order_approve p = approve_call(order_no);
	struct asker a;
	ASKER_ASK(&a, w->orders.orders, approve, &p);
	assert_false(asker_wait_ms(&a, w->loop, 100));
	pg_session_do(other, "COMMIT");
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	assert_int_equal(p.verdict, APPROVE_AGAIN);
	assert_true(uuid_equal(&p.event_id, &event_id));
	assert_int_equal(w->orders.payments_of(&w->orders, &order_no), 1);
	PQfinish(other);
}

static void a_number_that_another_daemon_just_made_is_the_same_order(void **state)
{
	struct pg_world *w = *state;
	char no[UUID_TEXT], sql[400];
	struct order_ready r = ready_call(next_user++, "T-1");
	uuid_text(no, &r.order_no);
	PGconn *other = pg_db_session(&db);
	snprintf(sql, sizeof sql,
		"BEGIN; INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount)"
		" VALUES ('%s', %d, 1, 'T-1', 77)",
		no, (int)r.user);
	pg_session_do(other, sql);
	struct asker a;
	ASKER_ASK(&a, w->orders.orders, ready, &r);
	assert_false(asker_wait_ms(&a, w->loop, 50));
	pg_session_do(other, "COMMIT");
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	assert_int_equal(r.verdict, READY_AGAIN);
	assert_int_equal(r.amount_krw, 77);
	PQfinish(other);
}

/* The two statements differ in their first line and in waiting. */
static void approvals_that_wait_are_the_same_statement(void **state)
{
	(void)state;
	static const char SKIP[] = " SKIP LOCKED";
	const char *fast = strchr(PG_STATEMENT[STMT_ORDER_APPROVE].text, '\n');
	const char *wait = strchr(PG_STATEMENT[STMT_ORDER_APPROVE_WAIT].text, '\n');
	int skips = 0;
	for (; *fast; fast++, wait++) {
		if (strncmp(fast, SKIP, strlen(SKIP)) == 0) {
			fast += strlen(SKIP);
			skips++;
		}
		if (*fast != *wait) fail_msg("they differ at: %.60s", fast);
	}
	assert_int_equal(*wait, 0);
	assert_int_equal(skips, 2);
}

/* --- limits and the end --- */

static void beyond_the_cap_calls_are_refused_at_once(void **state)
{
	(void)state;
	struct loop *l = loop_create();
	struct pg_settings s = {.url = db.url, .connections = {1, 1}, .timeout_ms = TIMEOUT_MS, .queue_max = 2};
	struct pg *pg = pg_create(l, &s, NULL);
	struct orders *o = pg_orders_create(pg);
	struct order_view v[3] = {{.user = 1}, {.user = 1}, {.user = 1}};
	struct asker a[3];
	for (int i = 0; i < 3; i++) {
		ASKER_ASK(&a[i], o, view, &v[i]);
	}
	assert_int_equal(a[2].answers, 1);
	assert_int_equal(a[2].err.kind, TK_UNAVAILABLE);
	assert_true(asker_wait(&a[0], l) && asker_wait(&a[1], l));
	assert_int_equal(a[0].err.kind, TK_OK);
	assert_false(v[0].found);
	pg_destroy(pg);
	pg_orders_destroy(o);
	loop_destroy(l);
}

static void the_end_answers_what_is_under_way(void **state)
{
	struct pg_world *w = *state;
	struct order_ready sent = ready_call(next_user++, "E-1"), waiting = ready_call(next_user++, "E-2");
	struct asker a, b;
	ASKER_ASK(&a, w->orders.orders, ready, &sent);
	loop_turn(w->loop, 0); /* it leaves; its answer is not read */
	ASKER_ASK(&b, w->orders.orders, ready, &waiting);
	bool answered = a.answers > 0;
	pg_world_close(w);
	assert_int_equal(a.answers, 1);
	if (!answered) assert_int_equal(a.err.kind, TK_UNCERTAIN);
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.err.kind, TK_UNAVAILABLE);
}

/* --- the schema --- */

static const char *misfit_of(struct pg_db *d, struct loop *l, struct pg **ret_pg)
{
	struct pg_settings s = {.url = d->url, .connections = {1, 1}, .timeout_ms = TIMEOUT_MS};
	*ret_pg = pg_create(l, &s, NULL);
	for (int i = 0; i < 2000 && !pg_misfit(*ret_pg) && !pg_ready(*ret_pg); i++) loop_turn(l, 5);
	return pg_misfit(*ret_pg);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *sql, *says;
	} ROW[] = {
		{"DROP TABLE user_tickets", "table user_tickets is missing"},
		{"ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live",
			"unique constraint on reservation (active,schedule_id,seat_no) is missing"},
		/* The same name, without what matters. */
		{"ALTER TABLE refund DROP CONSTRAINT refund_once; CREATE INDEX refund_once ON refund (payment_id)",
			"unique constraint on refund (payment_id) is missing"},
		{"DROP INDEX payment_one_kept; CREATE UNIQUE INDEX payment_one_kept ON payment (order_no, id)",
			"unique constraint on payment (order_no) WHERE (status <> 'FAILED'::text) is missing"},
		{"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'inbox_pkey'::regclass",
			"unique constraint on inbox (event_id) is missing"},
		{"INSERT INTO schema_migrations VALUES (7, true)", "schema_migrations: version 7 is dirty"},
		{"ALTER TABLE payment_order RENAME COLUMN rev TO rev2", "column \"rev\" does not exist"},
	};
	for (size_t i = 0; i < sizeof ROW / sizeof *ROW; i++) {
		struct pg_db broken;
		struct loop *l = loop_create();
		struct pg *pg;
		assert_true(pg_db_create(&broken, NULL));
		pg_db_do(&broken, "%s", ROW[i].sql);
		const char *misfit = misfit_of(&broken, l, &pg);
		assert_non_null(misfit);
		if (!strstr(misfit, ROW[i].says)) fail_msg("%s does not say: %s", misfit, ROW[i].says);
		assert_false(pg_ready(pg));
		pg_destroy(pg);
		loop_destroy(l);
		pg_db_drop(&broken);
	}
}

static void another_name_for_a_constraint_is_fine_and_a_mended_schema_heals(void **state)
{
	(void)state;
	struct pg_db d;
	struct loop *l = loop_create();
	struct pg *pg;
	assert_true(pg_db_create(&d, NULL));
	pg_db_do(&d, "ALTER TABLE reservation RENAME CONSTRAINT reservation_seat_live TO other");
	pg_db_do(&d, "ALTER TABLE inbox DROP CONSTRAINT inbox_pkey");
	assert_non_null(misfit_of(&d, l, &pg));
	pg_db_do(&d, "CREATE UNIQUE INDEX ON inbox (event_id)");
	for (int i = 0; i < 1000 && !pg_ready(pg); i++) loop_turn(l, 5);
	assert_true(pg_ready(pg));
	assert_null(pg_misfit(pg));
	pg_destroy(pg);
	loop_destroy(l);
	pg_db_drop(&d);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(more_calls_than_a_statement_takes_are_all_answered),
		TEST(a_bad_row_harms_nobody_in_its_batch),
		TEST(a_unique_violation_is_a_conflict_of_one_call_only),
		TEST(a_locked_order_holds_up_nobody_else),
		TEST(who_waits_too_long_for_a_lock_is_told_before_the_deadline),
		TEST(a_held_row_under_a_lock_is_waited_for_and_then_kept),
		TEST(an_approval_of_another_daemon_is_told_with_its_event),
		TEST(a_number_that_another_daemon_just_made_is_the_same_order),
		TEST(the_end_answers_what_is_under_way),
		cmocka_unit_test(approvals_that_wait_are_the_same_statement),
		cmocka_unit_test(beyond_the_cap_calls_are_refused_at_once),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(another_name_for_a_constraint_is_fine_and_a_mended_schema_heals),
	};
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	int failed = cmocka_run_group_tests_name("pg", tests, NULL, NULL);
	pg_db_drop(&db);
	return failed;
}
