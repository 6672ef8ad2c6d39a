/* Deciding payment events, over fakes, with every fault: lost replies, servers away, redelivery, reordering; then whole
 * batches with what follows from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "app/event_batch.h"
#include "app/mend_copies.h"
#include "fake/fake_catalogue.h"
#include "fake/fake_event_out.h"
#include "fake/fake_reservations.h"
#include "fake/fake_seat_lock.h"
#include "runtime/mem.h"
#include "runtime/metrics.h"
#include "runtime/when.h"

enum { SHOW = 7, AMOUNT = 90000, MAX = 16 };
static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};
static const struct tk_err UNKNOWN = {TK_UNCERTAIN, "test", "lost answer"};
static const struct tk_err BUG = {TK_INTERNAL, "test", "bug"};
static const struct tk_err REFUSED = {TK_INVALID, "test", "22021"};
static const char TRACE[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct stage {
	struct loop *loop;
	struct fake_reservations db;
	struct fake_seat_lock seats;
	struct fake_event_out events;
	struct fake_catalogue catalogue;
	struct mend_copies mend;
	struct event_batch batch;
	unsigned finished, parked, cut, retried;
	int64_t lost[MAX]; /* schedules */
	unsigned lost_count;
	bool silent; /* Kafka reports nothing */
	int64_t next;
};

static void finished(void *ctx, struct event_batch *b)
{
	(void)b;
	((struct stage *)ctx)->finished++;
}
static void copy_lost(void *ctx, int64_t schedule)
{
	struct stage *s = ctx;
	if (s->lost_count < MAX) s->lost[s->lost_count++] = schedule;
	mend_copies_mark(&s->mend, schedule);
}
static void parked(void *ctx, const struct event_slot *slot)
{
	(void)slot;
	((struct stage *)ctx)->parked++;
}
static void cut(void *ctx, const struct event_slot *slot)
{
	(void)slot;
	((struct stage *)ctx)->cut++;
}
static void retried(void *ctx, struct tk_err err, unsigned events)
{
	assert_true(tk_failed(err));
	assert_true(events > 0);
	((struct stage *)ctx)->retried++;
}
static void delivered(void *ctx, const struct uuid *id, uint64_t tag, enum delivery d)
{
	struct stage *s = ctx;
	(void)id;
	assert_int_equal(tag >> 32, 3);
	event_batch_delivered(&s->batch, tag, d);
}

static int open_stage(void **state)
{
	struct stage *s = mem_must(calloc(1, sizeof *s));
	s->loop = loop_create();
	s->next = 1;
	fake_reservations_init(&s->db, s->loop);
	fake_seat_lock_init(&s->seats, s->loop);
	fake_seat_lock_load(&s->seats, SHOW);
	fake_event_out_init(&s->events);
	fake_catalogue_init(&s->catalogue, s->loop);
	fake_catalogue_add(&s->catalogue, SHOW, 10);
	s->events.port.delivered = delivered;
	s->events.port.ctx = s;
	s->mend.catalogue = &s->catalogue.port;
	s->mend.seat_lock = &s->seats.port;
	s->mend.loop = s->loop;
	const struct event_ports ports = {
		.reservations = &s->db.port, .seat_lock = &s->seats.port, .event_out = &s->events.port, .loop = s->loop};
	const struct event_batch_owner owner = {NULL, finished, copy_lost, parked, cut, retried, s};
	event_batch_init(&s->batch, 3, MAX, &ports, &owner);
	*state = s;
	return 0;
}

static int close_stage(void **state)
{
	struct stage *s = *state;
	event_batch_give_up(&s->batch);
	mend_copies_stop(&s->mend);
	fake_reservations_finish(&s->db);
	fake_seat_lock_finish(&s->seats);
	fake_catalogue_finish(&s->catalogue);
	mend_copies_finish(&s->mend);
	event_batch_finish(&s->batch);
	loop_destroy(s->loop);
	free(s);
	return 0;
}

/* --- events --- */

