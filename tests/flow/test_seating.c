#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/jobs/hub.h"
#include "runtime/mem.h"
#include "support/backstage_world.h"

/* Two shards and the backstage thread's parts, all turned by the test, so that it decides what happens when; the last
 * tests have threads. */

static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};
enum { SHARDS = 2, SHOW = 7 };

struct place {
	struct backstage_world w;
	struct loop *loop[SHARDS];
	struct seating *seating[SHARDS];
};

static int make(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	world_init(&p->w);
	for (int i = 0; i < SHARDS; i++) {
		p->loop[i] = loop_create();
		p->seating[i] = seating_create(p->w.backstage, p->loop[i]);
	}
	fake_catalogue_add(&p->w.catalogue, SHOW, 10);
	*state = p;
	return 0;
}

static int discard(void **state)
{
	struct place *p = *state;

	backstage_stop(p->w.backstage);
	for (int i = 0; i < SHARDS; i++) seating_destroy(p->seating[i]);
	for (int i = 0; i < SHARDS; i++) loop_destroy(p->loop[i]);
	world_finish(&p->w);
	free(p);
	return 0;
}

static void turn(struct place *p)
{
	loop_turn(p->w.loop, 1);
	for (int i = 0; i < SHARDS; i++) loop_turn(p->loop[i], 0);
}

static void turn_for(struct place *p, int ms)
{
	int64_t end = loop_now_us() / 1000 + ms;

	do turn(p);
	while (loop_now_us() / 1000 < end);
}

/* Somebody who asks and remembers the answer. */
struct visitor {
	struct flow flow;
	struct seating *seating;
	struct seating_ask ask;
	struct backstage_stats_ask stats;
	struct tk_err err;
	bool answered, map_there;
};

static void ask(struct flow *f)
{
	struct visitor *v = container_of(f, struct visitor, flow);

	v->ask.call.flow = f;
	seating_ask(v->seating, &v->ask);
}

static void ask_stats(struct flow *f)
{
	struct visitor *v = container_of(f, struct visitor, flow);

	v->stats.call.flow = f;
	backstage_stats(v->seating, &v->stats);
}

static int answered(struct flow *f)
{
	struct visitor *v = container_of(f, struct visitor, flow);

	v->err = f->err;
	v->answered = true;
	v->map_there = seating_map(v->seating, v->ask.schedule) != NULL;
	return FLOW_END;
}

static void ignore(struct flow *f)
{
	(void)f;
}

static const struct flow_step ASK[] = {{"ask", ask, answered}};
static const struct flow_step STATS[] = {{"ask_stats", ask_stats, answered}};

static void come(struct place *p, struct visitor *v, int shard, int64_t schedule, enum seating_need need)
{
	*v = (struct visitor){.seating = p->seating[shard], .ask = {.schedule = schedule, .need = need}};
	flow_start(&v->flow, ASK, 0, ignore);
}

static void wait_for(struct place *p, const struct visitor *v)
{
	for (int i = 0; i < 3000 && !v->answered; i++) turn(p);
	assert_true(v->answered);
}

static bool find(struct place *p, int shard, int64_t schedule, enum seating_need need)
{
	struct visitor v;

	come(p, &v, shard, schedule, need);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_OK);
	return v.ask.found;
}

static unsigned status_of(struct place *p, int shard, unsigned seat)
{
	const struct seat_map *m = seating_map(p->seating[shard], SHOW);

	return m ? m->status[seat - 1] : 99;
}

static void hold(struct place *p, unsigned seat)
{
	struct seat_no no = fake_seat_no(seat);

	fake_seat_lock_set(&p->w.seats, SHOW, &no, 1, 60000);
}

/* --- rows --- */

static void a_schedule_is_looked_up_once_for_all_shards(void **state)
{
	struct place *p = *state;

	assert_null(seating_find(p->seating[0], SHOW));
	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	turn(p);
	assert_non_null(seating_find(p->seating[1], SHOW));
	assert_int_equal(seating_find(p->seating[1], SHOW)->plan->count, 10);
	assert_true(find(p, 1, SHOW, NEED_SCHEDULE));
	assert_int_equal(p->w.catalogue.calls[FAKE_SCHEDULE], 1);
}

