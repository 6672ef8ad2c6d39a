#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "contract/orders_suite.h"
#include "runtime/when.h"
#include "support/asker.h"

enum { PRICE = 90000, HOLD_MS = 300000, LIMIT = 4 };
static const char TRACE[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static struct seat_no seat(const char *s)
{
	struct seat_no no;
	assert_true(seat_no_parse(s, strlen(s), &no));
	return no;
}

static int64_t fresh(struct orders_world *w)
{
	return w->next_id++;
}

static struct uuid some_uuid(void)
{
	return uuid_v7(when_now_ms(), 1);
}

/* --- asking --- */

static struct order_ready ready_call(int64_t user, int64_t schedule, const char *no)
{
	return (struct order_ready){
		.order_no = some_uuid(),
		.user = user,
		.schedule = schedule,
		.seat = seat(no),
		.amount_krw = PRICE,
		.remaining_ms = HOLD_MS,
		.limit = LIMIT,
		.verdict = (enum ready_verdict) - 1,
	};
}

static void ask_ready(struct orders_world *w, struct order_ready *r)
{
	struct asker a;
	asker_init(&a, &r->call);
	w->orders->ready(w->orders, r);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
}

static enum ready_verdict ready_verdict(struct orders_world *w, int64_t user, int64_t schedule, const char *no)
{
	struct order_ready r = ready_call(user, schedule, no);
	ask_ready(w, &r);
	return r.verdict;
}

static struct uuid an_order(struct orders_world *w, int64_t user, int64_t schedule, const char *no)
{
	struct order_ready r = ready_call(user, schedule, no);
	ask_ready(w, &r);
	assert_int_equal(r.verdict, READY_CREATED);
	return r.order_no;
}

static struct order_approve approve_call(struct uuid order_no, int64_t user)
{
	struct order_approve p = {
		.order_no = order_no,
		.payment_id = some_uuid(),
		.event_id = some_uuid(),
		.user = user,
		.verdict = (enum approve_verdict) - 1,
	};
	memcpy(p.traceparent, TRACE, sizeof TRACE);
	return p;
}

static void ask_approve(struct orders_world *w, struct order_approve *p)
{
	struct asker a;
	asker_init(&a, &p->call);
	w->orders->approve(w->orders, p);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
}

static enum approve_verdict approve_verdict(struct orders_world *w, struct uuid order_no, int64_t user)
{
	struct order_approve p = approve_call(order_no, user);
	ask_approve(w, &p);
	return p.verdict;
}

static struct order_fail ask_fail(struct orders_world *w, struct uuid order_no, int64_t user, const char *reason)
{
	struct order_fail f = {.order_no = order_no, .user = user, .reason = reason, .verdict = (enum fail_verdict) - 1};
	struct asker a;
	asker_init(&a, &f.call);
	(w->orders->fail)(w->orders, &f);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	f.call.flow = NULL;
	return f;
}

static enum unready_verdict ask_unready(struct orders_world *w, int64_t user, int64_t schedule, const char *no)
{
	struct order_unready u = {
		.user = user, .schedule = schedule, .seat = seat(no), .verdict = (enum unready_verdict) - 1};
	struct asker a;
	ASKER_ASK(&a, w->orders, unready, &u);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	return u.verdict;
}

static struct order_view ask_view(struct orders_world *w, struct uuid order_no, int64_t user)
{
	struct order_view v = {.order_no = order_no, .user = user};
	struct asker a;
	ASKER_ASK(&a, w->orders, view, &v);
	assert_true(asker_wait(&a, w->loop));
	assert_int_equal(a.err.kind, TK_OK);
	v.call.flow = NULL;
	return v;
}

/* --- ready --- */

static void a_new_order_lasts_as_long_as_the_hold(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), before = when_now_ms();
	struct order_ready r = ready_call(user, fresh(w), "A-1");
	struct uuid asked = r.order_no;
	ask_ready(w, &r);
	assert_int_equal(r.verdict, READY_CREATED);
	assert_true(uuid_equal(&r.order_no, &asked));
	assert_in_range(r.expires_ms - before, HOLD_MS - 1000, HOLD_MS + 10000);
	assert_int_equal(w->orders_of(w, user), 1);
}

