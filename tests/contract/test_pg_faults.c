/* The pg adapter and a server that dies, hangs or comes late. */
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

enum { TIMEOUT_MS = 600 };

static struct pg_server server;
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

/* The test's own connection died with the server. */
static void restart(void)
{
	pg_server_restart(&server);
	PQfinish(db.sql);
	db.sql = pg_db_session(&db);
}

static struct order_ready ready_call(void)
{
	static int64_t user = 1;
	struct order_ready r = {
		.order_no = uuid_v7(when_now_ms(), 1),
		.user = user++,
		.schedule = 1,
		.amount_krw = 1,
		.remaining_ms = 60000,
		.limit = 4,
	};
	char no[SEAT_NO_MAX + 1];
	snprintf(no, sizeof no, "A-%d", (int)r.user);
	assert_true(seat_no_parse(no, strlen(no), &r.seat));
	return r;
}

struct answer {
	enum tk_kind kind;
	int64_t took_ms;
};

static struct answer ask_ready(struct pg_world *w, struct order_ready *r)
{
	struct asker a;
	int64_t began_us = loop_now_us();
	asker_init(&a, &r->call);
	w->orders.orders->ready(w->orders.orders, r);
	assert_true(asker_wait(&a, w->loop));
	return (struct answer){a.err.kind, (loop_now_us() - began_us) / 1000};
}

static struct answer ask_view(struct pg_world *w)
{
	struct order_view v = {.user = 1};
	struct asker a;
	int64_t began_us = loop_now_us();
	ASKER_ASK(&a, w->orders.orders, view, &v);
	assert_true(asker_wait(&a, w->loop));
	return (struct answer){a.err.kind, (loop_now_us() - began_us) / 1000};
}

static void a_killed_server_is_unavailable_at_the_deadline_and_heals(void **state)
{
	struct pg_world *w = *state;
	struct order_ready r = ready_call();
	pg_server_kill(&server);
	for (int i = 0; i < 20; i++) loop_turn(w->loop, 5); /* the loss is noticed */
	assert_false(pg_ready(w->pg));
	struct answer a = ask_ready(w, &r);
	assert_int_equal(a.kind, TK_UNAVAILABLE); /* nothing was sent */
	assert_in_range(a.took_ms, 0, TIMEOUT_MS + 100);
	restart();
	assert_true(pg_world_ready_within(w, 5000));
	assert_int_equal(ask_ready(w, &r).kind, TK_OK);
	assert_int_equal(r.verdict, READY_CREATED);
}

static void a_write_lost_under_way_is_uncertain_and_a_repeat_settles_it(void **state)
{
	struct pg_world *w = *state;
	struct order_ready r = ready_call();
	struct asker a;
	pg_server_pause(&server);
	ASKER_ASK(&a, w->orders.orders, ready, &r);
	assert_false(asker_wait_ms(&a, w->loop, 50)); /* it is sent */
	pg_server_kill(&server);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_UNCERTAIN);
	restart();
	assert_true(pg_world_ready_within(w, 5000));
	assert_int_equal(ask_ready(w, &r).kind, TK_OK);
	assert_true(r.verdict == READY_CREATED || r.verdict == READY_AGAIN);
}

static void a_hung_server_is_answered_for_at_the_deadline(void **state)
{
	struct pg_world *w = *state;
	struct order_ready r = ready_call();
	pg_server_pause(&server);
	struct answer write = ask_ready(w, &r);
	assert_int_equal(write.kind, TK_UNCERTAIN);
	assert_in_range(write.took_ms, TIMEOUT_MS - 50, TIMEOUT_MS + 150);
	struct answer read = ask_view(w);
	assert_int_equal(read.kind, TK_UNAVAILABLE);
	assert_true(read.took_ms <= TIMEOUT_MS + 150);
	pg_server_resume(&server);
	assert_true(pg_world_ready_within(w, 5000));
	/* The late reply of the first went with its connection; whether it was done, the repeat says. */
	assert_int_equal(ask_ready(w, &r).kind, TK_OK);
	assert_true(r.verdict == READY_CREATED || r.verdict == READY_AGAIN);
	assert_int_equal(ask_view(w).kind, TK_OK);
}

static void ended_sessions_are_replaced(void **state)
{
	struct pg_world *w = *state;
	struct order_ready r = ready_call();
	pg_db_do(&db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'");
	for (int i = 0; i < 10; i++) loop_turn(w->loop, 5);
	assert_true(pg_world_ready_within(w, 5000));
	assert_int_equal(ask_ready(w, &r).kind, TK_OK);
}

static void a_server_that_is_away_at_the_start_is_waited_for(void **state)
{
	(void)state;
	struct loop *l = loop_create();
	struct pg_settings s = {.url = db.url, .connections = {2, 1}, .timeout_ms = TIMEOUT_MS};
	pg_server_kill(&server);
	struct pg *pg = pg_create(l, &s, NULL);
	for (int i = 0; i < 100; i++) loop_turn(l, 5);
	assert_false(pg_ready(pg));
	assert_null(pg_misfit(pg));
	assert_true(strlen(pg_complaint(pg)) > 0);
	restart();
	int64_t until = loop_now_us() / 1000 + 5000;
	while (!pg_ready(pg) && loop_now_us() / 1000 < until) loop_turn(l, 5);
	assert_true(pg_ready(pg));
	pg_destroy(pg);
	loop_destroy(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_server_is_unavailable_at_the_deadline_and_heals),
		TEST(a_write_lost_under_way_is_uncertain_and_a_repeat_settles_it),
		TEST(a_hung_server_is_answered_for_at_the_deadline),
		TEST(ended_sessions_are_replaced),
		cmocka_unit_test(a_server_that_is_away_at_the_start_is_waited_for),
	};
	if (!pg_server_start(&server)) {
		puts("skipped: PostgreSQL's server is not installed here");
		return 0;
	}
	pg_db_create(&db, server.url);
	int failed = cmocka_run_group_tests_name("pg_faults", tests, NULL, NULL);
	PQfinish(db.sql);
	pg_server_finish(&server);
	return failed;
}