static void a_hundred_asks_are_one_flight(void **state)
{
	struct place *p = *state;
	struct visitor v[100];

	for (int i = 0; i < 100; i++) come(p, &v[i], i % SHARDS, SHOW, NEED_SCHEDULE);
	for (int i = 0; i < 100; i++) wait_for(p, &v[i]);
	for (int i = 0; i < 100; i++) assert_true(v[i].ask.found);
	assert_int_equal(p->w.catalogue.calls[FAKE_SCHEDULE], 1);
}

static void an_unknown_schedule_is_looked_up_each_time(void **state)
{
	struct place *p = *state;

	assert_false(find(p, 0, 404, NEED_SCHEDULE));
	assert_false(find(p, 0, 404, NEED_MAP));
	assert_int_equal(p->w.catalogue.calls[FAKE_SCHEDULE], 2);
	fake_catalogue_add(&p->w.catalogue, 404, 1);
	assert_true(find(p, 0, 404, NEED_SCHEDULE));
}

static void who_asks_during_a_look_up_is_not_told_of_the_time_before(void **state)
{
	struct place *p = *state;
	struct visitor early, late;

	p->w.catalogue.desk.held = true;
	come(p, &early, 0, 404, NEED_SCHEDULE);
	turn_for(p, 20);
	fake_catalogue_add(&p->w.catalogue, 404, 1);
	come(p, &late, 1, 404, NEED_SCHEDULE);
	turn_for(p, 20);
	p->w.catalogue.desk.held = false;
	wait_for(p, &early);
	wait_for(p, &late);
	assert_false(early.ask.found);
	assert_true(late.ask.found);
}

static void a_changed_row_arrives_within_a_second(void **state)
{
	struct place *p = *state;

	job_start(p->w.backstage->job[JOB_POLL_ROWS]);
	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	fake_catalogue_show(&p->w.catalogue, SHOW)->row.status = SCHEDULE_CLOSED;
	turn_for(p, 900);
	for (int i = 0; i < SHARDS; i++) {
		assert_int_equal(seating_find(p->seating[i], SHOW)->schedule.status, SCHEDULE_CLOSED);
	}
}

static void a_deleted_row_is_gone_within_a_second(void **state)
{
	struct place *p = *state;

	job_start(p->w.backstage->job[JOB_POLL_ROWS]);
	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	fake_catalogue_show(&p->w.catalogue, SHOW)->row.id = 0;
	turn_for(p, 900);
	assert_null(seating_find(p->seating[0], SHOW));
	assert_false(find(p, 0, SHOW, NEED_SCHEDULE));
}

static void holds_go_on_while_the_database_is_away_for_ten_seconds(void **state)
{
	struct place *p = *state;
	struct visitor v;

	job_start(p->w.backstage->job[JOB_POLL_ROWS]);
	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	p->w.catalogue.fault[FAKE_POLL] = (struct fake_fault){.countdown = 1, .times = 1000, .err = AWAY};
	p->w.catalogue.fault[FAKE_SCHEDULE] = p->w.catalogue.fault[FAKE_POLL];
	turn_for(p, 8500);
	assert_non_null(seating_find(p->seating[0], SHOW));
	turn_for(p, 2500);
	assert_null(seating_find(p->seating[0], SHOW));
	come(p, &v, 0, SHOW, NEED_SCHEDULE);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
	p->w.catalogue.fault[FAKE_POLL].countdown = 0;
	turn_for(p, 700);
	assert_non_null(seating_find(p->seating[0], SHOW));
}

static void a_row_that_is_polled_stays_good(void **state)
{
	struct place *p = *state;

	job_start(p->w.backstage->job[JOB_POLL_ROWS]);
	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	for (int i = 0; i < 110; i++) {
		turn_for(p, 100);
		assert_non_null(seating_find(p->seating[1], SHOW));
	}
	assert_int_equal(p->w.catalogue.calls[FAKE_SCHEDULE], 1);
}