static void the_same_number_again_is_the_same_order(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w);
	struct order_ready r = ready_call(user, fresh(w), "A-1");
	ask_ready(w, &r);
	int64_t expires_ms = r.expires_ms;
	r.remaining_ms = 1;
	r.amount_krw = 1;
	ask_ready(w, &r);
	assert_int_equal(r.verdict, READY_AGAIN);
	assert_int_equal(r.amount_krw, PRICE);
	assert_int_equal(r.expires_ms, expires_ms);
	assert_int_equal(w->orders_of(w, user), 1);
}

static void another_number_for_the_same_seat_gives_the_first_order(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct uuid first = an_order(w, user, schedule, "A-1");
	struct order_ready r = ready_call(user, schedule, "A-1");
	ask_ready(w, &r);
	assert_int_equal(r.verdict, READY_AGAIN);
	assert_true(uuid_equal(&r.order_no, &first));
	assert_int_equal(w->orders_of(w, user), 1);
}

enum { CROWD = 40 };

/* The same calls at the same moment; returns how many said CREATED; all others must say AGAIN with the same number. */
static int crowd_ready(struct orders_world *w, int64_t user, int64_t schedule, bool same_number)
{
	struct order_ready r[CROWD];
	struct asker a[CROWD];
	int created = 0;
	for (int i = 0; i < CROWD; i++) {
		r[i] = ready_call(user, schedule, "A-1");
		if (same_number && i > 0) r[i].order_no = r[0].order_no;
		asker_init(&a[i], &r[i].call);
	}
	for (int i = 0; i < CROWD; i++) w->orders->ready(w->orders, &r[i]);
	for (int i = 0; i < CROWD; i++) {
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, TK_OK);
		created += r[i].verdict == READY_CREATED;
		assert_true(r[i].verdict == READY_CREATED || r[i].verdict == READY_AGAIN);
		assert_true(uuid_equal(&r[i].order_no, &r[0].order_no));
	}
	return created;
}

static void the_same_number_many_times_at_once_is_one_order(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w);
	assert_int_equal(crowd_ready(w, user, fresh(w), true), 1);
	assert_int_equal(w->orders_of(w, user), 1);
}

static void many_numbers_for_one_seat_at_once_are_one_order(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w);
	assert_int_equal(crowd_ready(w, user, fresh(w), false), 1);
	assert_int_equal(w->orders_of(w, user), 1);
}

static void a_sold_seat_is_refused_to_anybody(void **state)
{
	struct orders_world *w = *state;
	int64_t owner = fresh(w), schedule = fresh(w);
	w->confirmed(w, owner, schedule, "A-1");
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_SEAT_SOLD);
	assert_int_equal(ready_verdict(w, owner, schedule, "A-1"), READY_SEAT_SOLD);
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-2"), READY_CREATED);
}

static void a_seat_held_in_the_database_is_its_holders(void **state)
{
	struct orders_world *w = *state;
	int64_t owner = fresh(w), schedule = fresh(w);
	w->held(w, owner, schedule, "A-1", HOLD_MS);
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_SEAT_HELD);
	assert_int_equal(ready_verdict(w, owner, schedule, "A-1"), READY_CREATED);
}

static void a_held_row_whose_time_ran_out_refuses_nobody(void **state)
{
	struct orders_world *w = *state;
	int64_t schedule = fresh(w);
	w->held(w, fresh(w), schedule, "A-1", -1000);
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_CREATED);
}

static void a_held_row_without_an_end_is_live(void **state)
{
	struct orders_world *w = *state;
	int64_t owner = fresh(w), schedule = fresh(w);
	char no[] = "A-1";
	for (int i = 0; i < LIMIT; i++, no[2]++) w->held(w, owner, schedule, no, HELD_FOR_EVER);
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_SEAT_HELD);
	assert_int_equal(ready_verdict(w, owner, schedule, "A-1"), READY_CREATED);
	assert_int_equal(ready_verdict(w, owner, schedule, "A-9"), READY_LIMIT);
}

static void only_an_approved_order_keeps_others_off_the_seat(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct uuid order_no = an_order(w, user, schedule, "A-1");
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_CREATED);
	assert_int_equal(approve_verdict(w, order_no, user), APPROVE_DONE);
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_SEAT_HELD);
	w->run_out(w, &order_no); /* approved: its time no longer matters */
	assert_int_equal(ready_verdict(w, fresh(w), schedule, "A-1"), READY_SEAT_HELD);
	assert_int_equal(ready_verdict(w, user, schedule, "A-1"), READY_AGAIN);
}