static struct payment_completed an_event(struct stage *s)
{
	struct payment_completed e = {.event_id = uuid_v7(when_now_ms(), 0),
		.order_no = uuid_v7(when_now_ms(), 0),
		.user = s->next,
		.schedule = SHOW,
		.amount_krw = AMOUNT,
		.occurred_at_ms = when_now_ms(),
		.seat = fake_seat_no((unsigned)s->next)};
	strcpy(e.traceparent, TRACE);
	s->next++;
	return e;
}

static struct payment_completed a_purchase(struct stage *s)
{
	struct payment_completed e = an_event(s);
	fake_order_add(&s->db, &e, ORDER_READY);
	return e;
}

static void put(struct stage *s, unsigned i, const struct payment_completed *e)
{
	s->batch.slots[i].confirm.event = *e;
	s->batch.slots[i].fault = NULL;
	s->batch.slots[i].letter = (struct dead_letter){.key = "7:A-1",
		.key_len = 5,
		.value = "{}",
		.value_len = 2,
		.topic = "payment.completed",
		.partition = 4,
		.offset = i};
}

/* Until the batch has finished; false: it had not after `ms`. */
static bool run(struct stage *s, int64_t ms)
{
	int64_t until = loop_now_us() / 1000 + ms;
	while (s->batch.busy && loop_now_us() / 1000 < until) {
		loop_turn(s->loop, 5);
		if (!s->silent) fake_event_out_report(&s->events);
	}
	return !s->batch.busy;
}

static void decide(struct stage *s, const struct payment_completed *e, unsigned n)
{
	unsigned before = s->finished;
	for (unsigned i = 0; i < n; i++) put(s, i, &e[i]);
	event_batch_start(&s->batch, n);
	assert_true(run(s, 10000));
	assert_int_equal(s->finished, before + 1);
}

static void assert_paid_once(struct stage *s, const struct payment_completed *e)
{
	const struct fake_bought *o = fake_order_find(&s->db, &e->order_no);
	const struct fake_seated *r = fake_seat_live(&s->db, e->schedule, &e->seat);
	assert_int_equal(o->status, ORDER_PAID);
	assert_non_null(r);
	assert_int_equal(r->user, e->user);
	assert_int_equal(fake_payment_kept(&s->db, &e->order_no)->status, PAYMENT_APPROVED);
	assert_int_equal(fake_payment_kept(&s->db, &e->order_no)->refunds, 0);
}

static void assert_given_back_once(struct stage *s, const struct payment_completed *e)
{
	assert_int_equal(fake_order_find(&s->db, &e->order_no)->status, ORDER_CANCELLED);
	assert_int_equal(fake_payment_kept(&s->db, &e->order_no)->status, PAYMENT_REFUNDED);
	assert_int_equal(fake_payment_kept(&s->db, &e->order_no)->refunds, 1);
}

static const struct fake_state *copy_of(const struct stage *s, const struct payment_completed *e)
{
	for (unsigned i = 0; i < s->seats.state_count; i++) {
		const struct fake_state *st = &s->seats.states[i];
		if (st->schedule == e->schedule && seat_no_equal(&st->seat, &e->seat)) return st;
	}
	return NULL;
}

static void assert_sold_in_the_copy(const struct stage *s, const struct payment_completed *e)
{
	const struct fake_state *st = copy_of(s, e);
	assert_non_null(st);
	assert_int_equal(st->kind, CLAIM_SOLD);
	assert_int_equal(st->user, e->user);
}

static unsigned published(const struct stage *s, enum fake_event_kind kind)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->events.count && i < FAKE_EVENTS_MAX; i++) n += s->events.event[i].kind == kind;
	return n;
}

/* --- what is decided, whatever fails on the way --- */

static void a_confirmation_is_copied_and_announced_before_the_batch_ends(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	decide(s, &e, 1);
	assert_paid_once(s, &e);
	assert_sold_in_the_copy(s, &e);
	assert_int_equal(s->events.count, 1);
	const struct reservation_decided *d = &s->events.event[0].reservation;
	assert_int_equal(d->type, RESERVATION_CONFIRMED);
	assert_true(uuid_equal(&d->order_no, &e.order_no));
	assert_false(uuid_is_nil(&d->reservation_id));
	assert_string_equal(d->traceparent, TRACE);
	assert_int_equal(s->retried, 0);
}

