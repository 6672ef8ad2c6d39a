#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/confirm_reservation.h"
#include "contract/reservations_suite.h"
#include "runtime/loop.h"
#include "runtime/when.h"
#include "support/asker.h"

enum { AMOUNT = 120000 };

struct payment_completed a_purchase(struct reservations_world *w)
{
	int64_t id = w->next_id++;
	struct payment_completed e = {
		.event_id = uuid_v7(when_now_ms(), 0),
		.order_no = uuid_v7(when_now_ms(), 0),
		.occurred_at_ms = when_now_ms(),
		.user = id,
		.schedule = 1000 + id % 7,
		.amount_krw = AMOUNT,
		.method = METHOD_CARD,
	};
	char no[SEAT_NO_MAX + 1];
	int n = snprintf(no, sizeof no, "A-%lld", (long long)id);
	assert_true(seat_no_parse(no, (size_t)n, &e.seat));
	return e;
}

static struct payment_completed an_order(struct reservations_world *w, enum order_status s, bool approved)
{
	struct payment_completed e = a_purchase(w);
	w->add_order(w, &e, s, approved);
	if (approved) w->add_payment(w, &e, METHOD_CARD, PAYMENT_APPROVED);
	return e;
}

static struct payment_completed for_the_same_seat(struct reservations_world *w, const struct payment_completed *other)
{
	struct payment_completed e = a_purchase(w);
	e.schedule = other->schedule;
	e.seat = other->seat;
	w->add_order(w, &e, ORDER_READY, false);
	return e;
}

static struct payment_completed under_another_id(const struct payment_completed *e)
{
	struct payment_completed other = *e;
	other.event_id = uuid_v7(when_now_ms(), 0);
	return other;
}

/* --- deciding through the use case --- */

static unsigned running;

static void one_done(struct confirm_reservation *c)
{
	(void)c;
	running--;
}

/* All at once. */
static void decide_all(
	struct reservations_world *w, struct confirm_reservation *c, const struct payment_completed *e, unsigned n)
{
	running = n;
	for (unsigned i = 0; i < n; i++) {
		c[i] = (struct confirm_reservation){.reservations = w->port, .event = e[i], .done = one_done};
		confirm_reservation_start(&c[i], when_now_ms());
	}
	int64_t until = loop_now_us() + 20000000;
	while (running && loop_now_us() < until) loop_turn(w->loop, 5);
	assert_int_equal(running, 0);
	for (unsigned i = 0; i < n; i++)
		if (tk_failed(c[i].failed)) fail_msg("event %u of %u: %s %s", i, n, c[i].failed.where, c[i].failed.what);
}

static struct confirm_reservation decide(struct reservations_world *w, const struct payment_completed *e)
{
	static struct confirm_reservation c;
	decide_all(w, &c, e, 1);
	return c;
}

static struct decided_state state_of(struct reservations_world *w, const struct payment_completed *e)
{
	struct decided_state s;
	memset(&s, 0, sizeof s);
	w->see(w, e, &s);
	return s;
}

/* Paid for, seated, and nothing else. */
static void assert_sold(struct reservations_world *w, const struct payment_completed *e)
{
	struct decided_state s = state_of(w, e);
	assert_int_equal(s.order, ORDER_PAID);
	assert_int_equal(s.live, 1);
	assert_int_equal(s.live_user, e->user);
	assert_true(s.live_confirmed);
	assert_true(uuid_equal(&s.live_id, &s.reservation_id));
	assert_true(uuid_equal(&s.live_order, &e->order_no));
	assert_int_equal(s.kept, PAYMENT_APPROVED);
	assert_int_equal(s.payments, 1);
	assert_int_equal(s.refunds, 0);
	assert_int_equal(s.confirmed, 1);
	assert_int_equal(s.rejected, 0);
}

/* The money is back, exactly once, and no seat is theirs. */
static void assert_given_back(struct reservations_world *w, const struct payment_completed *e, const char *reason)
{
	struct decided_state s = state_of(w, e);
	assert_int_equal(s.order, ORDER_CANCELLED);
	assert_string_equal(s.fail_reason, reason);
	assert_true(uuid_is_nil(&s.reservation_id));
	assert_int_equal(s.kept, PAYMENT_REFUNDED);
	assert_int_equal(s.payments, 1);
	assert_int_equal(s.refunds, 1);
	assert_int_equal(s.confirmed, 0);
	assert_int_equal(s.rejected, 1);
}