static void a_seat_that_the_plan_lacks_is_looked_up_again(void **state)
{
	struct place *p = *state;
	struct seat_no late = fake_seat_no(11);

	assert_true(find(p, 0, SHOW, NEED_SCHEDULE));
	fake_catalogue_show(&p->w.catalogue, SHOW)->seats = 11;
	turn_for(p, 250);
	assert_true(find(p, 0, SHOW, NEED_PLAN));
	assert_int_equal(seat_plan_find(seating_find(p->seating[0], SHOW)->plan, &late), 10);
	assert_true(find(p, 0, SHOW, NEED_PLAN)); /* just looked: not again */
	assert_int_equal(p->w.catalogue.calls[FAKE_SCHEDULE], 2);
}

/* --- maps --- */

static void a_map_loads_what_redis_has_forgotten(void **state)
{
	struct place *p = *state;

	fake_catalogue_claim(&p->w.catalogue, SHOW, 3, CLAIM_SOLD, 5, 1);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	assert_int_equal(status_of(p, 0, 3), SEAT_SOLD_OUT);
	assert_int_equal(status_of(p, 0, 4), SEAT_AVAILABLE);
	assert_int_equal(p->w.catalogue.calls[FAKE_CLAIMS], 1);
}

static void holds_and_maps_share_one_load(void **state)
{
	struct place *p = *state;
	struct visitor v[20];

	for (int i = 0; i < 20; i++) come(p, &v[i], i % SHARDS, SHOW, i < 18 ? NEED_RELOAD : NEED_MAP);
	for (int i = 0; i < 20; i++) wait_for(p, &v[i]);
	for (int i = 0; i < 20; i++) assert_int_equal(v[i].err.kind, TK_OK);
	assert_int_equal(p->w.catalogue.calls[FAKE_CLAIMS], 1);
}

static void a_map_is_never_more_than_a_second_behind(void **state)
{
	struct place *p = *state;

	fake_seat_lock_load(&p->w.seats, SHOW);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	for (unsigned seat = 1; seat <= 4; seat++) {
		int64_t held_ms = loop_now_us() / 1000;
		unsigned status;

		hold(p, seat);
		do { /* a reader that only looks, every few ms */
			turn_for(p, 5);
			if (!seating_map(p->seating[0], SHOW)) assert_true(find(p, 0, SHOW, NEED_MAP));
			status = status_of(p, 0, seat);
			if (loop_now_us() / 1000 - held_ms > 1000) assert_int_equal(status, SEAT_HOLD);
		} while (status != SEAT_HOLD);
	}
	assert_true(p->w.seats.calls[FAKE_READ] < 20);
}

static void a_map_that_cannot_be_confirmed_is_not_served(void **state)
{
	struct place *p = *state;
	struct visitor v;

	fake_seat_lock_load(&p->w.seats, SHOW);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	turn_for(p, 1000);
	assert_null(seating_map(p->seating[0], SHOW));
	turn_for(p, 20); /* that look asked for the next one */
	assert_non_null(seating_map(p->seating[0], SHOW));
	turn_for(p, 1000);
	p->w.seats.fault[FAKE_READ] = (struct fake_fault){.countdown = 1, .err = AWAY};
	come(p, &v, 0, SHOW, NEED_MAP);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
	assert_true(find(p, 0, SHOW, NEED_MAP));
}

static void a_load_that_fails_is_unavailable_and_tried_again(void **state)
{
	struct place *p = *state;
	struct visitor v;

	p->w.catalogue.fault[FAKE_CLAIMS] = (struct fake_fault){.countdown = 1, .err = AWAY};
	come(p, &v, 0, SHOW, NEED_RELOAD);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
	p->w.seats.fault[FAKE_APPLY] = (struct fake_fault){.countdown = 1, .err = {TK_UNCERTAIN, "test", "lost"}};
	come(p, &v, 0, SHOW, NEED_RELOAD);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
	assert_true(find(p, 0, SHOW, NEED_RELOAD));
}