static void the_limit_counts_orders_and_seats_once_each(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	w->confirmed(w, user, schedule, "A-1");
	w->held(w, user, schedule, "A-2", HOLD_MS);
	an_order(w, user, schedule, "A-2"); /* the hold's: the same seat */
	struct uuid approved = an_order(w, user, schedule, "A-3");
	assert_int_equal(approve_verdict(w, approved, user), APPROVE_DONE);
	w->run_out(w, &approved);
	struct uuid last = an_order(w, user, schedule, "A-4");
	assert_int_equal(ready_verdict(w, user, schedule, "A-5"), READY_LIMIT);
	assert_int_equal(ready_verdict(w, user, schedule, "A-4"), READY_AGAIN);
	assert_int_equal(ready_verdict(w, user, fresh(w), "A-5"), READY_CREATED); /* another schedule */
	w->run_out(w, &last);
	assert_int_equal(ready_verdict(w, user, schedule, "A-5"), READY_CREATED);
}

/* In whatever statements they travel. */
static void the_limit_counts_orders_that_are_made_at_once(void **state)
{
	enum { SEATS = 9 };
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct order_ready r[SEATS];
	struct asker a[SEATS];
	int created = 0;
	char no[] = "A-1";
	an_order(w, user, schedule, "A-0");
	for (int i = 0; i < SEATS; i++, no[2]++) {
		r[i] = ready_call(user, schedule, no);
		ASKER_ASK(&a[i], w->orders, ready, &r[i]);
	}
	for (int i = 0; i < SEATS; i++) {
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, TK_OK);
		created += r[i].verdict == READY_CREATED;
		assert_true(r[i].verdict == READY_CREATED || r[i].verdict == READY_LIMIT);
	}
	assert_int_equal(created, LIMIT - 1);
	assert_int_equal(w->orders_of(w, user), LIMIT);
}

static void a_number_that_has_ended_says_so(void **state)
{
	struct orders_world *w = *state;
	struct order_ready failed = ready_call(fresh(w), fresh(w), "A-1"), late = ready_call(fresh(w), fresh(w), "A-1");
	ask_ready(w, &failed);
	assert_int_equal(ask_fail(w, failed.order_no, 0, "NO").verdict, FAIL_DONE);
	ask_ready(w, &failed);
	assert_int_equal(failed.verdict, READY_ENDED);
	ask_ready(w, &late);
	w->run_out(w, &late.order_no);
	ask_ready(w, &late);
	assert_int_equal(late.verdict, READY_ENDED);
	assert_int_equal(ready_verdict(w, late.user, late.schedule, "A-1"), READY_CREATED);
}

/* All at once: users with two seats each, one of whom asks with a number that has ended. */
static void a_number_that_has_ended_harms_no_other(void **state)
{
	enum { CALLS = 20 };
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct order_ready r[CALLS];
	struct asker a[CALLS];
	for (int i = 0; i < CALLS; i++) {
		char no[SEAT_NO_MAX + 1];
		snprintf(no, sizeof no, "A-%d", i);
		r[i] = ready_call(i == 7 ? user : fresh(w) - i % 2, schedule, no);
	}
	ask_ready(w, &r[7]);
	assert_int_equal(ask_fail(w, r[7].order_no, 0, "NO").verdict, FAIL_DONE);
	for (int i = 0; i < CALLS; i++) {
		ASKER_ASK(&a[i], w->orders, ready, &r[i]);
	}
	for (int i = 0; i < CALLS; i++) {
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, TK_OK);
		assert_int_equal(r[i].verdict, i == 7 ? READY_ENDED : READY_CREATED);
		assert_true(r[i].expires_ms > 0 && r[i].amount_krw == PRICE);
	}
}

/* --- approve --- */