static void assert_untouched(struct reservations_world *w, const struct payment_completed *e, enum order_status status)
{
	struct decided_state s = state_of(w, e);
	assert_int_equal(s.order, status);
	assert_int_equal(s.confirmed + s.rejected + s.duplicates, 0);
	assert_int_equal(s.refunds, 0);
}

/* --- confirmed --- */

static void a_ready_order_and_a_free_seat_are_confirmed(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct confirm_reservation c = decide(w, &e);
	assert_int_equal(c.outcome, CONFIRM_CONFIRMED);
	assert_int_equal(c.looks, 0);
	assert_true(c.changes);
	assert_int_equal(c.change.kind, CLAIM_SOLD);
	assert_int_equal(c.change.user, e.user);
	assert_true(c.change.rev > 0);
	assert_true(c.announces);
	assert_int_equal(c.decided.type, RESERVATION_CONFIRMED);
	assert_sold(w, &e);
	struct decided_state s = state_of(w, &e);
	assert_true(uuid_equal(&c.decided.reservation_id, &s.reservation_id));
}

static void an_approved_payment_is_kept_and_not_made_again(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, true);
	assert_int_equal(decide(w, &e).outcome, CONFIRM_CONFIRMED);
	assert_sold(w, &e);
}

static void a_pending_card_payment_becomes_approved(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	w->add_payment(w, &e, METHOD_CARD, PAYMENT_PENDING);
	assert_int_equal(decide(w, &e).outcome, CONFIRM_CONFIRMED);
	assert_sold(w, &e);
}

static void ones_own_held_row_becomes_the_reservation(void **state)
{
	struct reservations_world *w = *state;
	enum seat_row rows[] = {SEAT_HELD_ROW, SEAT_OUTLIVED_ROW, SEAT_CONFIRMED_ROW};
	for (int i = 0; i < 3; i++) {
		struct payment_completed e = an_order(w, ORDER_READY, i % 2);
		w->add_seat(w, e.user, &e, rows[i]);
		struct decided_state before = state_of(w, &e);
		struct confirm_reservation c = decide(w, &e), again = decide(w, &e);
		assert_int_equal(c.outcome, CONFIRM_CONFIRMED);
		assert_true(uuid_equal(&c.decided.reservation_id, &before.live_id));
		assert_int_equal(again.decided.occurred_at_ms, c.decided.occurred_at_ms);
		assert_sold(w, &e);
	}
}

static void someone_elses_outlived_row_is_expired_in_the_same_transaction(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	w->add_seat(w, 999999, &e, SEAT_OUTLIVED_ROW);
	assert_int_equal(decide(w, &e).outcome, CONFIRM_CONFIRMED);
	assert_sold(w, &e);
	assert_int_equal(state_of(w, &e).expired, 1);
}

static void points_that_were_debited_buy_the_seat(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = a_purchase(w);
	e.method = METHOD_POINT;
	w->add_order(w, &e, ORDER_READY, true);
	w->add_payment(w, &e, METHOD_POINT, PAYMENT_APPROVED);
	assert_int_equal(decide(w, &e).outcome, CONFIRM_CONFIRMED);
	assert_sold(w, &e);
}

/* --- rejected --- */

static void a_seat_of_someone_else_gives_the_money_back(void **state)
{
	struct reservations_world *w = *state;
	for (int i = 0; i < 4; i++) {
		struct payment_completed e = an_order(w, ORDER_READY, i & 1);
		w->add_seat(w, 999999, &e, i & 2 ? SEAT_HELD_ROW : SEAT_CONFIRMED_ROW);
		struct confirm_reservation c = decide(w, &e);
		assert_int_equal(c.outcome, CONFIRM_REJECTED);
		assert_int_equal(c.decided.type, RESERVATION_REJECTED);
		assert_string_equal(c.decided.reason, "SEAT_TAKEN");
		assert_given_back(w, &e, "SEAT_TAKEN");
		assert_int_equal(state_of(w, &e).live_user, 999999);
		assert_true(c.changes);
		assert_int_equal(c.change.user, 999999);
		assert_int_equal(c.change.kind, i & 2 ? CLAIM_HELD : CLAIM_SOLD);
	}
}