static void a_load_across_a_restart_of_redis_is_not_believed(void **state)
{
	struct place *p = *state;
	struct visitor v;

	p->w.catalogue.desk.held = true;
	come(p, &v, 0, SHOW, NEED_RELOAD);
	turn_for(p, 20);
	fake_seat_lock_lose(&p->w.seats);
	p->w.catalogue.desk.held = false;
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
}

static void added_seats_appear_in_maps_in_use(void **state)
{
	struct place *p = *state;

	fake_seat_lock_load(&p->w.seats, SHOW);
	job_start(p->w.backstage->job[JOB_REFRESH_PLANS]);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	fake_catalogue_show(&p->w.catalogue, SHOW)->seats = 12;
	for (int i = 0; i < 25; i++) {
		turn_for(p, 100);
		seating_map(p->seating[0], SHOW);
	}
	assert_int_equal(seating_map(p->seating[0], SHOW)->plan->count, 12);
}

/* --- streams --- */

struct listener {
	struct seating_watch watch;
	struct seating *seating;
	unsigned told;
	uint64_t version;
	char delta[200];
	bool leaves;
};

static void changed(struct seating_watch *w, struct seat_map *m)
{
	struct listener *l = container_of(w, struct listener, watch);

	l->told++;
	l->version = m->version;
	snprintf(l->delta, sizeof l->delta, "%.*s", (int)m->delta_len, m->delta ? m->delta : "");
	if (l->leaves) seating_unwatch(l->seating, w);
}

static void listen_to(struct place *p, struct listener *l, int shard)
{
	*l = (struct listener){.watch = {.schedule = SHOW, .changed = changed}, .seating = p->seating[shard]};
	seating_watch(p->seating[shard], &l->watch);
}

static void listeners_are_told_of_each_version_and_of_nothing_else(void **state)
{
	struct place *p = *state;
	struct listener a, b;
	unsigned reads;

	fake_seat_lock_load(&p->w.seats, SHOW);
	job_start(p->w.backstage->job[JOB_FOLLOW_MAPS]);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	listen_to(p, &a, 0);
	listen_to(p, &b, 1);
	turn_for(p, 1200);
	assert_int_equal(a.told, 0);
	hold(p, 2);
	turn_for(p, 900);
	assert_int_equal(a.told, 1);
	assert_int_equal(b.told, 1);
	assert_int_equal(a.version, 2);
	assert_string_equal(a.delta, "[{\"seatNo\":\"A-2\",\"status\":\"HOLD\"}]");
	seating_unwatch(a.seating, &a.watch);
	hold(p, 3);
	turn_for(p, 900);
	assert_int_equal(a.told, 1);
	assert_int_equal(b.told, 2);
	seating_unwatch(b.seating, &b.watch);
	turn_for(p, 50);
	reads = p->w.seats.calls[FAKE_READ];
	turn_for(p, 1100);
	assert_int_equal(p->w.seats.calls[FAKE_READ], reads);
}

static void a_listener_may_leave_while_it_is_told(void **state)
{
	struct place *p = *state;
	struct listener l[3];

	fake_seat_lock_load(&p->w.seats, SHOW);
	job_start(p->w.backstage->job[JOB_FOLLOW_MAPS]);
	for (int i = 0; i < 3; i++) listen_to(p, &l[i], 0);
	l[0].leaves = l[1].leaves = l[2].leaves = true;
	turn_for(p, 900);
	for (int i = 0; i < 3; i++) assert_int_equal(l[i].told, 1);
}

/* --- mending --- */

static void a_change_that_redis_missed_is_mended(void **state)
{
	struct place *p = *state;

	fake_seat_lock_load(&p->w.seats, SHOW);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	fake_catalogue_claim(&p->w.catalogue, SHOW, 5, CLAIM_SOLD, 9, 4);
	assert_int_equal(status_of(p, 0, 5), SEAT_AVAILABLE);
	job_start(p->w.backstage->job[JOB_MEND]);
	p->w.seats.fault[FAKE_APPLY] = (struct fake_fault){.countdown = 1, .err = AWAY};
	seating_mend(p->seating[1], SHOW);
	turn_for(p, 3500); /* the first try fails, the mark stays */
	assert_int_equal(p->w.seats.calls[FAKE_APPLY], 2);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	assert_int_equal(status_of(p, 0, 5), SEAT_SOLD_OUT);
	turn_for(p, 1600);
	assert_int_equal(p->w.seats.calls[FAKE_APPLY], 2); /* and not again before its time */
}