static void an_approval_is_one_payment_one_event(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w), before = when_now_ms();
	struct order_approve p = approve_call(an_order(w, user, schedule, "VIP-7"), user);
	ask_approve(w, &p);
	assert_int_equal(p.verdict, APPROVE_DONE);
	assert_true(uuid_equal(&p.event.event_id, &p.event_id));
	assert_true(uuid_equal(&p.event.order_no, &p.order_no));
	assert_int_equal(p.event.user, user);
	assert_int_equal(p.event.schedule, schedule);
	assert_string_equal(p.event.seat.s, "VIP-7");
	assert_int_equal(p.event.seat.len, 5);
	assert_int_equal(p.event.amount_krw, PRICE);
	assert_int_equal(p.event.method, METHOD_CARD);
	assert_string_equal(p.event.traceparent, TRACE);
	assert_in_range(p.event.occurred_at_ms - before + 60000, 59000, 70000);
	assert_true(p.rev > 0);
	assert_int_equal(w->payments_of(w, &p.order_no), 1);
	assert_int_equal(w->outbox_of(w, &p.order_no), 1);
}

static void approving_again_tells_the_same_event(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w);
	struct order_approve p = approve_call(an_order(w, user, fresh(w), "A-1"), user);
	ask_approve(w, &p);
	struct order_approve q = approve_call(p.order_no, user);
	ask_approve(w, &q);
	assert_int_equal(q.verdict, APPROVE_AGAIN);
	assert_true(uuid_equal(&q.event_id, &p.event_id));
	assert_true(uuid_equal(&q.event.event_id, &p.event_id));
	assert_int_equal(q.event.user, user);
	assert_int_equal(q.event.schedule, p.event.schedule);
	assert_int_equal(q.event.amount_krw, PRICE);
	assert_string_equal(q.event.seat.s, "A-1");
	assert_int_equal(q.rev, p.rev);
	w->decide(w, &p.order_no, ORDER_PAID);
	q = approve_call(p.order_no, 0);
	ask_approve(w, &q);
	assert_int_equal(q.verdict, APPROVE_PAID);
	assert_true(uuid_equal(&q.event_id, &p.event_id));
	assert_int_equal(w->payments_of(w, &p.order_no), 1);
	assert_int_equal(w->outbox_of(w, &p.order_no), 1);
}

static void many_approvals_at_once_are_one(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), done = 0;
	struct uuid order_no = an_order(w, user, fresh(w), "A-1");
	struct order_approve p[CROWD];
	struct asker a[CROWD];
	for (int i = 0; i < CROWD; i++) {
		p[i] = approve_call(order_no, i % 3 ? user : 0);
		asker_init(&a[i], &p[i].call);
	}
	for (int i = 0; i < CROWD; i++) w->orders->approve(w->orders, &p[i]);
	for (int i = 0; i < CROWD; i++) {
		assert_true(asker_wait(&a[i], w->loop));
		assert_int_equal(a[i].err.kind, TK_OK);
		done += p[i].verdict == APPROVE_DONE;
		assert_true(p[i].verdict == APPROVE_DONE || p[i].verdict == APPROVE_AGAIN);
		assert_true(uuid_equal(&p[i].event_id, &p[0].event_id));
	}
	assert_int_equal(done, 1);
	assert_int_equal(w->payments_of(w, &order_no), 1);
	assert_int_equal(w->outbox_of(w, &order_no), 1);
}

static void a_strangers_order_is_not_found(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), stranger = fresh(w);
	struct uuid order_no = an_order(w, user, fresh(w), "A-1");
	assert_int_equal(approve_verdict(w, order_no, stranger), APPROVE_NOT_FOUND);
	assert_int_equal(approve_verdict(w, some_uuid(), 0), APPROVE_NOT_FOUND);
	assert_int_equal(ask_fail(w, order_no, stranger, "NO").verdict, FAIL_NOT_FOUND);
	assert_int_equal(ask_fail(w, some_uuid(), 0, "NO").verdict, FAIL_NOT_FOUND);
	assert_false(ask_view(w, order_no, stranger).found);
	assert_false(ask_view(w, some_uuid(), 0).found);
	assert_int_equal(w->payments_of(w, &order_no), 0);
	assert_int_equal(approve_verdict(w, order_no, user), APPROVE_DONE);
	assert_int_equal(approve_verdict(w, order_no, stranger), APPROVE_NOT_FOUND);
}