/* Every call, every class of failure, with and without the effect: one decision, one announcement's id. */
static void no_single_fault_changes_the_outcome(void **state)
{
	struct stage *s = *state;
	const struct tk_err errs[] = {AWAY, UNKNOWN, BUG};
	for (int which = 0; which < FAKE_RESERVATIONS_CALLS; which++) {
		for (int k = 0; k < 6; k++) {
			struct payment_completed e[3] = {a_purchase(s), an_event(s), an_event(s)};
			fake_order_add(&s->db, &e[1], ORDER_FAILED);
			fake_order_add(&s->db, &e[2], ORDER_READY);
			fake_seat_add(&s->db, e[2].user, SHOW, &e[2].seat, ROW_HELD);
			s->db.fault[which] = (struct fake_fault){.countdown = 1 + k % 3, .err = errs[k / 2], .after_acting = k % 2};
			decide(s, e, 3);
			assert_paid_once(s, &e[0]);
			assert_given_back_once(s, &e[1]);
			assert_paid_once(s, &e[2]);
			assert_sold_in_the_copy(s, &e[0]);
			assert_sold_in_the_copy(s, &e[2]);
		}
	}
}

static void a_database_away_is_waited_for_and_nothing_is_parked(void **state)
{
	struct stage *s = *state;
	struct payment_completed e[4];
	for (int i = 0; i < 4; i++) e[i] = a_purchase(s);
	s->db.fault[FAKE_CONFIRM] = (struct fake_fault){.countdown = 1, .times = 14, .err = AWAY};
	decide(s, e, 4);
	for (int i = 0; i < 4; i++) assert_paid_once(s, &e[i]);
	assert_true(s->retried >= 3);
	assert_int_equal(s->parked, 0);
	assert_int_equal(published(s, FAKE_DEAD_LETTER), 0);
}

static void a_confirmation_whose_reply_was_lost_is_no_duplicate(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	s->db.fault[FAKE_CONFIRM] = (struct fake_fault){.countdown = 1, .err = UNKNOWN, .after_acting = true};
	decide(s, &e, 1);
	assert_int_equal(s->batch.slots[0].confirm.outcome, CONFIRM_CONFIRMED);
	assert_paid_once(s, &e);
	decide(s, &e, 1); /* and when it is delivered again, it is one */
	assert_int_equal(s->batch.slots[0].confirm.outcome, CONFIRM_DUPLICATE);
}

static void only_what_failed_is_tried_again(void **state)
{
	struct stage *s = *state;
	struct payment_completed e[4];
	for (int i = 0; i < 4; i++) e[i] = a_purchase(s);
	s->db.fault[FAKE_CONFIRM] = (struct fake_fault){.countdown = 2, .err = AWAY};
	decide(s, e, 4);
	assert_int_equal(s->db.calls[FAKE_CONFIRM], 5);
	assert_int_equal(s->retried, 1);
	assert_int_equal(published(s, FAKE_RESERVATION), 4);
}

/* The database, with an order that no statement with it ends in time for: neither it nor its companions are answered. */
struct slow_database {
	struct reservations port;
	struct stage *stage;
	struct hook hook;
	struct reservation_confirm *asked[MAX];
	unsigned count, rounds;
	struct uuid heavy;
	bool cured;
};

static void slow_confirm(struct reservations *port, struct reservation_confirm *c)
{
	struct slow_database *d = container_of(port, struct slow_database, port);
	d->asked[d->count++] = c;
}
static void slow_look(struct reservations *port, struct reservation_look *l)
{
	struct slow_database *d = container_of(port, struct slow_database, port);
	d->stage->db.port.look(&d->stage->db.port, l);
}
static void slow_settle(struct reservations *port, struct reservation_settle *s)
{
	struct slow_database *d = container_of(port, struct slow_database, port);
	d->stage->db.port.settle(&d->stage->db.port, s);
}