static void of_seats_that_are_rightly_sold_few_are_merged_again(void **state)
{
	enum { SOLD = 8 };
	struct place *p = *state;

	fake_seat_lock_load(&p->w.seats, SHOW);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	for (unsigned i = 1; i <= SOLD; i++) fake_catalogue_claim(&p->w.catalogue, SHOW, i, CLAIM_SOLD, 9, i);
	fake_catalogue_claim(&p->w.catalogue, SHOW, SOLD + 1, CLAIM_PENDING, 8, SOLD + 1);
	job_start(p->w.backstage->job[JOB_MEND]);
	seating_mend(p->seating[1], SHOW);
	turn_for(p, 1500);
	assert_int_equal(p->w.seats.changes, SOLD + 1); /* all were missed */
	p->w.seats.changes = 0;
	seating_mend(p->seating[1], SHOW);
	turn_for(p, 1500);
	assert_in_range(p->w.seats.changes, 1, 1 + 1); /* the pending one, and perhaps one whose turn it is */
}

/* By what a comparison took, here 100 ms of waiting for Redis; but what missed a change is compared at once. */
static void comparing_takes_a_twentieth_of_the_time(void **state)
{
	enum { TOOK_MS = 100, REST = 20, AHEAD_MS = 500, OTHER = SHOW + 1, MISSED = SHOW + 2 };
	struct place *p = *state;
	const unsigned *compared = &p->w.catalogue.calls[FAKE_CLAIMS];

	for (int64_t s = SHOW; s <= MISSED; s++) {
		if (s != SHOW) fake_catalogue_add(&p->w.catalogue, s, 10);
		fake_seat_lock_load(&p->w.seats, s);
		assert_true(find(p, 0, s, NEED_SCHEDULE));
		hub_find(p->w.backstage->hub, s)->mend_tried_ms -= s == MISSED ? 2000 : 40000 - s;
	}
	p->w.seats.desk.held = true;
	job_start(p->w.backstage->job[JOB_MEND]);
	for (int i = 0; i < 3000 && !p->w.seats.calls[FAKE_READ]; i++) turn(p);
	int64_t began_ms = loop_now_us() / 1000, until_ms = began_ms + 10000;
	turn_for(p, TOOK_MS);
	p->w.seats.desk.held = false;
	seating_mend(p->seating[1], MISSED);
	while (*compared < 2 && loop_now_us() / 1000 < until_ms) turn(p);
	assert_true(hub_find(p->w.backstage->hub, OTHER)->mend_tried_ms < began_ms);
	while (*compared < 3 && loop_now_us() / 1000 < until_ms) turn(p);
	assert_int_equal(*compared, 3);
	assert_true(hub_find(p->w.backstage->hub, OTHER)->mend_tried_ms - began_ms >= REST * TOOK_MS - AHEAD_MS - 50);
	while (p->w.backstage->job[JOB_MEND]->running) turn(p);
}

static void users_whose_holds_have_ended_are_forgotten_by_the_way(void **state)
{
	struct place *p = *state;
	struct seat_no no = fake_seat_no(1);

	fake_seat_lock_load(&p->w.seats, SHOW);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	p->w.seats.locks = mem_must(calloc(1, sizeof *p->w.seats.locks));
	p->w.seats.locks[p->w.seats.lock_count++] = (struct fake_lock){
		.schedule = SHOW, .user = 7, .seat = no, .listed = true, .expires_ms = p->w.seats.now_ms - 1};
	p->w.seats.fault[FAKE_PRUNE] = (struct fake_fault){.countdown = 1, .err = AWAY};
	seating_mend(p->seating[1], SHOW);
	job_start(p->w.backstage->job[JOB_MEND]);
	turn_for(p, 1500); /* failing, it keeps nothing from being mended */
	assert_int_equal(p->w.seats.calls[FAKE_PRUNE], 1);
	assert_int_equal(p->w.seats.lock_count, 1);
	seating_mend(p->seating[1], SHOW);
	turn_for(p, 2500);
	assert_int_equal(p->w.seats.calls[FAKE_PRUNE], 2);
	assert_int_equal(p->w.seats.lock_count, 0);
}

