/* The use cases of holding and paying, over fakes, with their faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "api/app/after_payment.h"
#include "api/app/backlog.h"
#include "api/app/complete_payment.h"
#include "api/app/fail_payment.h"
#include "api/app/hold_seat.h"
#include "api/app/ready_payment.h"
#include "api/app/release_seat.h"
#include "fake/fake_event_out.h"
#include "fake/fake_orders.h"
#include "runtime/mem.h"
#include "runtime/when.h"
#include "support/backstage_world.h"

enum { SHOW = 7, CLOSED_SHOW = 8, QUEUED_SHOW = 9, EARLY_SHOW = 10, TOM = 1, ANN = 2, TTL_MS = 300000 };
static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};
static const struct tk_err UNKNOWN = {TK_UNCERTAIN, "test", "lost answer"};

struct shop {
	struct backstage_world w;
	struct loop *loop; /* the shard's */
	struct services services;
	struct fake_orders orders;
	struct fake_outbox outbox;
	struct fake_event_out events;
	struct config config;
};

static int open_shop(void **state)
{
	struct shop *s = mem_must(calloc(1, sizeof *s));

	world_init(&s->w);
	s->loop = loop_create();
	s->config = (struct config){.hold_ttl_s = 300,
		.payment_ttl_s = 60,
		.max_seats_per_user = 4,
		.outbox_max = 1000,
		.database_timeout_ms = 2000};
	fake_catalogue_add(&s->w.catalogue, SHOW, 10);
	fake_catalogue_add(&s->w.catalogue, CLOSED_SHOW, 10)->row.status = SCHEDULE_CLOSED;
	fake_catalogue_add(&s->w.catalogue, QUEUED_SHOW, 10)->row.queue_required = true;
	fake_catalogue_add(&s->w.catalogue, EARLY_SHOW, 10)->row.sale_opens_at_ms = when_now_ms() + 3600000;
	fake_orders_init(&s->orders, s->loop);
	fake_outbox_init(&s->outbox, s->loop);
	fake_event_out_init(&s->events);
	s->w.seats.now_ms = when_now_ms();
	s->services = (struct services){
		.config = &s->config,
		.loop = s->loop,
		.seats = &s->w.seats.port,
		.orders = &s->orders.port,
		.outbox = &s->outbox.port,
		.events = &s->events.port,
		.queue = &s->w.queue.port,
		.backlog = backstage_backlog(s->w.backstage),
		.metrics = s->w.metrics,
		.seating = seating_create(s->w.backstage, s->loop),
	};
	s->services.after_payment = after_payment_create(&s->services);
	*state = s;
	return 0;
}

static void turn(struct shop *s)
{
	loop_turn(s->w.loop, 0);
	loop_turn(s->loop, 1);
}

static int close_shop(void **state)
{
	struct shop *s = *state;

	/* What follows a payment is out, unless the test has lost it on its way. */
	for (int i = 0; i < 100 && !after_payment_idle(s->services.after_payment); i++) turn(s);
	backstage_stop(s->w.backstage);
	seating_destroy(s->services.seating);
	after_payment_destroy(s->services.after_payment);
	fake_orders_finish(&s->orders);
	fake_outbox_finish(&s->outbox);
	loop_destroy(s->loop);
	world_finish(&s->w);
	free(s);
	return 0;
}

/* A flow is over when its `done` was called. */
static unsigned finished;
static void on_done(struct flow *f)
{
	(void)f;
	finished++;
}

static void wait_done(struct shop *s, unsigned before)
{
	for (int i = 0; i < 5000 && finished == before; i++) turn(s);
	assert_int_equal(finished, before + 1);
	for (int i = 0; i < 5; i++) turn(s);
}

/* --- doing what buyers do --- */

static enum hold_outcome hold_many(struct shop *s, int64_t user, int64_t schedule, unsigned first, unsigned count)
{
	struct hold_seat *h = mem_must(calloc(1, sizeof *h));
	struct seat_no seats[HOLD_SEATS_MAX];
	unsigned before = finished;

	h->user = user;
	h->schedule = schedule;
	h->seats = seats;
	h->count = count;
	for (unsigned i = 0; i < count; i++) seats[i] = fake_seat_no(first + i);
	hold_seat_start(h, &s->services, on_done);
	wait_done(s, before);
	enum hold_outcome o = h->outcome;
	hold_seat_finish(h);
	free(h);
	return o;
}

static enum hold_outcome hold(struct shop *s, int64_t user, unsigned seat)
{
	return hold_many(s, user, SHOW, seat, 1);
}