static void what_has_ended_is_not_approved(void **state)
{
	struct orders_world *w = *state;
	struct uuid late = an_order(w, fresh(w), fresh(w), "A-1"), failed = an_order(w, fresh(w), fresh(w), "A-1");
	struct uuid cancelled = an_order(w, fresh(w), fresh(w), "A-1");
	w->run_out(w, &late);
	assert_int_equal(approve_verdict(w, late, 0), APPROVE_REFUSED);
	assert_int_equal(w->payments_of(w, &late), 0);
	assert_int_equal(ask_fail(w, failed, 0, "NO").verdict, FAIL_DONE);
	assert_int_equal(approve_verdict(w, failed, 0), APPROVE_REFUSED);
	assert_int_equal(approve_verdict(w, cancelled, 0), APPROVE_DONE);
	w->decide(w, &cancelled, ORDER_CANCELLED);
	assert_int_equal(approve_verdict(w, cancelled, 0), APPROVE_REFUSED);
	assert_int_equal(w->payments_of(w, &cancelled), 1);
}

static void an_approved_one_stays_approved_after_its_time(void **state)
{
	struct orders_world *w = *state;
	struct uuid order_no = an_order(w, fresh(w), fresh(w), "A-1");
	assert_int_equal(approve_verdict(w, order_no, 0), APPROVE_DONE);
	w->run_out(w, &order_no);
	assert_int_equal(approve_verdict(w, order_no, 0), APPROVE_AGAIN);
}

static void approval_keeps_the_buyers_held_row_for_ever(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	w->held(w, user, schedule, "A-1", HOLD_MS);
	w->held(w, user, schedule, "A-2", HOLD_MS);
	struct uuid order_no = an_order(w, user, schedule, "A-1");
	assert_int_equal(approve_verdict(w, order_no, user), APPROVE_DONE);
	assert_true(w->held_until(w, schedule, "A-1") == TIME_FOREVER);
	assert_true(w->held_until(w, schedule, "A-2") < TIME_FOREVER);
}

/* --- fail --- */

static void a_failed_order_fails_again_with_its_first_reason(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct uuid order_no = an_order(w, user, schedule, "A-1");
	struct order_fail f = ask_fail(w, order_no, user, "카드 거절");
	assert_int_equal(f.verdict, FAIL_DONE);
	assert_int_equal(f.owner, user);
	assert_int_equal(f.schedule, schedule);
	assert_string_equal(f.seat.s, "A-1");
	assert_int_equal(ask_fail(w, order_no, user, "OTHER").verdict, FAIL_AGAIN);
	struct order_view v = ask_view(w, order_no, user);
	assert_int_equal(v.status, ORDER_FAILED);
	assert_string_equal(v.fail_reason, "카드 거절");
	assert_false(v.has_payment);
}

static void what_is_approved_does_not_fail(void **state)
{
	struct orders_world *w = *state;
	struct uuid paid = an_order(w, fresh(w), fresh(w), "A-1"), cancelled = an_order(w, fresh(w), fresh(w), "A-1");
	assert_int_equal(approve_verdict(w, paid, 0), APPROVE_DONE);
	assert_int_equal(ask_fail(w, paid, 0, "NO").verdict, FAIL_REFUSED);
	w->decide(w, &paid, ORDER_PAID);
	assert_int_equal(ask_fail(w, paid, 0, "NO").verdict, FAIL_REFUSED);
	assert_int_equal(approve_verdict(w, cancelled, 0), APPROVE_DONE);
	w->decide(w, &cancelled, ORDER_CANCELLED);
	assert_int_equal(ask_fail(w, cancelled, 0, "NO").verdict, FAIL_REFUSED);
}

/* --- unready --- */

static void a_release_fails_the_users_ready_order_only(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), other = fresh(w), schedule = fresh(w);
	struct uuid mine = an_order(w, user, schedule, "A-1"), theirs = an_order(w, other, schedule, "A-1");
	struct uuid elsewhere = an_order(w, user, schedule, "A-2");
	assert_int_equal(ask_unready(w, user, schedule, "A-1"), UNREADY_DONE);
	struct order_view v = ask_view(w, mine, user);
	assert_int_equal(v.status, ORDER_FAILED);
	assert_string_equal(v.fail_reason, "RELEASED");
	assert_int_equal(ask_view(w, theirs, other).status, ORDER_READY);
	assert_int_equal(ask_view(w, elsewhere, user).status, ORDER_READY);
	assert_int_equal(ask_unready(w, user, schedule, "A-1"), UNREADY_DONE);
	assert_int_equal(ask_unready(w, fresh(w), schedule, "B-1"), UNREADY_DONE);
}

