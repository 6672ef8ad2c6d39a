/* port/reservations.h: the fake and a real PostgreSQL under the same suite; then, on PostgreSQL, races between two
 * instances that have connections of their own, and against transactions that hold the locks, in both orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/orders.h"
#include "adapter/pg/reservations.h"
#include "app/confirm_reservation.h"
#include "contract/reservations_suite.h"
#include "fake/fake_reservations.h"
#include "runtime/loop.h"
#include "runtime/when.h"
#include "support/asker.h"
#include "support/pg_world.h"

/* --- the fake's world --- */

struct fake_world {
	struct reservations_world is;
	struct fake_reservations fake;
};

static struct fake_reservations *fake_of(struct reservations_world *w)
{
	return &container_of(w, struct fake_world, is)->fake;
}

static void fake_add_order(
	struct reservations_world *w, const struct payment_completed *e, enum order_status s, bool approved)
{
	fake_order_add(fake_of(w), e, s)->approved = approved;
}

static void fake_add_payment(
	struct reservations_world *w, const struct payment_completed *e, enum payment_method m, enum payment_status s)
{
	fake_payment_add(fake_of(w), e, m, s);
}

static void fake_add_seat(
	struct reservations_world *w, int64_t user, const struct payment_completed *where, enum seat_row row)
{
	fake_seat_add(fake_of(w), user, where->schedule, &where->seat, row == SEAT_CONFIRMED_ROW ? ROW_CONFIRMED : ROW_HELD)
		->outlived = row == SEAT_OUTLIVED_ROW;
}

static void fake_end_seat(struct reservations_world *w, const struct payment_completed *where)
{
	struct fake_seated *r = fake_seat_live(fake_of(w), where->schedule, &where->seat);
	r->status = ROW_CANCELLED;
	r->rev = ++fake_of(w)->rev;
}

static void fake_prolong_seat(struct reservations_world *w, const struct payment_completed *where)
{
	fake_seat_live(fake_of(w), where->schedule, &where->seat)->outlived = false;
}

static void fake_fail_order(struct reservations_world *w, const struct payment_completed *e)
{
	fake_order_find(fake_of(w), &e->order_no)->status = ORDER_FAILED;
}

static void fake_see_order(struct fake_reservations *f, const struct payment_completed *e, struct decided_state *ret)
{
	const struct fake_bought *o = fake_order_find(f, &e->order_no);
	const struct fake_paid *kept = fake_payment_kept(f, &e->order_no);
	ret->order = o->status;
	ret->reservation_id = o->reservation_id;
	snprintf(ret->fail_reason, sizeof ret->fail_reason, "%s", o->fail_reason ? o->fail_reason : "");
	if (!kept) return;
	ret->kept = kept->status;
	ret->payments = 1;
	ret->refunds = kept->refunds;
}

static void fake_see(struct reservations_world *w, const struct payment_completed *e, struct decided_state *ret)
{
	struct fake_reservations *f = fake_of(w);
	fake_see_order(f, e, ret);
	for (unsigned i = 0; i < f->seat_count; i++) {
		const struct fake_seated *r = &f->seats[i];
		if (r->schedule != e->schedule || !seat_no_equal(&r->seat, &e->seat)) continue;
		ret->expired += r->status == ROW_EXPIRED;
		if (r->status != ROW_HELD && r->status != ROW_CONFIRMED) continue;
		ret->live++;
		ret->live_user = r->user;
		ret->live_confirmed = r->status == ROW_CONFIRMED;
		ret->live_id = r->id;
		ret->live_order = r->order_no;
	}
	for (unsigned i = 0; i < f->note_count; i++) {
		if (!uuid_equal(&f->notes[i].order_no, &e->order_no)) continue;
		ret->confirmed += f->notes[i].outcome == NOTED_CONFIRMED;
		ret->rejected += f->notes[i].outcome == NOTED_REJECTED;
		ret->duplicates += f->notes[i].outcome == NOTED_DUPLICATE;
	}
}

static int64_t fake_points_back(struct reservations_world *w, int64_t user)
{
	(void)user;
	return fake_of(w)->given_back;
}