/* As a body with 150 seats: only as many as fit are there, but all are counted. */
static enum hold_outcome hold_more_than_fit(struct shop *s)
{
	struct hold_seat *h = mem_must(calloc(1, sizeof *h));
	struct seat_no seats[HOLD_SEATS_MAX];
	unsigned before = finished;

	*h = (struct hold_seat){.user = TOM, .schedule = SHOW, .seats = seats, .count = 150};
	for (unsigned i = 0; i < HOLD_SEATS_MAX; i++) seats[i] = fake_seat_no(1 + i % 10);
	hold_seat_start(h, &s->services, on_done);
	wait_done(s, before);
	enum hold_outcome o = h->outcome;
	hold_seat_finish(h);
	free(h);
	return o;
}

static enum ready_outcome ready_order(struct shop *s, int64_t user, unsigned seat, struct uuid *ret_order)
{
	struct ready_payment r = {.user = user, .schedule = SHOW, .seat = fake_seat_no(seat)};
	unsigned before = finished;

	ready_payment_start(&r, &s->services, on_done);
	wait_done(s, before);
	ready_payment_finish(&r);
	if (ret_order) *ret_order = r.order.order_no;
	return r.outcome;
}

static enum complete_outcome pay(struct shop *s, struct uuid order_no, struct uuid *ret_event)
{
	struct complete_payment c = {.approve.order_no = order_no};
	unsigned before = finished;

	complete_payment_start(&c, &s->services, on_done);
	wait_done(s, before);
	if (ret_event) *ret_event = c.approve.event_id;
	return c.outcome;
}

static enum release_outcome release(struct shop *s, int64_t user, unsigned seat)
{
	struct release_seat r = {.user = user, .schedule = SHOW, .seat = fake_seat_no(seat)};
	unsigned before = finished;

	release_seat_start(&r, &s->services, on_done);
	wait_done(s, before);
	release_seat_finish(&r);
	return r.outcome;
}

static enum fail_outcome decline(struct shop *s, struct uuid order_no)
{
	struct fail_payment p = {.fail = {.order_no = order_no, .reason = "DECLINED"}};
	unsigned before = finished;

	fail_payment_start(&p, &s->services, on_done);
	wait_done(s, before);
	return p.outcome;
}

static struct uuid an_order(struct shop *s, int64_t user, unsigned seat)
{
	struct uuid order_no;

	assert_int_equal(hold(s, user, seat), HELD_NEW);
	assert_int_equal(ready_order(s, user, seat, &order_no), READIED);
	return order_no;
}

static enum order_status status_of(struct shop *s, struct uuid order_no)
{
	return fake_orders_find(&s->orders, &order_no)->status;
}

static bool is_held(struct shop *s, unsigned seat)
{
	struct seat_no no = fake_seat_no(seat);
	return fake_seat_lock_left_ms(&s->w.seats, SHOW, &no) > 0;
}

/* --- hold --- */

static void the_first_hold_after_redis_forgot_loads_its_copy(void **state)
{
	struct shop *s = *state;

	fake_catalogue_claim(&s->w.catalogue, SHOW, 3, CLAIM_SOLD, ANN, 5);
	assert_int_equal(hold(s, TOM, 3), HOLD_SEAT_SOLD);
	assert_int_equal(hold(s, TOM, 1), HELD_NEW);
	assert_int_equal(hold(s, TOM, 1), HELD_BEFORE);
	assert_int_equal(hold(s, ANN, 1), HOLD_SEAT_HELD);
	fake_seat_lock_lose(&s->w.seats);
	s->w.seats.now_ms = when_now_ms();
	assert_int_equal(hold(s, TOM, 3), HOLD_SEAT_SOLD);
}

static void refusals_come_in_the_contracts_order(void **state)
{
	struct shop *s = *state;

	assert_int_equal(hold_many(s, TOM, 999, 1, 1), HOLD_NO_SCHEDULE);
	assert_int_equal(hold_many(s, TOM, CLOSED_SHOW, 99, 1), HOLD_CLOSED);
	assert_int_equal(hold_many(s, TOM, QUEUED_SHOW, 99, 1), HOLD_NEEDS_TOKEN);
	assert_int_equal(hold_many(s, TOM, EARLY_SHOW, 99, 1), HOLD_NO_SEAT);
	assert_int_equal(hold_many(s, TOM, EARLY_SHOW, 1, 5), HOLD_NOT_OPEN);
	assert_int_equal(hold(s, ANN, 5), HELD_NEW);
	assert_int_equal(hold_many(s, TOM, SHOW, 1, 5), HOLD_OVER_LIMIT);
	assert_int_equal(hold_more_than_fit(s), HOLD_OVER_LIMIT);
	assert_int_equal(hold_many(s, TOM, SHOW, 4, 2), HOLD_SEAT_HELD);
	assert_false(is_held(s, 4)); /* all or nothing */
}