static void a_release_waits_for_a_payment_and_leaves_a_sold_seat(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct uuid order_no = an_order(w, user, schedule, "A-1");
	assert_int_equal(approve_verdict(w, order_no, user), APPROVE_DONE);
	assert_int_equal(ask_unready(w, user, schedule, "A-1"), UNREADY_PAYMENT_IN_PROGRESS);
	assert_int_equal(ask_view(w, order_no, user).status, ORDER_READY);
	w->decide(w, &order_no, ORDER_PAID);
	assert_int_equal(ask_unready(w, user, schedule, "A-1"), UNREADY_SOLD);
	assert_int_equal(ask_unready(w, fresh(w), schedule, "A-1"), UNREADY_SOLD);
	assert_int_equal(ask_view(w, order_no, user).status, ORDER_PAID);
}

/* --- view --- */

static void a_view_shows_the_order_and_its_payment(void **state)
{
	struct orders_world *w = *state;
	int64_t user = fresh(w), schedule = fresh(w);
	struct uuid order_no = an_order(w, user, schedule, "A-1");
	struct order_view v = ask_view(w, order_no, user);
	assert_true(v.found);
	assert_int_equal(v.owner, user);
	assert_int_equal(v.schedule, schedule);
	assert_int_equal(v.amount_krw, PRICE);
	assert_string_equal(v.seat.s, "A-1");
	assert_int_equal(v.status, ORDER_READY);
	assert_string_equal(v.fail_reason, "");
	assert_true(uuid_is_nil(&v.reservation_id));
	assert_false(v.has_payment);
	assert_true(v.updated_ms >= v.created_ms);
	assert_int_equal(approve_verdict(w, order_no, user), APPROVE_DONE);
	w->decide(w, &order_no, ORDER_PAID);
	v = ask_view(w, order_no, 0);
	assert_true(v.found);
	assert_int_equal(v.status, ORDER_PAID);
	assert_true(v.has_payment);
	assert_int_equal(v.method, METHOD_CARD);
	assert_int_equal(v.payment_status, PAYMENT_APPROVED);
	assert_false(uuid_is_nil(&v.reservation_id));
}

int orders_suite(struct orders_world *w)
{
#define TEST(f) cmocka_unit_test_prestate(f, w)
	const struct CMUnitTest tests[] = {
		TEST(a_new_order_lasts_as_long_as_the_hold),
		TEST(the_same_number_again_is_the_same_order),
		TEST(another_number_for_the_same_seat_gives_the_first_order),
		TEST(the_same_number_many_times_at_once_is_one_order),
		TEST(many_numbers_for_one_seat_at_once_are_one_order),
		TEST(a_sold_seat_is_refused_to_anybody),
		TEST(a_seat_held_in_the_database_is_its_holders),
		TEST(a_held_row_whose_time_ran_out_refuses_nobody),
		TEST(only_an_approved_order_keeps_others_off_the_seat),
		TEST(a_held_row_without_an_end_is_live),
		TEST(the_limit_counts_orders_and_seats_once_each),
		TEST(the_limit_counts_orders_that_are_made_at_once),
		TEST(a_number_that_has_ended_says_so),
		TEST(a_number_that_has_ended_harms_no_other),
		TEST(an_approval_is_one_payment_one_event),
		TEST(approving_again_tells_the_same_event),
		TEST(many_approvals_at_once_are_one),
		TEST(a_strangers_order_is_not_found),
		TEST(what_has_ended_is_not_approved),
		TEST(an_approved_one_stays_approved_after_its_time),
		TEST(approval_keeps_the_buyers_held_row_for_ever),
		TEST(a_failed_order_fails_again_with_its_first_reason),
		TEST(what_is_approved_does_not_fail),
		TEST(a_release_fails_the_users_ready_order_only),
		TEST(a_release_waits_for_a_payment_and_leaves_a_sold_seat),
		TEST(a_view_shows_the_order_and_its_payment),
	};
	return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
