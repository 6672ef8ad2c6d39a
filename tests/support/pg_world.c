#include "support/pg_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/pg/orders.h"
#include "runtime/loop.h"
#include "runtime/when.h"

static struct pg_db *db_of(struct orders_world *w)
{
	return container_of(w, struct pg_world, orders)->db;
}

struct text {
	char s[UUID_TEXT];
};
static struct text text_of(const struct uuid *u)
{
	struct text t;
	uuid_text(t.s, u);
	return t;
}

static void run_out(struct orders_world *w, const struct uuid *order_no)
{
	pg_db_do(db_of(w), "UPDATE payment_order SET expires_at = now() - interval '1 ms' WHERE order_no = '%s'",
		text_of(order_no).s);
}

static void held(struct orders_world *w, int64_t user, int64_t schedule, const char *seat, int64_t ms)
{
	pg_db_do(db_of(w),
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active, expires_at)"
		" VALUES (%lld, %lld, '%s', 'HELD', 1, CASE WHEN %d = 0 THEN now() + %lld * interval '1 ms' END)",
		(long long)user, (long long)schedule, seat, ms == HELD_FOR_EVER, ms == HELD_FOR_EVER ? 0LL : (long long)ms);
}

static void confirmed(struct orders_world *w, int64_t user, int64_t schedule, const char *seat)
{
	pg_db_do(db_of(w),
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active)"
		" VALUES (%lld, %lld, '%s', 'CONFIRMED', 1)",
		(long long)user, (long long)schedule, seat);
}

static void decide(struct orders_world *w, const struct uuid *order_no, enum order_status to)
{
	struct text t = text_of(order_no);
	pg_db_do(db_of(w), "UPDATE payment_order SET status = '%s', updated_at = now() WHERE order_no = '%s'",
		ORDER_STATUS_NAME[to], t.s);
	if (to != ORDER_PAID) return;
	pg_db_do(db_of(w),
		"WITH r AS (INSERT INTO reservation (user_id, schedule_id, seat_no, status, active, order_no)"
		" SELECT user_id, schedule_id, seat_no, 'CONFIRMED', 1, order_no FROM payment_order WHERE order_no = '%s'"
		" RETURNING id) UPDATE payment_order SET reservation_id = (SELECT id FROM r) WHERE order_no = '%s'",
		t.s, t.s);
}

static int64_t orders_of(struct orders_world *w, int64_t user)
{
	return pg_db_int(db_of(w), "SELECT count(*) FROM payment_order WHERE user_id = %lld", (long long)user);
}

static int64_t payments_of(struct orders_world *w, const struct uuid *order_no)
{
	return pg_db_int(db_of(w), "SELECT count(*) FROM payment WHERE order_no = '%s'", text_of(order_no).s);
}

static int64_t outbox_of(struct orders_world *w, const struct uuid *order_no)
{
	return pg_db_int(db_of(w), "SELECT count(*) FROM outbox WHERE order_no = '%s'", text_of(order_no).s);
}

static int64_t held_until(struct orders_world *w, int64_t schedule, const char *seat)
{
	const char *from = "FROM reservation WHERE active = 1";
	if (pg_db_int(db_of(w), "SELECT count(*) %s AND schedule_id = %lld AND seat_no = '%s' AND expires_at = 'infinity'",
			from, (long long)schedule, seat))
		return TIME_FOREVER;
	return pg_db_int(db_of(w),
		"SELECT (extract(epoch FROM expires_at) * 1000)::bigint %s AND schedule_id = %lld AND seat_no = '%s'", from,
		(long long)schedule, seat);
}

bool pg_world_ready_within(struct pg_world *w, int64_t ms)
{
	int64_t until = loop_now_us() / 1000 + ms;
	while (!pg_ready(w->pg) && loop_now_us() / 1000 < until) loop_turn(w->loop, 5);
	return pg_ready(w->pg);
}

void pg_world_open(struct pg_world *w, struct pg_db *db, int64_t timeout_ms)
{
	struct pg_settings s = {
		.url = db->url, .application_name = "test", .connections = {1, 1}, .timeout_ms = timeout_ms};
	*w = (struct pg_world){
		.orders = {NULL, NULL, 1000, run_out, held, confirmed, decide, orders_of, payments_of, outbox_of, held_until},
		.db = db,
		.loop = loop_create(),
	};
	w->pg = pg_create(w->loop, &s, NULL);
	w->orders.orders = pg_orders_create(w->pg);
	w->orders.loop = w->loop;
	if (pg_world_ready_within(w, 10000)) return;
	fprintf(stderr, "pg_world: not ready: %s %s\n", pg_misfit(w->pg) ? pg_misfit(w->pg) : "", pg_complaint(w->pg));
	abort();
}

void pg_world_close(struct pg_world *w)
{
	if (!w->loop) return;
	pg_destroy(w->pg);
	pg_orders_destroy(w->orders.orders);
	loop_destroy(w->loop);
	w->loop = NULL;
}