static void a_hold_fails_while_redis_is_away_and_works_when_it_is_back(void **state)
{
	struct shop *s = *state;

	s->w.seats.fault[FAKE_HOLD] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(hold(s, TOM, 1), HOLD_FAILED);
	assert_int_equal(hold(s, TOM, 1), HELD_NEW);
}

static void a_hold_whose_answer_was_lost_is_the_users_own_when_repeated(void **state)
{
	struct shop *s = *state;

	assert_int_equal(hold(s, TOM, 9), HELD_NEW); /* loads the copy */
	s->w.seats.fault[FAKE_HOLD] = (struct fake_fault){.countdown = 1, .err = AWAY, .after_acting = true};
	assert_int_equal(hold(s, TOM, 1), HOLD_FAILED);
	assert_int_equal(hold(s, TOM, 1), HELD_BEFORE);
}

/* --- ready --- */

static void ready_again_is_the_same_order_and_not_prolonged(void **state)
{
	struct shop *s = *state;
	struct uuid first = an_order(s, TOM, 1), again;

	assert_int_equal(ready_order(s, TOM, 1, &again), READY_BEFORE);
	assert_true(uuid_equal(&first, &again));
	assert_int_equal(s->orders.order_count, 1);
}

static void an_order_whose_answer_was_lost_is_found_by_the_repeat(void **state)
{
	struct shop *s = *state;
	struct uuid order_no;

	assert_int_equal(hold(s, TOM, 1), HELD_NEW);
	s->orders.fault[FAKE_READY] = (struct fake_fault){.countdown = 1, .err = UNKNOWN, .after_acting = true};
	assert_int_equal(ready_order(s, TOM, 1, NULL), READY_FAILED);
	assert_int_equal(ready_order(s, TOM, 1, &order_no), READY_BEFORE);
	assert_int_equal(s->orders.order_count, 1);
}

static void nobody_orders_what_somebody_else_holds_or_has(void **state)
{
	struct shop *s = *state;

	assert_int_equal(hold(s, TOM, 1), HELD_NEW);
	assert_int_equal(ready_order(s, ANN, 1, NULL), READY_NOT_OWNED);
	assert_int_equal(ready_order(s, ANN, 2, NULL), READY_NOT_OWNED);
	/* Redis lost that seat 3 is another's: the database refuses all the same. */
	assert_int_equal(hold(s, TOM, 3), HELD_NEW);
	fake_orders_reserve(&s->orders, ANN, SHOW, fake_seat_no(3), true, TIME_FOREVER);
	assert_int_equal(ready_order(s, TOM, 3, NULL), READY_OTHERS_SOLD);
}

static void a_hold_that_outlived_its_failed_order_gets_a_new_one(void **state)
{
	struct shop *s = *state;
	struct uuid first = an_order(s, TOM, 1), second;

	s->w.seats.fault[FAKE_RELEASE] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(decline(s, first), FAILED_NOW_OR_BEFORE);
	assert_true(is_held(s, 1));
	assert_int_equal(ready_order(s, TOM, 1, &second), READIED);
	assert_false(uuid_equal(&first, &second));
}

/* --- pay --- */

static void a_payment_is_one_event_and_clears_its_row(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1), event, again;
	struct seat_no no = fake_seat_no(1);

	assert_int_equal(pay(s, order_no, &event), COMPLETED);
	assert_int_equal(pay(s, order_no, &again), COMPLETED);
	assert_true(uuid_equal(&event, &again));
	assert_int_equal(s->events.count, 1);
	assert_true(uuid_equal(&s->events.event[0].payment.event_id, &event));
	assert_memory_equal(&s->events.event[0].payment.seat.s, no.s, no.len);
	/* The seat is pending in Redis: freed by hand, it is still refused to others. */
	fake_seat_lock_delete(&s->w.seats, SHOW, &no);
	assert_int_equal(hold(s, ANN, 1), HOLD_SEAT_HELD);
}

static void an_unknown_outcome_is_settled_by_asking_again(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	s->orders.fault[FAKE_APPROVE] = (struct fake_fault){.countdown = 1, .err = UNKNOWN, .after_acting = true};
	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
	assert_int_equal(s->orders.calls[FAKE_APPROVE], 2);
	assert_true(fake_orders_find(&s->orders, &order_no)->approved);
	assert_int_equal(s->events.count, 1); /* at once: the relay would come for it after 15 s */
	assert_true(uuid_equal(&s->events.event[0].payment.order_no, &order_no));
	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
	assert_int_equal(s->events.count, 1); /* somebody who asks again has not approved it */
}

