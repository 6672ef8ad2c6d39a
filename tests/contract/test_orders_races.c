/* Two daemons on one database, at the same moment: approve x approve, ready x ready, approve x fail, approve x expire.
 * Each round both threads leave a barrier together with calls on the same orders; afterwards the database is asked
 * whether what both were told fits together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/outbox.h"
#include "runtime/loop.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

enum { ROUNDS = 60, ORDERS = 25, TIMEOUT_MS = 5000 };

static struct pg_db db;

struct side {
	struct pg_world w;
	struct outbox *outbox;
	pthread_barrier_t *barrier;
	void (*act)(struct side *s, int round);
	struct uuid (*orders)[ORDERS]; /* of each round, shared */
	int errors;
	int done[ROUNDS][ORDERS]; /* what this side was told: 1 for "it was me" */
	struct uuid event[ROUNDS][ORDERS];
	int verdict[ROUNDS][ORDERS];
	pthread_t thread;
};

static void *run_side(void *arg)
{
	struct side *s = arg;
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(s->barrier);
		/* Now one of the two is first, now the other. */
		if ((round & 1) == s->w.orders.next_id) loop_turn(s->w.loop, 0);
		s->act(s, round);
	}
	return NULL;
}

/* The world of each side is made and ended here; `act` runs on two threads. */
static void race(struct side *a, struct side *b)
{
	pthread_barrier_t barrier;
	struct side *side[2] = {a, b};
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		pg_world_open(&side[i]->w, &db, TIMEOUT_MS);
		side[i]->w.orders.next_id = i;
		side[i]->outbox = pg_outbox_create(side[i]->w.pg);
		side[i]->barrier = &barrier;
	}
	for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&side[i]->thread, NULL, run_side, side[i]), 0);
	for (int i = 0; i < 2; i++) pthread_join(side[i]->thread, NULL);
	for (int i = 0; i < 2; i++) {
		pg_world_close(&side[i]->w);
		pg_outbox_destroy(side[i]->outbox);
		assert_int_equal(side[i]->errors, 0);
	}
	pthread_barrier_destroy(&barrier);
}

static struct uuid order_numbers[ROUNDS][ORDERS];

/* READY orders for every round; `rest` says how long each lasts from its round on. */
static void make_orders(const char *expires)
{
	pg_db_do(&db, "TRUNCATE payment_order, payment, outbox, outbox_sweep, reservation");
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < ORDERS; j++) {
			char no[UUID_TEXT];
			order_numbers[i][j] = uuid_v7(when_now_ms(), 1);
			uuid_text(no, &order_numbers[i][j]);
			pg_db_do(&db,
				"INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, expires_at)"
				" VALUES ('%s', %d, 1, 'A-%d', 1, %s)",
				no, i * ORDERS + j + 1, i * ORDERS + j, expires);
		}
	}
}

static struct side *new_side(void (*act)(struct side *s, int round))
{
	struct side *s = calloc(1, sizeof *s);
	s->act = act;
	s->orders = order_numbers;
	return s;
}

static void act_approve(struct side *s, int round)
{
	static __thread struct order_approve p[ORDERS];
	struct asker a[ORDERS];
	struct orders *o = s->w.orders.orders;
	for (int i = 0; i < ORDERS; i++) {
		/* Both go through them in opposite order. */
		int at = s->w.orders.next_id ? ORDERS - 1 - i : i;
		p[at] = (struct order_approve){.order_no = s->orders[round][at],
			.payment_id = uuid_v7(when_now_ms(), 1),
			.event_id = uuid_v7(when_now_ms(), 1)};
		ASKER_ASK(&a[at], o, approve, &p[at]);
	}
	for (int i = 0; i < ORDERS; i++) {
		s->errors += !asker_wait(&a[i], s->w.loop) || a[i].err.kind != TK_OK;
		s->verdict[round][i] = (int)p[i].verdict;
		s->event[round][i] = p[i].event_id;
		s->done[round][i] = p[i].verdict == APPROVE_DONE;
	}
}

static void act_fail(struct side *s, int round)
{
	struct order_fail f[ORDERS];
	struct asker a[ORDERS];
	struct orders *o = s->w.orders.orders;
	for (int i = 0; i < ORDERS; i++) {
		f[i] = (struct order_fail){.order_no = s->orders[round][i], .reason = "NO"};
		asker_init(&a[i], &f[i].call);
		(o->fail)(o, &f[i]);
	}
	for (int i = 0; i < ORDERS; i++) {
		s->errors += !asker_wait(&a[i], s->w.loop) || a[i].err.kind != TK_OK;
		s->done[round][i] = f[i].verdict == FAIL_DONE;
	}
}