static bool answer_the_round(struct hook *h)
{
	struct slow_database *d = container_of(h, struct slow_database, hook);
	struct reservation_confirm *asked[MAX];
	unsigned n = d->count;
	bool heavy = false;
	memcpy(asked, d->asked, sizeof asked);
	d->count = 0;
	d->rounds += n > 0;
	for (unsigned i = 0; i < n; i++) heavy |= uuid_equal(&asked[i]->event->order_no, &d->heavy);
	for (unsigned i = 0; i < n; i++) {
		if (heavy && !d->cured) port_answer(&asked[i]->call, UNKNOWN);
		else d->stage->db.port.confirm(&d->stage->db.port, asked[i]);
	}
	return n > 0;
}

static void one_that_is_too_heavy_does_not_take_the_others_with_it(void **state)
{
	struct stage *s = *state;
	struct slow_database d = {
		.port = {slow_confirm, slow_look, slow_settle}, .stage = s, .hook.before_sleep = answer_the_round};
	struct payment_completed e[MAX];
	hook_add(s->loop, &d.hook);
	s->batch.ports.reservations = &d.port;
	for (unsigned i = 0; i < MAX; i++) {
		e[i] = a_purchase(s);
		put(s, i, &e[i]);
	}
	d.heavy = e[9].order_no;
	event_batch_start(&s->batch, MAX);
	assert_false(run(s, 2500));
	for (unsigned i = 0; i < MAX; i++)
		if (i != 9) assert_paid_once(s, &e[i]);
	assert_int_equal(fake_order_find(&s->db, &e[9].order_no)->status, ORDER_READY);
	d.cured = true;
	assert_true(run(s, 5000));
	assert_paid_once(s, &e[9]);
	hook_remove(s->loop, &d.hook);
}

/* The database that answers the last of those who ask together first. */
static bool answer_backwards(struct hook *h)
{
	struct slow_database *d = container_of(h, struct slow_database, hook);
	struct reservation_confirm *asked[MAX];
	unsigned n = d->count;
	memcpy(asked, d->asked, sizeof asked);
	d->count = 0;
	d->rounds += n > 0;
	while (n-- > 0) d->stage->db.port.confirm(&d->stage->db.port, asked[n]);
	return d->count > 0;
}

static void of_one_seat_the_first_is_asked_before_the_others(void **state)
{
	struct stage *s = *state;
	struct slow_database d = {
		.port = {slow_confirm, slow_look, slow_settle}, .stage = s, .hook.before_sleep = answer_backwards};
	struct payment_completed first = a_purchase(s), other = a_purchase(s), e[4];
	hook_add(s->loop, &d.hook);
	s->batch.ports.reservations = &d.port;
	for (unsigned i = 0; i < 4; i++) e[i] = i == 1 ? other : an_event(s);
	e[0] = first;
	for (unsigned i = 2; i < 4; i++) {
		e[i].seat = first.seat;
		fake_order_add(&s->db, &e[i], ORDER_READY);
	}
	decide(s, e, 4);
	assert_int_equal(d.rounds, 2);
	assert_paid_once(s, &first);
	assert_paid_once(s, &other);
	for (unsigned i = 2; i < 4; i++) assert_given_back_once(s, &e[i]);
	hook_remove(s->loop, &d.hook);
}

static void a_batch_knows_which_seats_are_its(void **state)
{
	struct stage *s = *state;
	struct payment_completed e[2] = {a_purchase(s), a_purchase(s)};
	struct event_slot next[2] = {{.confirm.event = a_purchase(s)}, {.confirm.event = e[1]}};
	decide(s, e, 2);
	assert_true(event_batch_is_apart(&s->batch, next, 1));
	assert_false(event_batch_is_apart(&s->batch, next, 2));
	next[1].confirm.event.schedule++;
	assert_true(event_batch_is_apart(&s->batch, next, 2));
	next[1] = (struct event_slot){.confirm.event = e[1], .fault = "not_json"};
	assert_true(event_batch_is_apart(&s->batch, next, 2));
	decide(s, &next[0].confirm.event, 1);
	assert_true(event_batch_is_apart(&s->batch, &(struct event_slot){.confirm.event = e[0]}, 1));
}