static void an_older_truth_changes_nothing(void **state)
{
	struct place *p = *state;

	fake_catalogue_claim(&p->w.catalogue, SHOW, 5, CLAIM_SOLD, 9, 4);
	assert_true(find(p, 0, SHOW, NEED_RELOAD));
	fake_catalogue_claim(&p->w.catalogue, SHOW, 5, CLAIM_FREE, 0, 3);
	job_start(p->w.backstage->job[JOB_MEND]);
	seating_mend(p->seating[1], SHOW);
	turn_for(p, 1800);
	assert_true(find(p, 0, SHOW, NEED_MAP));
	assert_int_equal(status_of(p, 0, 5), SEAT_SOLD_OUT);
}

/* --- numbers --- */

static void a_scrape_gets_a_count_that_began_after_it_asked(void **state)
{
	struct place *p = *state;
	struct visitor v = {.seating = p->seating[0]}, w = {.seating = p->seating[1]};

	p->w.outbox.desk.held = true;
	flow_start(&v.flow, STATS, 0, ignore);
	turn_for(p, 20);
	fake_outbox_add(&p->w.outbox, 3);
	flow_start(&w.flow, STATS, 0, ignore);
	turn_for(p, 20);
	p->w.outbox.desk.held = false;
	wait_for(p, &v);
	wait_for(p, &w);
	assert_int_equal(v.err.kind, TK_OK);
	assert_int_equal(w.err.kind, TK_OK);
	assert_int_equal(p->w.outbox.calls[FAKE_STATS], 2);
	assert_int_equal(backlog_rows(backstage_backlog(p->w.backstage)), 3);
}

static void a_scrape_waits_half_a_second_at_most(void **state)
{
	struct place *p = *state;
	struct visitor v = {.seating = p->seating[0]}, w = {.seating = p->seating[1]};
	int64_t began = loop_now_us();

	p->w.outbox.desk.held = true;
	flow_start(&v.flow, STATS, 0, ignore);
	turn_for(p, 100);
	flow_start(&w.flow, STATS, 0, ignore);
	wait_for(p, &v);
	assert_int_equal(v.err.kind, TK_UNAVAILABLE);
	assert_in_range((loop_now_us() - began) / 1000, 450, 600);
	assert_false(w.answered);
	wait_for(p, &w);
	assert_int_equal(w.err.kind, TK_UNAVAILABLE);
	assert_in_range((loop_now_us() - began) / 1000, 550, 700);
}

/* --- threads --- */

enum { ROUNDS = 400 };
struct shard {
	struct place *p;
	int number;
	pthread_t thread;
	unsigned answers, refusals;
};

static void *visit(void *arg)
{
	struct shard *s = arg;
	struct place *p = s->p;
	struct listener l;
	unsigned seed = (unsigned)s->number;

	listen_to(p, &l, s->number);
	for (int i = 0; i < ROUNDS; i++) {
		struct visitor v;
		const struct seating_entry *e;

		come(p, &v, s->number, rand_r(&seed) % 3 ? SHOW : 404 + i % 2, (enum seating_need)(rand_r(&seed) % 4));
		while (!v.answered) loop_turn(p->loop[s->number], 10);
		s->answers++;
		s->refusals += v.err.kind != TK_OK;
		if ((e = seating_find(p->seating[s->number], SHOW))) s->answers += e->plan->count == 0;
		if (i % 50 == 0) seating_mend(p->seating[s->number], SHOW);
	}
	seating_unwatch(p->seating[s->number], &l.watch);
	return NULL;
}