static void the_winners_seat_gets_a_newer_revision_than_the_losers_mark(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed winner = an_order(w, ORDER_READY, false), loser = for_the_same_seat(w, &winner);
	struct confirm_reservation first = decide(w, &winner), second = decide(w, &loser);
	assert_int_equal(second.outcome, CONFIRM_REJECTED);
	assert_true(second.change.rev > first.change.rev);
	assert_int_equal(second.change.user, winner.user);
}

static void the_same_buyer_does_not_pay_twice_for_one_seat(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed first = an_order(w, ORDER_READY, false), again = a_purchase(w);
	again.schedule = first.schedule;
	again.seat = first.seat;
	again.user = first.user;
	w->add_order(w, &again, ORDER_READY, false);
	assert_int_equal(decide(w, &first).outcome, CONFIRM_CONFIRMED);
	assert_int_equal(decide(w, &again).outcome, CONFIRM_REJECTED);
	assert_sold(w, &first);
	assert_given_back(w, &again, "SEAT_TAKEN");
}

static void money_for_a_failed_order_is_recorded_and_given_back(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_FAILED, false);
	struct confirm_reservation c = decide(w, &e);
	assert_int_equal(c.outcome, CONFIRM_REJECTED);
	assert_string_equal(c.decided.reason, "LATE_PAYMENT");
	assert_false(c.changes);
	assert_given_back(w, &e, "LATE_PAYMENT");
	assert_int_equal(state_of(w, &e).live, 0);
}

static void points_go_back_to_the_wallet(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = a_purchase(w), also = a_purchase(w), both[2];
	e.method = also.method = METHOD_POINT;
	also.user = e.user; /* two refunds for one wallet in one batch */
	both[0] = e;
	both[1] = also;
	for (int i = 0; i < 2; i++) {
		w->add_order(w, &both[i], ORDER_READY, true);
		w->add_payment(w, &both[i], METHOD_POINT, PAYMENT_APPROVED);
		w->add_seat(w, 999999, &both[i], SEAT_CONFIRMED_ROW);
	}
	struct confirm_reservation c[2];
	int64_t before = w->points_back(w, e.user);
	decide_all(w, c, both, 2);
	assert_given_back(w, &e, "SEAT_TAKEN");
	assert_given_back(w, &also, "SEAT_TAKEN");
	assert_int_equal(w->points_back(w, e.user) - before, 2 * AMOUNT);
}

/* --- again --- */

static void the_same_event_again_changes_nothing_and_tells_the_same(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct confirm_reservation first = decide(w, &e), again = decide(w, &e);
	assert_int_equal(again.outcome, CONFIRM_DUPLICATE);
	assert_sold(w, &e);
	assert_true(again.announces);
	assert_true(uuid_equal(&again.decided.event_id, &first.decided.event_id));
	assert_int_equal(again.decided.occurred_at_ms, first.decided.occurred_at_ms);
	assert_true(uuid_equal(&again.decided.reservation_id, &first.decided.reservation_id));
	assert_int_equal(again.change.rev, first.change.rev);
	assert_int_equal(again.change.kind, CLAIM_SOLD);
	assert_int_equal(state_of(w, &e).duplicates, 0);
}

static void a_rejection_again_is_told_again_without_a_second_refund(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_FAILED, false), other = under_another_id(&e);
	struct confirm_reservation first = decide(w, &e), again = decide(w, &e), another = decide(w, &other);
	assert_int_equal(again.outcome, CONFIRM_DUPLICATE);
	assert_int_equal(another.outcome, CONFIRM_DUPLICATE);
	assert_true(uuid_equal(&first.decided.event_id, &again.decided.event_id));
	assert_true(uuid_equal(&first.decided.event_id, &another.decided.event_id));
	assert_int_equal(again.decided.occurred_at_ms, first.decided.occurred_at_ms);
	assert_int_equal(another.decided.occurred_at_ms, first.decided.occurred_at_ms);
	assert_int_equal(again.decided.type, RESERVATION_REJECTED);
	assert_given_back(w, &e, "LATE_PAYMENT");
	assert_int_equal(state_of(w, &e).duplicates, 1);
}