static void refused_data_is_parked_and_its_neighbours_flow(void **state)
{
	struct stage *s = *state;
	for (int which = FAKE_CONFIRM; which <= FAKE_SETTLE; which++) {
		struct payment_completed e[3] = {an_event(s), an_event(s), a_purchase(s)};
		fake_order_add(&s->db, &e[0], ORDER_FAILED);
		fake_order_add(&s->db, &e[1], ORDER_FAILED);
		s->db.fault[which] = (struct fake_fault){.countdown = 1, .err = REFUSED};
		s->parked = 0;
		decide(s, e, 3);
		assert_int_equal(s->parked, 1);
		assert_int_equal(s->batch.slots[0].confirm.outcome, CONFIRM_PARKED);
		assert_string_equal(s->batch.slots[0].letter.reason, "refused_by_database");
		assert_given_back_once(s, &e[1]);
		assert_paid_once(s, &e[2]);
	}
}

static void fail_the_order(void *ctx)
{
	struct stage *s = ctx;
	fake_order_find(&s->db, &s->batch.slots[0].confirm.event.order_no)->status = ORDER_FAILED;
}

static void an_order_that_fails_between_look_and_settle_is_looked_at_again(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	fake_seat_add(&s->db, e.user, SHOW, &e.seat, ROW_HELD);
	s->db.before_settle = fail_the_order;
	s->db.ctx = s;
	decide(s, &e, 1);
	assert_given_back_once(s, &e);
	assert_int_equal(s->db.calls[FAKE_LOOK], 2);
	assert_string_equal(fake_order_find(&s->db, &e.order_no)->fail_reason, "LATE_PAYMENT");
}

static void facts_that_never_hold_still_are_tried_later(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	fake_seat_add(&s->db, e.user, SHOW, &e.seat, ROW_HELD);
	s->db.fault[FAKE_SETTLE] = (struct fake_fault){.countdown = 1, .times = 5, .err = {TK_CONFLICT, "test", "raced"}};
	decide(s, &e, 1);
	assert_int_equal(s->retried, 1);
	assert_int_equal(s->db.calls[FAKE_LOOK], 6);
	assert_paid_once(s, &e);
}

/* --- delivered again, in any order --- */