static int suite_on_the_fake(void)
{
	struct fake_world w = {.is = {NULL, loop_create(), 1, fake_add_order, fake_add_payment, fake_add_seat,
							   fake_end_seat, fake_prolong_seat, fake_fail_order, fake_see, fake_points_back}};
	fake_reservations_init(&w.fake, w.is.loop);
	w.is.port = &w.fake.port;
	int failed = reservations_suite(&w.is);
	fake_reservations_finish(&w.fake);
	loop_destroy(w.is.loop);
	return failed;
}

/* --- PostgreSQL's world --- */

struct real_world {
	struct reservations_world is;
	struct pg_world pg;
	struct pg_reservations port, other_port;
	struct pg *other_pg; /* another consumer */
	struct pg_db db;
};

static struct pg_db *db_of(struct reservations_world *w)
{
	return &container_of(w, struct real_world, is)->db;
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

static void real_add_order(
	struct reservations_world *w, const struct payment_completed *e, enum order_status s, bool approved)
{
	pg_db_do(db_of(w),
		"INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, status, approved_at)"
		" VALUES ('%s', %lld, %lld, '%s', %lld, '%s', %s)",
		text_of(&e->order_no).s, (long long)e->user, (long long)e->schedule, e->seat.s, (long long)e->amount_krw,
		ORDER_STATUS_NAME[s], approved ? "now()" : "NULL");
}

static void real_add_payment(
	struct reservations_world *w, const struct payment_completed *e, enum payment_method m, enum payment_status s)
{
	pg_db_do(db_of(w),
		"INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status)"
		" VALUES ('%s', %lld, %lld, '%s', %lld, '%s', '%s')",
		text_of(&e->order_no).s, (long long)e->user, (long long)e->schedule, e->seat.s, (long long)e->amount_krw,
		METHOD_NAME[m], PAYMENT_STATUS_NAME[s]);
}

static void real_add_seat(
	struct reservations_world *w, int64_t user, const struct payment_completed *where, enum seat_row row)
{
	pg_db_do(db_of(w),
		"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active, expires_at)"
		" VALUES (%lld, %lld, '%s', '%s', 1, now() + interval '%d s')",
		(long long)user, (long long)where->schedule, where->seat.s, row == SEAT_CONFIRMED_ROW ? "CONFIRMED" : "HELD",
		row == SEAT_OUTLIVED_ROW ? -1 : 100);
}

static void real_end_seat(struct reservations_world *w, const struct payment_completed *where)
{
	pg_db_do(db_of(w),
		"UPDATE reservation SET status = 'CANCELLED', active = NULL, rev = nextval('seat_rev')"
		" WHERE schedule_id = %lld AND seat_no = '%s' AND active = 1",
		(long long)where->schedule, where->seat.s);
}

static void real_prolong_seat(struct reservations_world *w, const struct payment_completed *where)
{
	pg_db_do(db_of(w),
		"UPDATE reservation SET expires_at = 'infinity' WHERE schedule_id = %lld AND seat_no = '%s' AND active = 1",
		(long long)where->schedule, where->seat.s);
}

static void real_fail_order(struct reservations_world *w, const struct payment_completed *e)
{
	pg_db_do(db_of(w), "UPDATE payment_order SET status = 'FAILED', fail_reason = 'EXPIRED' WHERE order_no = '%s'",
		text_of(&e->order_no).s);
}

static void real_see_seat(struct reservations_world *w, const struct payment_completed *e, struct decided_state *ret)
{
	struct pg_db *db = db_of(w);
	char where[200], id[40];
	snprintf(where, sizeof where, "FROM reservation WHERE schedule_id = %lld AND seat_no = '%s'",
		(long long)e->schedule, e->seat.s);
	ret->live = pg_db_int(db, "SELECT count(*) %s AND active = 1", where);
	ret->expired = pg_db_int(db, "SELECT count(*) %s AND status = 'EXPIRED'", where);
	if (ret->live != 1) return;
	ret->live_user = pg_db_int(db, "SELECT user_id %s AND active = 1", where);
	ret->live_confirmed = pg_db_int(db, "SELECT (status = 'CONFIRMED')::int %s AND active = 1", where);
	pg_db_text(db, id, sizeof id, "SELECT id %s AND active = 1", where);
	uuid_parse(id, strlen(id), &ret->live_id);
	pg_db_text(db, id, sizeof id, "SELECT COALESCE(order_no::text, '') %s AND active = 1", where);
	uuid_parse(id, strlen(id), &ret->live_order);
}

static void real_see(struct reservations_world *w, const struct payment_completed *e, struct decided_state *ret)
{
	struct pg_db *db = db_of(w);
	struct text o = text_of(&e->order_no);
	char s[64];
	pg_db_text(db, s, sizeof s, "SELECT status FROM payment_order WHERE order_no = '%s'", o.s);
	order_status_parse(s, strlen(s), &ret->order);
	pg_db_text(db, ret->fail_reason, sizeof ret->fail_reason,
		"SELECT COALESCE(fail_reason, '') FROM payment_order WHERE order_no = '%s'", o.s);
	pg_db_text(
		db, s, sizeof s, "SELECT COALESCE(reservation_id::text, '') FROM payment_order WHERE order_no = '%s'", o.s);
	uuid_parse(s, strlen(s), &ret->reservation_id);
	ret->payments = pg_db_int(db, "SELECT count(*) FROM payment WHERE order_no = '%s'", o.s);
	ret->refunds = pg_db_int(db,
		"SELECT count(*) FROM refund r JOIN payment p ON p.id = r.payment_id AND p.amount = r.amount"
		" WHERE r.order_no = '%s' AND r.status = 'DONE'",
		o.s);
	pg_db_text(db, s, sizeof s,
		"SELECT COALESCE((SELECT status FROM payment WHERE order_no = '%s' AND status <> 'FAILED'), '')", o.s);
	if (*s) payment_status_parse(s, strlen(s), &ret->kept);
	ret->confirmed = pg_db_int(db, "SELECT count(*) FROM inbox WHERE order_no = '%s' AND outcome = 'CONFIRMED'", o.s);
	ret->rejected = pg_db_int(db, "SELECT count(*) FROM inbox WHERE order_no = '%s' AND outcome = 'REJECTED'", o.s);
	ret->duplicates = pg_db_int(db, "SELECT count(*) FROM inbox WHERE order_no = '%s' AND outcome = 'DUPLICATE'", o.s);
	real_see_seat(w, e, ret);
}

/* The history must say the same as the balance, or it counts for nothing. */
static int64_t real_points_back(struct reservations_world *w, int64_t user)
{
	return pg_db_int(db_of(w),
		"SELECT CASE WHEN COALESCE((SELECT balance FROM point_wallet WHERE user_id = %lld), 0) = h.sum AND h.last = "
		"h.sum"
		" THEN h.sum ELSE -1 END FROM (SELECT COALESCE(sum(amount), 0)::bigint AS sum,"
		" COALESCE(max(balance_after), 0) AS last FROM point_history WHERE user_id = %lld) h",
		(long long)user, (long long)user);
}

/* --- races --- */

struct racer {
	struct confirm_reservation confirm;
	bool ended;
};

static void racer_ended(struct confirm_reservation *c)
{
	container_of(c, struct racer, confirm)->ended = true;
}

static void racer_start(struct racer *r, struct reservations *port, const struct payment_completed *e)
{
	*r = (struct racer){.confirm = {.reservations = port, .event = *e, .done = racer_ended}};
	confirm_reservation_start(&r->confirm, when_now_ms());
}

static void racers_end(struct real_world *w, struct racer *r, unsigned n)
{
	int64_t until = loop_now_us() + 20000000;
	for (unsigned i = 0; i < n; i++) {
		while (!r[i].ended && loop_now_us() < until) loop_turn(w->is.loop, 5);
		assert_true(r[i].ended);
	}
}

static void racers_wait(struct real_world *w, struct racer *r, unsigned n)
{
	racers_end(w, r, n);
	for (unsigned i = 0; i < n; i++) assert_int_equal(r[i].confirm.failed.kind, TK_OK);
}

/* A turn of the loop or two, so that what was started has reached the server. */
static void let_it_run(struct real_world *w, int64_t ms)
{
	int64_t until = loop_now_us() + ms * 1000;
	while (loop_now_us() < until) loop_turn(w->is.loop, 5);
}

static struct decided_state seen(struct real_world *w, const struct payment_completed *e)
{
	struct decided_state s;
	memset(&s, 0, sizeof s);
	w->is.see(&w->is, e, &s);
	return s;
}

static void assert_consistent(struct real_world *w, const struct payment_completed *e)
{
	struct decided_state s = seen(w, e);
	if (s.order == ORDER_PAID) {
		assert_true(s.live == 1 && s.live_confirmed && uuid_equal(&s.live_order, &e->order_no));
		assert_true(s.kept == PAYMENT_APPROVED && s.refunds == 0 && s.confirmed == 1);
	} else {
		assert_int_equal(s.order, ORDER_CANCELLED);
		assert_true(s.kept == PAYMENT_REFUNDED && s.refunds == 1 && s.rejected == 1);
	}
}

static void confirm_against_confirm_of_one_seat(void **state)
{
	struct real_world *w = *state;
	for (int round = 0; round < 40; round++) {
		struct payment_completed e[2] = {a_purchase(&w->is), a_purchase(&w->is)};
		struct racer r[2];
		e[1].schedule = e[0].schedule;
		e[1].seat = e[0].seat;
		for (int i = 0; i < 2; i++) real_add_order(&w->is, &e[i], ORDER_READY, false);
		racer_start(&r[0], round % 2 ? &w->other_port.port : &w->port.port, &e[0]);
		racer_start(&r[1], round % 2 ? &w->port.port : &w->other_port.port, &e[1]);
		racers_wait(w, r, 2);
		assert_consistent(w, &e[0]);
		assert_consistent(w, &e[1]);
		assert_true((seen(w, &e[0]).order == ORDER_PAID) != (seen(w, &e[1]).order == ORDER_PAID));
	}
}

static void two_consumers_with_the_same_event(void **state)
{
	struct real_world *w = *state;
	enum order_status from[] = {ORDER_READY, ORDER_FAILED};
	for (int round = 0; round < 40; round++) {
		struct payment_completed e = a_purchase(&w->is);
		struct racer r[2];
		real_add_order(&w->is, &e, from[round % 2], false);
		racer_start(&r[0], &w->other_port.port, &e);
		racer_start(&r[1], &w->port.port, &e);
		racers_wait(w, r, 2);
		assert_consistent(w, &e);
		assert_true((r[0].confirm.outcome == CONFIRM_DUPLICATE) != (r[1].confirm.outcome == CONFIRM_DUPLICATE));
	}
}

/* Batches that want the same seats in opposite orders: none may be lost to a deadlock. */
static void two_batches_over_the_same_seats(void **state)
{
	enum { N = 30 };
	struct real_world *w = *state;
	static struct racer r[2 * N];
	struct payment_completed e[2 * N];
	for (int i = 0; i < N; i++) {
		e[i] = a_purchase(&w->is);
		e[2 * N - 1 - i] = a_purchase(&w->is);
		e[2 * N - 1 - i].schedule = e[i].schedule;
		e[2 * N - 1 - i].seat = e[i].seat;
		if (i % 3 == 0) real_add_seat(&w->is, 999999, &e[i], SEAT_OUTLIVED_ROW);
		if (i % 3 == 1) real_add_seat(&w->is, e[i].user, &e[i], SEAT_HELD_ROW);
	}
	for (int i = 0; i < 2 * N; i++) real_add_order(&w->is, &e[i], ORDER_READY, false);
	for (int i = 0; i < 2 * N; i++) racer_start(&r[i], i < N ? &w->port.port : &w->other_port.port, &e[i]);
	racers_wait(w, r, 2 * N);
	for (int i = 0; i < 2 * N; i++) assert_consistent(w, &e[i]);
	for (int i = 0; i < N; i++)
		assert_true((seen(w, &e[i]).order == ORDER_PAID) != (seen(w, &e[2 * N - 1 - i]).order == ORDER_PAID));
}

/* mock-fail against the event, at the same moment. */
static void confirm_against_fail(void **state)
{
	struct real_world *w = *state;
	for (int round = 0; round < 40; round++) {
		struct payment_completed e = a_purchase(&w->is);
		struct racer r;
		struct asker a;
		struct order_fail f = {.order_no = e.order_no, .user = e.user, .reason = "CARD_DECLINED"};
		real_add_order(&w->is, &e, ORDER_READY, false);
		asker_init(&a, &f.call);
		if (round % 2) racer_start(&r, &w->other_port.port, &e);
		(w->pg.orders.orders->fail)(w->pg.orders.orders, &f); /* cmocka has a macro of that name */
		if (round % 2 == 0) racer_start(&r, &w->other_port.port, &e);
		assert_true(asker_wait(&a, w->is.loop));
		racers_wait(w, &r, 1);
		assert_consistent(w, &e);
		struct decided_state s = seen(w, &e);
		if (s.order == ORDER_CANCELLED) assert_string_equal(s.fail_reason, "LATE_PAYMENT");
		else assert_int_equal(f.verdict, FAIL_REFUSED);
	}
}

/* Someone holds the lock that the event wants, changes the row, and commits while the event waits: the old snapshot
 * must not decide. */
static void the_order_fails_while_the_event_waits_for_it(void **state)
{
	struct real_world *w = *state;
	struct payment_completed e = a_purchase(&w->is);
	PGconn *session = pg_db_session(&w->db);
	char sql[200];
	struct racer r;
	real_add_order(&w->is, &e, ORDER_READY, false);
	pg_session_do(session, "BEGIN");
	snprintf(
		sql, sizeof sql, "UPDATE payment_order SET status = 'FAILED' WHERE order_no = '%s'", text_of(&e.order_no).s);
	pg_session_do(session, sql);
	racer_start(&r, &w->port.port, &e);
	let_it_run(w, 60);
	assert_false(r.ended);
	pg_session_do(session, "COMMIT");
	racers_wait(w, &r, 1);
	assert_string_equal(seen(w, &e).fail_reason, "LATE_PAYMENT");
	assert_consistent(w, &e);
	PQfinish(session);
}

/* The row is as it was when the event was looked at, and someone has it locked, to change it: the event's settling waits
 * for them, must find that the facts hold no more, and then decide by the new ones. */
static void with_the_seats_row_locked(
	struct real_world *w, const char *end, enum seat_row row, bool own, const char *reason)
{
	struct payment_completed e = a_purchase(&w->is);
	PGconn *session = pg_db_session(&w->db);
	char sql[300];
	struct asker a;
	struct racer r;
	struct reservation_look l = {.event = &e};
	real_add_order(&w->is, &e, ORDER_READY, false);
	real_add_seat(&w->is, own ? e.user : 999999, &e, row);
	ASKER_ASK(&a, &w->port.port, look, &l);
	assert_true(asker_wait(&a, w->is.loop));
	pg_session_do(session, "BEGIN");
	snprintf(sql, sizeof sql, "UPDATE reservation SET %s WHERE schedule_id = %lld AND seat_no = '%s'", end,
		(long long)e.schedule, e.seat.s);
	pg_session_do(session, sql);
	struct reservation_settle s = {.event = &e,
		.seen = &l,
		.verdict = confirmation_decide(&l.facts),
		.reservation_id = uuid_v7(1, 0),
		.payment_id = uuid_v7(1, 0),
		.refund_id = uuid_v7(1, 0)};
	ASKER_ASK(&a, &w->port.port, settle, &s);
	let_it_run(w, 60);
	assert_int_equal(a.answers, 0);
	pg_session_do(session, "COMMIT");
	assert_true(asker_wait(&a, w->is.loop));
	assert_false(a.err.kind == TK_OK && s.done);
	racer_start(&r, &w->port.port, &e);
	racers_wait(w, &r, 1);
	assert_string_equal(seen(w, &e).fail_reason, reason);
	assert_consistent(w, &e);
	PQfinish(session);
}

static void the_held_row_expires_while_the_event_waits_for_it(void **state)
{
	with_the_seats_row_locked(*state, "status = 'EXPIRED', active = NULL", SEAT_OUTLIVED_ROW, true, "");
	with_the_seats_row_locked(*state, "status = 'EXPIRED', active = NULL", SEAT_OUTLIVED_ROW, false, "");
}

static void the_winner_cancels_while_the_loser_waits(void **state)
{
	with_the_seats_row_locked(*state, "status = 'CANCELLED', active = NULL", SEAT_CONFIRMED_ROW, false, "");
}

static void the_outlived_row_is_prolonged_while_the_event_waits(void **state)
{
	with_the_seats_row_locked(*state, "expires_at = 'infinity'", SEAT_OUTLIVED_ROW, false, "SEAT_TAKEN");
}

/* The seat is being inserted by a transaction that commits, or does not. */
static void an_insert_under_way_is_waited_for(void **state)
{
	struct real_world *w = *state;
	for (int commits = 0; commits < 2; commits++) {
		struct payment_completed e = a_purchase(&w->is);
		PGconn *session = pg_db_session(&w->db);
		char sql[300];
		struct racer r;
		real_add_order(&w->is, &e, ORDER_READY, false);
		pg_session_do(session, "BEGIN");
		snprintf(sql, sizeof sql,
			"INSERT INTO reservation (user_id, schedule_id, seat_no, status, active)"
			" VALUES (999999, %lld, '%s', 'CONFIRMED', 1)",
			(long long)e.schedule, e.seat.s);
		pg_session_do(session, sql);
		racer_start(&r, &w->port.port, &e);
		let_it_run(w, 60);
		assert_false(r.ended);
		pg_session_do(session, commits ? "COMMIT" : "ROLLBACK");
		racers_wait(w, &r, 1);
		assert_string_equal(seen(w, &e).fail_reason, commits ? "SEAT_TAKEN" : "");
		assert_consistent(w, &e);
		PQfinish(session);
	}
}

/* Someone gives the seat back: its row is changed and not yet committed, and the revision of that is drawn while the
 * event waits. The seat's sale must have a newer one, or the copy in Redis shows it as free for ever. */
static PGconn *begin_to_free(struct real_world *w, const struct payment_completed *e)
{
	PGconn *session = pg_db_session(&w->db);
	char sql[300];
	snprintf(sql, sizeof sql,
		"BEGIN; UPDATE reservation SET status = 'CANCELLED', active = NULL"
		" WHERE schedule_id = %lld AND seat_no = '%s'",
		(long long)e->schedule, e->seat.s);
	pg_session_do(session, sql);
	return session;
}

static int64_t end_freeing(struct real_world *w, PGconn *session, const struct payment_completed *e)
{
	char sql[300];
	snprintf(sql, sizeof sql,
		"UPDATE reservation SET rev = nextval('seat_rev') WHERE schedule_id = %lld AND seat_no = '%s'"
		" AND user_id = 999999; COMMIT",
		(long long)e->schedule, e->seat.s);
	pg_session_do(session, sql);
	PQfinish(session);
	return pg_db_int(&w->db,
		"SELECT max(rev) FROM reservation WHERE schedule_id = %lld AND seat_no = '%s' AND user_id = 999999",
		(long long)e->schedule, e->seat.s);
}

static void a_sale_is_newer_than_the_end_it_waited_for(void **state)
{
	struct real_world *w = *state;
	struct payment_completed e = a_purchase(&w->is);
	struct racer r;
	real_add_order(&w->is, &e, ORDER_READY, false);
	real_add_seat(&w->is, 999999, &e, SEAT_CONFIRMED_ROW);
	PGconn *session = begin_to_free(w, &e);
	racer_start(&r, &w->port.port, &e);
	let_it_run(w, 60);
	assert_false(r.ended);
	int64_t freed_rev = end_freeing(w, session, &e);
	racers_wait(w, &r, 1);
	assert_string_equal(seen(w, &e).fail_reason, "");
	assert_true(r.confirm.change.rev > freed_rev);
	assert_consistent(w, &e);
}

static void a_settled_sale_is_newer_than_the_end_it_waited_for(void **state)
{
	struct real_world *w = *state;
	struct payment_completed e = a_purchase(&w->is);
	struct reservation_look l = {.event = &e};
	struct asker a;
	struct racer r;
	real_add_order(&w->is, &e, ORDER_READY, false);
	ASKER_ASK(&a, &w->port.port, look, &l);
	assert_true(asker_wait(&a, w->is.loop));
	real_add_seat(&w->is, 999999, &e, SEAT_CONFIRMED_ROW);
	PGconn *session = begin_to_free(w, &e);
	struct reservation_settle s = {.event = &e,
		.seen = &l,
		.verdict = confirmation_decide(&l.facts),
		.reservation_id = uuid_v7(1, 0),
		.payment_id = uuid_v7(1, 0),
		.refund_id = uuid_v7(1, 0)};
	assert_int_equal(s.verdict, CONFIRMATION_CONFIRM);
	ASKER_ASK(&a, &w->port.port, settle, &s);
	let_it_run(w, 60);
	int64_t freed_rev = end_freeing(w, session, &e);
	assert_true(asker_wait(&a, w->is.loop));
	assert_true(!s.done || s.truth.rev > freed_rev);
	racer_start(&r, &w->port.port, &e);
	racers_wait(w, &r, 1);
	assert_true(r.confirm.change.rev > freed_rev);
	assert_consistent(w, &e);
}

/* The database raises an error of the kind for one order only. */
static void refuse_one(struct real_world *w, const struct payment_completed *e, const char *sqlstate)
{
	pg_db_do(&w->db,
		"CREATE OR REPLACE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		" IF NEW.order_no = '%s' THEN RAISE 'asked for by a test' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$;"
		"CREATE OR REPLACE TRIGGER refuse_one BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION refuse_one()",
		text_of(&e->order_no).s, sqlstate);
}

/* What is no fault of the event's data, waits; its neighbours do not. */
static void a_row_that_the_database_can_not_take_harms_no_neighbour(void **state)
{
	enum { N = 25, BAD = 11 };
	static const char *const SQLSTATE[] = {"23502", "23503", "42P01", "42703", "XX000", "57014", "53200"};
	struct real_world *w = *state;
	static struct racer r[N];
	for (unsigned k = 0; k < sizeof SQLSTATE / sizeof *SQLSTATE; k++) {
		struct payment_completed e[N];
		for (int i = 0; i < N; i++) {
			e[i] = a_purchase(&w->is);
			real_add_order(&w->is, &e[i], ORDER_READY, false);
		}
		refuse_one(w, &e[BAD], SQLSTATE[k]);
		for (int i = 0; i < N; i++) racer_start(&r[i], &w->port.port, &e[i]);
		racers_end(w, r, N);
		for (int i = 0; i < N; i++) {
			if (i == BAD) continue;
			assert_int_equal(r[i].confirm.failed.kind, TK_OK);
			assert_consistent(w, &e[i]);
		}
		assert_int_equal(r[BAD].confirm.failed.kind, k < 5 ? TK_INTERNAL : TK_UNAVAILABLE);
		assert_int_equal(seen(w, &e[BAD]).order, ORDER_READY);
	}
	pg_db_do(&w->db, "DROP TRIGGER refuse_one ON inbox");
}

static int races(struct real_world *w)
{
#define T(f)                                                                                                           \
	{                                                                                                                  \
#f, f, NULL, NULL, w                                                                                           \
	}
	const struct CMUnitTest tests[] = {
		T(confirm_against_confirm_of_one_seat),
		T(two_consumers_with_the_same_event),
		T(two_batches_over_the_same_seats),
		T(confirm_against_fail),
		T(the_order_fails_while_the_event_waits_for_it),
		T(the_held_row_expires_while_the_event_waits_for_it),
		T(the_winner_cancels_while_the_loser_waits),
		T(the_outlived_row_is_prolonged_while_the_event_waits),
		T(an_insert_under_way_is_waited_for),
		T(a_sale_is_newer_than_the_end_it_waited_for),
		T(a_settled_sale_is_newer_than_the_end_it_waited_for),
		T(a_row_that_the_database_can_not_take_harms_no_neighbour),
	};
#undef T
	return cmocka_run_group_tests_name("reservations, races", tests, NULL, NULL);
}

static int suite_on_postgres(void)
{
	static struct real_world w;
	if (!pg_db_create(&w.db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	pg_world_open(&w.pg, &w.db, 5000);
	struct pg_settings s = {.url = w.db.url, .application_name = "other", .connections = {1, 1}, .timeout_ms = 5000};
	w.other_pg = pg_create(w.pg.loop, &s, NULL);
	while (!pg_ready(w.other_pg)) loop_turn(w.pg.loop, 5);
	pg_reservations_init(&w.port, w.pg.pg);
	pg_reservations_init(&w.other_port, w.other_pg);
	w.is = (struct reservations_world){&w.port.port, w.pg.loop, 1, real_add_order, real_add_payment, real_add_seat,
		real_end_seat, real_prolong_seat, real_fail_order, real_see, real_points_back};
	int failed = reservations_suite(&w.is) + races(&w);
	pg_destroy(w.other_pg);
	pg_world_close(&w.pg);
	pg_db_drop(&w.db);
	return failed;
}

int main(void)
{
	int failed = suite_on_the_fake();
	return failed + suite_on_postgres();
}