static void a_decided_order_under_another_id_is_noted(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false), other = under_another_id(&e);
	decide(w, &e);
	assert_int_equal(decide(w, &other).outcome, CONFIRM_DUPLICATE);
	assert_int_equal(decide(w, &other).outcome, CONFIRM_DUPLICATE);
	assert_sold(w, &e);
	assert_int_equal(state_of(w, &e).duplicates, 1);
}

static void a_cancelled_reservation_is_told_as_the_seat_is_now(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct confirm_reservation first = decide(w, &e);
	w->end_seat(w, &e);
	struct confirm_reservation again = decide(w, &e);
	assert_int_equal(again.outcome, CONFIRM_DUPLICATE);
	assert_int_equal(again.change.kind, CLAIM_FREE);
	assert_true(again.change.rev > first.change.rev);
}

/* --- parked --- */

static void assert_parked(struct reservations_world *w, const struct payment_completed *e, const char *reason)
{
	struct confirm_reservation c = decide(w, e);
	assert_int_equal(c.outcome, CONFIRM_PARKED);
	assert_string_equal(c.reason, reason);
	assert_false(c.changes);
	assert_false(c.announces);
}

static void what_does_not_match_the_order_is_parked_without_a_trace(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false), bad[4] = {e, e, e, e};
	bad[0].user++;
	bad[1].schedule++;
	bad[2].amount_krw++;
	bad[3].seat = a_purchase(w).seat;
	for (int i = 0; i < 4; i++) assert_parked(w, &bad[i], "order_mismatch");
	assert_untouched(w, &e, ORDER_READY);
	struct payment_completed unknown = a_purchase(w);
	assert_parked(w, &unknown, "unknown_order");
	assert_int_equal(decide(w, &e).outcome, CONFIRM_CONFIRMED);
}

static void points_without_a_debit_are_parked(void **state)
{
	struct reservations_world *w = *state;
	for (int i = 0; i < 3; i++) {
		struct payment_completed e = a_purchase(w);
		e.method = METHOD_POINT;
		w->add_order(w, &e, i == 2 ? ORDER_FAILED : ORDER_READY, i == 1);
		if (i == 1) w->add_payment(w, &e, METHOD_CARD, PAYMENT_APPROVED);
		assert_parked(w, &e, "points_not_debited");
		assert_untouched(w, &e, i == 2 ? ORDER_FAILED : ORDER_READY);
	}
}

static void an_id_that_was_used_for_another_order_is_parked(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed first = an_order(w, ORDER_READY, false), thief = an_order(w, ORDER_READY, false);
	thief.event_id = first.event_id;
	decide(w, &first);
	assert_parked(w, &thief, "event_id_reused");
	assert_untouched(w, &thief, ORDER_READY);
	assert_sold(w, &first);
}

/* --- many at once --- */

static void one_event_many_times_in_one_batch_has_one_effect(void **state)
{
	enum { N = 20 };
	struct reservations_world *w = *state;
	static struct confirm_reservation c[N];
	struct payment_completed same[N], e = an_order(w, ORDER_READY, false);
	unsigned confirmed = 0;
	for (int i = 0; i < N; i++) same[i] = e;
	decide_all(w, c, same, N);
	for (int i = 0; i < N; i++) {
		confirmed += c[i].outcome == CONFIRM_CONFIRMED;
		assert_true(c[i].outcome == CONFIRM_CONFIRMED || c[i].outcome == CONFIRM_DUPLICATE);
	}
	assert_int_equal(confirmed, 1);
	assert_sold(w, &e);
}

static void one_order_under_many_ids_in_one_batch_has_one_effect(void **state)
{
	enum { N = 20 };
	struct reservations_world *w = *state;
	static struct confirm_reservation c[N];
	enum order_status statuses[] = {ORDER_READY, ORDER_FAILED};
	for (int k = 0; k < 2; k++) {
		struct payment_completed same[N], e = an_order(w, statuses[k], false);
		for (int i = 0; i < N; i++) same[i] = under_another_id(&e);
		decide_all(w, c, same, N);
		if (k == 0) assert_sold(w, &e);
		else assert_given_back(w, &e, "LATE_PAYMENT");
		assert_int_equal(state_of(w, &e).duplicates, N - 1);
	}
}