static void act_ready(struct side *s, int round)
{
	static __thread struct order_ready r[ORDERS];
	struct asker a[ORDERS];
	struct orders *o = s->w.orders.orders;
	for (int i = 0; i < ORDERS; i++) {
		int at = s->w.orders.next_id ? ORDERS - 1 - i : i;
		r[at] = (struct order_ready){.order_no = s->orders[round][at],
			.user = 1000000 + round * ORDERS + at,
			.schedule = 7,
			.amount_krw = 1,
			.remaining_ms = 60000,
			.limit = 4};
		snprintf(r[at].seat.s, sizeof r[at].seat.s, "R-%d", round * ORDERS + at);
		r[at].seat.len = (uint8_t)strlen(r[at].seat.s);
		ASKER_ASK(&a[at], o, ready, &r[at]);
	}
	for (int i = 0; i < ORDERS; i++) {
		s->errors += !asker_wait(&a[i], s->w.loop) || a[i].err.kind != TK_OK;
		s->done[round][i] = r[i].verdict == READY_CREATED;
		s->verdict[round][i] = (int)r[i].verdict;
	}
}

static void act_expire(struct side *s, int round)
{
	(void)round;
	for (int i = 0; i < 3; i++) {
		struct orders_expire e = {.count = 0};
		struct asker a;
		ASKER_ASK(&a, s->outbox, expire, &e);
		s->errors += !asker_wait(&a, s->w.loop) || a.err.kind != TK_OK;
	}
}

static int64_t count_orders(const char *where)
{
	return pg_db_int(&db, "SELECT count(*) FROM payment_order WHERE %s", where);
}

static void approve_and_approve(void **state)
{
	(void)state;
	struct side *a = new_side(act_approve), *b = new_side(act_approve);
	make_orders("now() + interval '1 hour'");
	race(a, b);
	int firsts[2] = {0, 0};
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < ORDERS; j++) {
			assert_int_equal(a->done[i][j] + b->done[i][j], 1);
			assert_true(a->verdict[i][j] == APPROVE_DONE || a->verdict[i][j] == APPROVE_AGAIN);
			assert_true(b->verdict[i][j] == APPROVE_DONE || b->verdict[i][j] == APPROVE_AGAIN);
			assert_true(uuid_equal(&a->event[i][j], &b->event[i][j]));
			firsts[0] += a->done[i][j];
			firsts[1] += b->done[i][j];
		}
	}
	print_message("approved first: %d, %d\n", firsts[0], firsts[1]);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment"), ROUNDS * ORDERS);
	assert_int_equal(
		pg_db_int(&db, "SELECT count(*) FROM outbox JOIN payment USING (event_id, order_no)"), ROUNDS * ORDERS);
	free(a);
	free(b);
}

static void ready_and_ready(void **state)
{
	(void)state;
	struct side *a = new_side(act_ready), *b = new_side(act_ready);
	make_orders("now()");
	pg_db_do(&db, "TRUNCATE payment_order");
	race(a, b);
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < ORDERS; j++) {
			assert_int_equal(a->done[i][j] + b->done[i][j], 1);
			assert_true(a->verdict[i][j] <= READY_AGAIN && b->verdict[i][j] <= READY_AGAIN);
		}
	}
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment_order"), ROUNDS * ORDERS);
	free(a);
	free(b);
}

static void approve_and_fail(void **state)
{
	(void)state;
	struct side *a = new_side(act_approve), *b = new_side(act_fail);
	make_orders("now() + interval '1 hour'");
	race(a, b);
	int approved = 0;
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < ORDERS; j++) {
			assert_int_equal(a->done[i][j] + b->done[i][j], 1);
			assert_true(a->verdict[i][j] == APPROVE_DONE || a->verdict[i][j] == APPROVE_REFUSED);
			approved += a->done[i][j];
		}
	}
	print_message("approved: %d of %d\n", approved, ROUNDS * ORDERS);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment"), approved);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox"), approved);
	assert_int_equal(count_orders("status = 'READY' AND approved_at IS NOT NULL"), approved);
	free(a);
	free(b);
}

static void approve_and_expire(void **state)
{
	(void)state;
	struct side *a = new_side(act_approve), *b = new_side(act_expire);
	make_orders("now() + random() * interval '250 ms'");
	/* They run out while the rounds go on: the clock starts for all of them now. */
	pg_db_do(&db, "UPDATE payment_order SET expires_at = now() + random() * interval '250 ms'");
	race(a, b);
	int approved = 0;
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < ORDERS; j++) {
			assert_true(a->verdict[i][j] == APPROVE_DONE || a->verdict[i][j] == APPROVE_REFUSED);
			approved += a->done[i][j];
		}
	}
	print_message("approved: %d of %d\n", approved, ROUNDS * ORDERS);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM payment"), approved);
	assert_int_equal(pg_db_int(&db, "SELECT count(*) FROM outbox"), approved);
	assert_int_equal(count_orders("status = 'FAILED' AND approved_at IS NOT NULL"), 0);
	assert_int_equal(pg_db_int(&db,
						 "SELECT count(*) FROM payment_order o JOIN payment p USING (order_no)"
						 " WHERE o.status = 'READY' AND o.approved_at IS NOT NULL"),
		approved);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(approve_and_approve),
		cmocka_unit_test(ready_and_ready),
		cmocka_unit_test(approve_and_fail),
		cmocka_unit_test(approve_and_expire),
	};
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	int failed = cmocka_run_group_tests_name("orders_races", tests, NULL, NULL);
	pg_db_drop(&db);
	return failed;
}