static void a_payment_that_could_not_be_committed_took_nothing(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	s->orders.fault[FAKE_APPROVE] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(pay(s, order_no, NULL), COMPLETE_FAILED);
	assert_false(fake_orders_find(&s->orders, &order_no)->approved);
	assert_int_equal(s->events.count, 0);
	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
}

static void kafka_and_redis_may_be_away_while_people_pay(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	s->events.refuse_in = 1;
	s->w.seats.fault[FAKE_APPLY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
	assert_true(after_payment_idle(s->services.after_payment));
}

static void seats_paid_one_behind_the_other_are_marked_together(void **state)
{
	enum { BUYERS = 4 };
	struct shop *s = *state;
	struct complete_payment c[BUYERS];

	for (unsigned i = 0; i < BUYERS; i++)
		c[i] = (struct complete_payment){.approve.order_no = an_order(s, 10 + i, 1 + i)};
	unsigned before = finished, scripts = s->w.seats.calls[FAKE_APPLY];
	int64_t until = loop_now_us() + 2000000;
	for (unsigned i = 0; i < BUYERS; i++) complete_payment_start(&c[i], &s->services, on_done);
	while ((finished < before + BUYERS || s->w.seats.calls[FAKE_APPLY] < scripts + 2) && loop_now_us() < until) turn(s);
	for (until = loop_now_us() + 20000; loop_now_us() < until;) turn(s);
	assert_int_equal(s->w.seats.calls[FAKE_APPLY], scripts + 2); /* the first at once */
	for (unsigned i = 0; i < BUYERS; i++) {
		struct seat_no no = fake_seat_no(1 + i);

		assert_int_equal(c[i].outcome, COMPLETED);
		fake_seat_lock_delete(&s->w.seats, SHOW, &no);
		assert_int_equal(hold(s, ANN, 1 + i), HOLD_SEAT_HELD);
	}
}

static void events_of_a_crowd_go_out_together_and_the_first_at_once(void **state)
{
	enum { BUYERS = 6, AT_ONCE = 1, WAIT_US = 4000 };
	struct shop *s = *state;
	struct complete_payment c[BUYERS];

	for (unsigned i = 0; i < BUYERS; i++)
		c[i] = (struct complete_payment){.approve.order_no = an_order(s, 10 + i, 1 + i)};
	unsigned before = finished, seen = 0;
	int64_t from = loop_now_us(), until = from + 2000000;
	for (unsigned i = 0; i < BUYERS; i++) complete_payment_start(&c[i], &s->services, on_done);
	while (s->events.count < BUYERS && loop_now_us() < until) {
		turn(s);
		/* None of the others before the time is up. */
		if (loop_now_us() < from + WAIT_US) assert_true(s->events.count <= AT_ONCE);
		if (s->events.count == AT_ONCE) seen++;
		assert_true(s->events.count <= AT_ONCE || s->events.count == BUYERS);
	}
	assert_int_equal(finished, before + BUYERS);
	assert_int_equal(s->events.count, BUYERS);
	assert_true(seen > 0);
	assert_false(after_payment_idle(s->services.after_payment)); /* their reports are to come */
}

static void a_full_outbox_refuses_payments_and_loses_none(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	backlog_moved(s->services.backlog, 1000);
	assert_int_equal(pay(s, order_no, NULL), COMPLETE_FAILED);
	assert_int_equal(status_of(s, order_no), ORDER_READY);
	backlog_moved(s->services.backlog, -1000);
	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
}

static void what_is_decided_is_not_paid_again(void **state)
{
	struct shop *s = *state;
	struct uuid paid = an_order(s, TOM, 1), failed = an_order(s, TOM, 2), event, again;

	assert_int_equal(pay(s, paid, &event), COMPLETED);
	fake_orders_decide(&s->orders, &paid, ORDER_PAID);
	assert_int_equal(pay(s, paid, &again), COMPLETE_PAID);
	assert_true(uuid_equal(&event, &again));
	assert_int_equal(decline(s, failed), FAILED_NOW_OR_BEFORE);
	assert_int_equal(pay(s, failed, NULL), COMPLETE_REFUSED);
	assert_int_equal(pay(s, uuid_v7(0, 0), NULL), COMPLETE_NO_ORDER);
}

/* --- fail and release --- */

static void a_declined_payment_frees_the_seat(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	assert_int_equal(decline(s, order_no), FAILED_NOW_OR_BEFORE);
	assert_int_equal(decline(s, order_no), FAILED_NOW_OR_BEFORE);
	assert_int_equal(hold(s, ANN, 1), HELD_NEW);
	assert_int_equal(decline(s, uuid_v7(0, 0)), FAIL_NO_ORDER);
}

static void a_decline_that_could_not_free_the_seat_does_so_when_repeated(void **state)
{
	struct shop *s = *state;
	struct uuid first = an_order(s, TOM, 1), second;

	s->w.seats.fault[FAKE_RELEASE] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(decline(s, first), FAILED_NOW_OR_BEFORE);
	assert_true(is_held(s, 1));
	assert_int_equal(decline(s, first), FAILED_NOW_OR_BEFORE);
	assert_false(is_held(s, 1));
	/* But never the hold of a later order. */
	second = an_order(s, TOM, 1);
	assert_int_equal(decline(s, first), FAILED_NOW_OR_BEFORE);
	assert_true(is_held(s, 1));
	assert_int_equal(pay(s, second, NULL), COMPLETED);
}

static void an_approved_payment_can_be_neither_declined_nor_released(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	assert_int_equal(pay(s, order_no, NULL), COMPLETED);
	assert_int_equal(decline(s, order_no), FAIL_NOT_PAYABLE);
	assert_int_equal(release(s, TOM, 1), RELEASE_PAYMENT_IN_PROGRESS);
	assert_int_equal(status_of(s, order_no), ORDER_READY);
	fake_orders_decide(&s->orders, &order_no, ORDER_PAID);
	assert_int_equal(release(s, TOM, 1), RELEASE_SEAT_SOLD);
}

static void a_release_fails_the_order_before_it_frees_the_seat(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);

	s->orders.fault[FAKE_UNREADY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	assert_int_equal(release(s, TOM, 1), RELEASE_FAILED);
	assert_true(is_held(s, 1));
	assert_int_equal(release(s, TOM, 1), RELEASED);
	assert_int_equal(status_of(s, order_no), ORDER_FAILED);
	assert_false(is_held(s, 1));
	assert_int_equal(release(s, TOM, 1), RELEASED); /* nothing held any more */
}

static void an_order_outlives_a_hold_that_redis_lost_until_it_is_released(void **state)
{
	struct shop *s = *state;
	struct uuid order_no = an_order(s, TOM, 1);
	struct seat_no no = fake_seat_no(1);

	fake_seat_lock_delete(&s->w.seats, SHOW, &no);
	assert_int_equal(release(s, TOM, 1), RELEASED);
	assert_int_equal(status_of(s, order_no), ORDER_FAILED);
}

static void nobody_releases_for_others(void **state)
{
	struct shop *s = *state;

	assert_int_equal(hold(s, TOM, 1), HELD_NEW);
	assert_int_equal(release(s, ANN, 1), RELEASE_OF_OTHERS);
	assert_true(is_held(s, 1));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_shop, close_shop)
	const struct CMUnitTest tests[] = {
		TEST(the_first_hold_after_redis_forgot_loads_its_copy),
		TEST(refusals_come_in_the_contracts_order),
		TEST(a_hold_fails_while_redis_is_away_and_works_when_it_is_back),
		TEST(a_hold_whose_answer_was_lost_is_the_users_own_when_repeated),
		TEST(ready_again_is_the_same_order_and_not_prolonged),
		TEST(an_order_whose_answer_was_lost_is_found_by_the_repeat),
		TEST(nobody_orders_what_somebody_else_holds_or_has),
		TEST(a_hold_that_outlived_its_failed_order_gets_a_new_one),
		TEST(a_payment_is_one_event_and_clears_its_row),
		TEST(an_unknown_outcome_is_settled_by_asking_again),
		TEST(a_payment_that_could_not_be_committed_took_nothing),
		TEST(kafka_and_redis_may_be_away_while_people_pay),
		TEST(seats_paid_one_behind_the_other_are_marked_together),
		TEST(events_of_a_crowd_go_out_together_and_the_first_at_once),
		TEST(a_full_outbox_refuses_payments_and_loses_none),
		TEST(what_is_decided_is_not_paid_again),
		TEST(a_declined_payment_frees_the_seat),
		TEST(a_decline_that_could_not_free_the_seat_does_so_when_repeated),
		TEST(an_approved_payment_can_be_neither_declined_nor_released),
		TEST(a_release_fails_the_order_before_it_frees_the_seat),
		TEST(an_order_outlives_a_hold_that_redis_lost_until_it_is_released),
		TEST(nobody_releases_for_others),
	};
	return cmocka_run_group_tests_name("booking", tests, NULL, NULL);
}