static void many_orders_for_one_seat_in_one_batch_give_it_to_one(void **state)
{
	enum { N = 20 };
	struct reservations_world *w = *state;
	static struct confirm_reservation c[N];
	for (int held = 0; held < 3; held++) {
		struct payment_completed e[N];
		unsigned sold = 0;
		e[0] = an_order(w, ORDER_READY, false);
		for (int i = 1; i < N; i++) e[i] = for_the_same_seat(w, &e[0]);
		if (held) w->add_seat(w, held == 1 ? e[7].user : 999999, &e[0], held == 1 ? SEAT_HELD_ROW : SEAT_OUTLIVED_ROW);
		decide_all(w, c, e, N);
		for (int i = 0; i < N; i++) {
			if (state_of(w, &e[i]).order != ORDER_PAID) {
				assert_given_back(w, &e[i], "SEAT_TAKEN");
				continue;
			}
			assert_sold(w, &e[i]);
			if (held == 1) assert_int_equal(i, 7);
			sold++;
		}
		assert_int_equal(sold, 1);
	}
}

static void poison_of_every_kind_harms_no_neighbour(void **state)
{
	enum { N = 24 };
	struct reservations_world *w = *state;
	static struct confirm_reservation c[N];
	struct payment_completed e[N], used = an_order(w, ORDER_READY, false);
	decide(w, &used);
	for (int i = 0; i < N; i++) e[i] = an_order(w, ORDER_READY, i % 4 == 2);
	e[1].amount_krw++;
	e[3].order_no = uuid_v7(when_now_ms(), 0);
	e[5].event_id = used.event_id;
	e[7].method = METHOD_POINT;
	e[9].event_id = e[11].event_id; /* one id, two orders, one batch: one of them is decided */
	decide_all(w, c, e, N);
	for (int i = 0; i < N; i++) {
		if (i == 9 || i == 11) continue;
		if (i % 2 == 0 || i > 11) assert_sold(w, &e[i]);
		else assert_int_equal(c[i].outcome, CONFIRM_PARKED);
	}
	assert_true((c[9].outcome == CONFIRM_CONFIRMED) != (c[11].outcome == CONFIRM_CONFIRMED));
	assert_true((c[9].outcome == CONFIRM_PARKED) != (c[11].outcome == CONFIRM_PARKED));
}

/* --- the facts change between looking and settling --- */

struct looked {
	struct reservation_look look;
	struct reservation_settle settle;
	struct asker asker;
};

static void look_at(struct reservations_world *w, struct looked *l, const struct payment_completed *e)
{
	memset(l, 0, sizeof *l);
	l->look.event = e;
	asker_init(&l->asker, &l->look.call);
	w->port->look(w->port, &l->look);
	assert_true(asker_wait(&l->asker, w->loop));
	assert_int_equal(l->asker.err.kind, TK_OK);
}

/* Done, or that it must be looked at again. */
static bool settle_now(struct reservations_world *w, struct looked *l, const struct payment_completed *e)
{
	l->settle = (struct reservation_settle){
		.event = e,
		.seen = &l->look,
		.verdict = confirmation_decide(&l->look.facts),
		.reservation_id = uuid_v7(when_now_ms(), 0),
		.payment_id = uuid_v7(when_now_ms(), 0),
		.refund_id = uuid_v7(when_now_ms(), 0),
	};
	asker_init(&l->asker, &l->settle.call);
	w->port->settle(w->port, &l->settle);
	assert_true(asker_wait(&l->asker, w->loop));
	assert_true(l->asker.err.kind == TK_OK || l->asker.err.kind == TK_CONFLICT);
	return l->asker.err.kind == TK_OK && l->settle.done;
}

static void an_order_that_failed_meanwhile_is_not_confirmed(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct looked l;
	look_at(w, &l, &e);
	w->fail_order(w, &e);
	assert_false(settle_now(w, &l, &e));
	assert_untouched(w, &e, ORDER_FAILED);
	assert_int_equal(state_of(w, &e).live, 0);
	decide(w, &e);
	assert_given_back(w, &e, "LATE_PAYMENT");
}

static void a_seat_that_was_taken_meanwhile_is_not_confirmed(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct looked l;
	look_at(w, &l, &e);
	w->add_seat(w, 999999, &e, SEAT_CONFIRMED_ROW);
	assert_false(settle_now(w, &l, &e));
	assert_untouched(w, &e, ORDER_READY);
	decide(w, &e);
	assert_given_back(w, &e, "SEAT_TAKEN");
}