static void break_things(struct backstage_world *w, void *arg)
{
	int i = *(int *)arg;

	if (i % 3 == 0) fake_seat_lock_lose(&w->seats);
	if (i % 4 == 0) w->catalogue.fault[i % FAKE_CATALOGUE_CALLS] = (struct fake_fault){.countdown = 1, .err = AWAY};
	if (i == 20) fake_catalogue_add(&w->catalogue, 404, 3);
	fake_catalogue_claim(&w->catalogue, SHOW, (unsigned)i % 10 + 1, CLAIM_SOLD, 1, i + 1);
	w->outbox.to_expire += 600;
	fake_outbox_add(&w->outbox, 50);
}

static void shards_in_threads_are_all_answered(void **state)
{
	struct place *p = *state;
	struct shard s[SHARDS];

	assert_true(backstage_start(p->w.backstage));
	for (int i = 0; i < SHARDS; i++) {
		s[i] = (struct shard){.p = p, .number = i};
		assert_int_equal(pthread_create(&s[i].thread, NULL, visit, &s[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		world_on_thread(&p->w, break_things, &i);
		usleep(20000);
	}
	for (int i = 0; i < SHARDS; i++) {
		pthread_join(s[i].thread, NULL);
		assert_int_equal(s[i].answers, ROUNDS);
		assert_true(s[i].refusals < ROUNDS / 4);
	}
	backstage_stop(p->w.backstage);
}

static void let_go(struct backstage_world *w, void *arg)
{
	(void)arg;
	w->catalogue.desk.held = false;
}

static void asks_under_way_are_answered_when_the_thread_stops(void **state)
{
	struct place *p = *state;
	struct visitor v[10];

	p->w.catalogue.desk.held = true;
	for (int i = 0; i < 10; i++) come(p, &v[i], i % SHARDS, SHOW, NEED_MAP);
	assert_true(backstage_start(p->w.backstage));
	usleep(50000);
	world_on_thread(&p->w, let_go, NULL);
	backstage_stop(p->w.backstage);
	for (int i = 0; i < SHARDS; i++) loop_turn(p->loop[i], 0);
	for (int i = 0; i < 10; i++) assert_true(v[i].answered);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, discard)
	const struct CMUnitTest tests[] = {
		TEST(a_schedule_is_looked_up_once_for_all_shards),
		TEST(a_hundred_asks_are_one_flight),
		TEST(an_unknown_schedule_is_looked_up_each_time),
		TEST(who_asks_during_a_look_up_is_not_told_of_the_time_before),
		TEST(a_changed_row_arrives_within_a_second),
		TEST(a_deleted_row_is_gone_within_a_second),
		TEST(a_row_that_is_polled_stays_good),
		TEST(a_seat_that_the_plan_lacks_is_looked_up_again),
		TEST(a_map_loads_what_redis_has_forgotten),
		TEST(holds_and_maps_share_one_load),
		TEST(a_map_is_never_more_than_a_second_behind),
		TEST(a_map_that_cannot_be_confirmed_is_not_served),
		TEST(a_load_that_fails_is_unavailable_and_tried_again),
		TEST(a_load_across_a_restart_of_redis_is_not_believed),
		TEST(added_seats_appear_in_maps_in_use),
		TEST(listeners_are_told_of_each_version_and_of_nothing_else),
		TEST(a_listener_may_leave_while_it_is_told),
		TEST(a_change_that_redis_missed_is_mended),
		TEST(comparing_takes_a_twentieth_of_the_time),
		TEST(of_seats_that_are_rightly_sold_few_are_merged_again),
		TEST(users_whose_holds_have_ended_are_forgotten_by_the_way),
		TEST(an_older_truth_changes_nothing),
		TEST(a_scrape_gets_a_count_that_began_after_it_asked),
		TEST(a_scrape_waits_half_a_second_at_most),
		TEST(shards_in_threads_are_all_answered),
		TEST(asks_under_way_are_answered_when_the_thread_stops),
		TEST(holds_go_on_while_the_database_is_away_for_ten_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