static void a_redelivery_makes_sure_of_what_follows(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	/* The first time everything after the commit was lost. */
	s->silent = true;
	s->seats.fault[FAKE_APPLY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	put(s, 0, &e);
	event_batch_start(&s->batch, 1);
	assert_false(run(s, 50));
	assert_null(copy_of(s, &e));
	event_batch_give_up(&s->batch);
	struct uuid first = s->events.event[0].reservation.event_id;
	event_batch_finish(&s->batch);
	event_batch_init(&s->batch, 3, MAX, &s->batch.ports, &s->batch.owner);
	s->silent = false;
	fake_event_out_init(&s->events);
	s->events.port.delivered = delivered;
	s->events.port.ctx = s;
	s->batch.ports.event_out = &s->events.port;
	decide(s, &e, 1);
	assert_int_equal(s->batch.slots[0].confirm.outcome, CONFIRM_DUPLICATE);
	assert_paid_once(s, &e);
	assert_sold_in_the_copy(s, &e);
	assert_true(uuid_equal(&s->events.event[0].reservation.event_id, &first));
}

static void the_loser_may_come_first_and_the_winner_late(void **state)
{
	struct stage *s = *state;
	for (int order = 0; order < 2; order++) {
		struct payment_completed a = a_purchase(s), b = an_event(s), mixed[6];
		b.seat = a.seat;
		fake_order_add(&s->db, &b, ORDER_READY);
		for (int i = 0; i < 6; i++) mixed[i] = (i + order) % 2 ? a : b;
		decide(s, mixed, 6);
		decide(s, mixed, 6);
		assert_paid_once(s, order ? &a : &b);
		assert_given_back_once(s, order ? &b : &a);
		assert_sold_in_the_copy(s, order ? &a : &b);
	}
}

/* --- what follows --- */

static void redis_away_stops_no_batch_and_the_copy_is_mended_later(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	s->seats.fault[FAKE_APPLY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	decide(s, &e, 1);
	assert_paid_once(s, &e);
	assert_int_equal(s->lost_count, 1);
	assert_int_equal(s->lost[0], SHOW);
	assert_null(copy_of(s, &e));
	/* As long as it is away, the database is not asked. */
	s->seats.fault[FAKE_SEAT_BIRTH] = (struct fake_fault){.countdown = 1, .times = 1000, .err = AWAY};
	for (int64_t end = loop_now_us() / 1000 + 3 * COPIES_PAUSE_MS; loop_now_us() / 1000 < end;) loop_turn(s->loop, 20);
	assert_int_equal(s->catalogue.calls[FAKE_CLAIMS], 0);
	s->seats.fault[FAKE_SEAT_BIRTH].countdown = 0;
	/* The first mending finds it away still. */
	s->catalogue.fault[FAKE_CLAIMS] = (struct fake_fault){.countdown = 1, .err = AWAY};
	fake_catalogue_claim(&s->catalogue, SHOW, 1, CLAIM_SOLD, e.user, 1);
	int64_t until = loop_now_us() / 1000 + 5000;
	while (s->mend.count && loop_now_us() / 1000 < until) loop_turn(s->loop, 20);
	assert_int_equal(s->mend.count, 0);
	assert_sold_in_the_copy(s, &e);
}

static void nothing_ends_before_kafka_has_it(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	s->silent = true;
	put(s, 0, &e);
	event_batch_start(&s->batch, 1);
	assert_false(run(s, 200));
	assert_paid_once(s, &e);
	assert_int_equal(s->events.count, 1);
	s->silent = false;
	assert_true(run(s, 1000));
}

static void what_kafka_refuses_or_loses_is_published_again(void **state)
{
	struct stage *s = *state;
	struct payment_completed e[4];
	for (int i = 0; i < 4; i++) e[i] = i == 3 ? an_event(s) : a_purchase(s); /* the last is unknown: a dead letter */
	s->events.refuse_in = 2;
	s->events.refuse_for = 5;
	s->events.fail_in = 1;
	s->events.fail_for = 3;
	decide(s, e, 4);
	assert_true(s->retried >= 1);
	assert_int_equal(s->events.count, 4 + 3);
	assert_int_equal(s->db.calls[FAKE_CONFIRM], 4);
	assert_true(published(s, FAKE_DEAD_LETTER) >= 1);
}

static void a_dead_letter_is_the_message_as_it_came(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	put(s, 0, &e);
	put(s, 1, &e);
	s->batch.slots[1].fault = "not_json";
	s->batch.slots[1].letter.value = "\xff{";
	event_batch_start(&s->batch, 2);
	assert_true(run(s, 5000));
	assert_paid_once(s, &e);
	assert_int_equal(s->db.calls[FAKE_CONFIRM], 1);
	assert_int_equal(s->parked, 1);
	assert_int_equal(published(s, FAKE_DEAD_LETTER), 1);
	for (unsigned i = 0; i < s->events.count; i++) {
		const struct fake_event *f = &s->events.event[i];
		if (f->kind != FAKE_DEAD_LETTER) continue;
		assert_string_equal(f->dead_letter.reason, "not_json");
		assert_memory_equal(f->value, "\xff{", 2);
		assert_int_equal(f->dead_letter.partition, 4);
		assert_int_equal(f->dead_letter.offset, 1);
	}
}

static void a_dead_letter_topic_that_is_away_holds_the_batch(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = an_event(s);
	s->events.refuse_in = 1;
	s->events.refuse_for = 1000;
	put(s, 0, &e);
	event_batch_start(&s->batch, 1);
	assert_false(run(s, 400));
	assert_int_equal(s->events.count, 0);
	s->events.refuse_in = 0;
	assert_true(run(s, 5000));
	assert_int_equal(published(s, FAKE_DEAD_LETTER), 1);
}

/* By the broker, or by publish itself: whole, then without its value, then bare; and then the batch goes on. */
static void a_letter_that_is_too_large_goes_cut_and_stops_nothing(void **state)
{
	struct stage *s = *state;
	static const char BIG[1000] = "{";
	const struct {
		size_t limit;
		unsigned cuts;
	} step[] = {{500, 1}, {3, 2}};
	for (int k = 0; k < 4; k++) {
		struct payment_completed e = a_purchase(s);
		s->events.count = s->cut = s->retried = 0;
		s->events.too_large = step[k / 2].limit;
		s->events.too_large_here = k % 2;
		put(s, 0, &e);
		put(s, 1, &e);
		s->batch.slots[0].fault = "not_json";
		s->batch.slots[0].letter.value = BIG;
		s->batch.slots[0].letter.value_len = sizeof BIG;
		event_batch_start(&s->batch, 2);
		assert_true(run(s, 5000));
		assert_paid_once(s, &e);
		assert_int_equal(s->cut, step[k / 2].cuts);
		assert_int_equal(s->retried, 0);
		assert_int_equal(s->batch.slots[0].letter.cut, step[k / 2].cuts);
		assert_int_equal(published(s, FAKE_DEAD_LETTER), k % 2 ? 1 : 1 + step[k / 2].cuts);
	}
}

static void a_letter_refused_at_any_size_is_given_up(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = an_event(s);
	put(s, 0, &e);
	s->batch.slots[0].letter.cut = LETTER_WHOLE;
	event_batch_start(&s->batch, 1);
	for (int i = 0; i < 50 && s->batch.busy; i++) {
		loop_turn(s->loop, 5);
		for (unsigned k = 0; k < s->events.count; k++) s->events.event[k].delivery = DELIVERY_REFUSED;
		fake_event_out_report(&s->events);
	}
	assert_false(s->batch.busy);
	assert_int_equal(s->cut, LETTER_CUTS);
	assert_int_equal(published(s, FAKE_DEAD_LETTER), LETTER_CUTS);
}

static void given_up_it_asks_for_nothing_more(void **state)
{
	struct stage *s = *state;
	struct payment_completed e = a_purchase(s);
	s->db.fault[FAKE_CONFIRM] = (struct fake_fault){.countdown = 1, .times = 1000, .err = AWAY};
	put(s, 0, &e);
	event_batch_start(&s->batch, 1);
	assert_false(run(s, 200));
	event_batch_give_up(&s->batch);
	loop_turn(s->loop, 0);
	unsigned calls = s->db.calls[FAKE_CONFIRM];
	assert_false(run(s, 300));
	assert_int_equal(s->db.calls[FAKE_CONFIRM], calls);
	assert_int_equal(s->finished, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		T(a_confirmation_is_copied_and_announced_before_the_batch_ends),
		T(no_single_fault_changes_the_outcome),
		T(a_database_away_is_waited_for_and_nothing_is_parked),
		T(a_confirmation_whose_reply_was_lost_is_no_duplicate),
		T(only_what_failed_is_tried_again),
		T(one_that_is_too_heavy_does_not_take_the_others_with_it),
		T(of_one_seat_the_first_is_asked_before_the_others),
		T(a_batch_knows_which_seats_are_its),
		T(refused_data_is_parked_and_its_neighbours_flow),
		T(an_order_that_fails_between_look_and_settle_is_looked_at_again),
		T(facts_that_never_hold_still_are_tried_later),
		T(a_redelivery_makes_sure_of_what_follows),
		T(the_loser_may_come_first_and_the_winner_late),
		T(redis_away_stops_no_batch_and_the_copy_is_mended_later),
		T(nothing_ends_before_kafka_has_it),
		T(what_kafka_refuses_or_loses_is_published_again),
		T(a_dead_letter_is_the_message_as_it_came),
		T(a_dead_letter_topic_that_is_away_holds_the_batch),
		T(a_letter_that_is_too_large_goes_cut_and_stops_nothing),
		T(a_letter_refused_at_any_size_is_given_up),
		T(given_up_it_asks_for_nothing_more),
	};
	return cmocka_run_group_tests_name("confirm_reservation", tests, NULL, NULL);
}