static void a_seat_that_came_free_meanwhile_is_not_refused(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct looked l;
	w->add_seat(w, 999999, &e, SEAT_CONFIRMED_ROW);
	look_at(w, &l, &e);
	w->end_seat(w, &e);
	assert_false(settle_now(w, &l, &e));
	assert_untouched(w, &e, ORDER_READY);
	decide(w, &e);
	assert_sold(w, &e);
}

static void a_held_row_that_ended_meanwhile_is_not_confirmed(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct looked l;
	w->add_seat(w, e.user, &e, SEAT_HELD_ROW);
	look_at(w, &l, &e);
	w->end_seat(w, &e);
	assert_false(settle_now(w, &l, &e));
	decide(w, &e);
	assert_sold(w, &e);
}

static void an_outlived_row_that_was_prolonged_meanwhile_is_not_expired(void **state)
{
	struct reservations_world *w = *state;
	struct payment_completed e = an_order(w, ORDER_READY, false);
	struct looked l;
	w->add_seat(w, 999999, &e, SEAT_OUTLIVED_ROW);
	look_at(w, &l, &e);
	w->prolong_seat(w, &e);
	assert_false(settle_now(w, &l, &e));
	assert_int_equal(state_of(w, &e).live_user, 999999);
	assert_untouched(w, &e, ORDER_READY);
	decide(w, &e);
	assert_given_back(w, &e, "SEAT_TAKEN");
}

static void a_payment_that_came_meanwhile_is_seen(void **state)
{
	struct reservations_world *w = *state;
	for (int taken = 0; taken < 2; taken++) {
		struct payment_completed e = an_order(w, ORDER_READY, false);
		struct looked l;
		if (taken) w->add_seat(w, 999999, &e, SEAT_CONFIRMED_ROW);
		look_at(w, &l, &e);
		w->add_payment(w, &e, METHOD_CARD, PAYMENT_PENDING);
		assert_false(settle_now(w, &l, &e));
		assert_untouched(w, &e, ORDER_READY);
		decide(w, &e);
		if (taken) assert_given_back(w, &e, "SEAT_TAKEN");
		else assert_sold(w, &e);
	}
}

int reservations_suite(struct reservations_world *w)
{
#define T(f)                                                                                                           \
	{                                                                                                                  \
#f, f, NULL, NULL, w                                                                                           \
	}
	const struct CMUnitTest tests[] = {
		T(a_ready_order_and_a_free_seat_are_confirmed),
		T(an_approved_payment_is_kept_and_not_made_again),
		T(a_pending_card_payment_becomes_approved),
		T(ones_own_held_row_becomes_the_reservation),
		T(someone_elses_outlived_row_is_expired_in_the_same_transaction),
		T(points_that_were_debited_buy_the_seat),
		T(a_seat_of_someone_else_gives_the_money_back),
		T(the_winners_seat_gets_a_newer_revision_than_the_losers_mark),
		T(the_same_buyer_does_not_pay_twice_for_one_seat),
		T(money_for_a_failed_order_is_recorded_and_given_back),
		T(points_go_back_to_the_wallet),
		T(the_same_event_again_changes_nothing_and_tells_the_same),
		T(a_rejection_again_is_told_again_without_a_second_refund),
		T(a_decided_order_under_another_id_is_noted),
		T(a_cancelled_reservation_is_told_as_the_seat_is_now),
		T(what_does_not_match_the_order_is_parked_without_a_trace),
		T(points_without_a_debit_are_parked),
		T(an_id_that_was_used_for_another_order_is_parked),
		T(one_event_many_times_in_one_batch_has_one_effect),
		T(one_order_under_many_ids_in_one_batch_has_one_effect),
		T(many_orders_for_one_seat_in_one_batch_give_it_to_one),
		T(poison_of_every_kind_harms_no_neighbour),
		T(an_order_that_failed_meanwhile_is_not_confirmed),
		T(a_seat_that_was_taken_meanwhile_is_not_confirmed),
		T(a_seat_that_came_free_meanwhile_is_not_refused),
		T(a_held_row_that_ended_meanwhile_is_not_confirmed),
		T(an_outlived_row_that_was_prolonged_meanwhile_is_not_expired),
		T(a_payment_that_came_meanwhile_is_seen),
	};
#undef T
	return cmocka_run_group_tests_name("reservations", tests, NULL, NULL);
}
