#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/buf.h"
#include "support/backstage_world.h"

static const struct tk_err AWAY = {TK_UNAVAILABLE, "test", "away"};

static int make(void **state)
{
	static struct backstage_world w;

	world_init(&w);
	*state = &w;
	return 0;
}

static int discard(void **state)
{
	world_finish(*state);
	return 0;
}

static void start_relay(struct backstage_world *w)
{
	job_start(w->backstage->job[JOB_RELAY]);
}

static bool all_cleared(struct backstage_world *w)
{
	return w->outbox.first_left == w->outbox.row_count;
}

static int64_t counted(const char *line)
{
	struct buf b;
	const char *at;
	int64_t n;

	buf_init(&b, NULL);
	metrics_render(&b, false);
	at = strstr(buf_cstr(&b), line);
	n = at ? strtol(at + strlen(line), NULL, 10) : -1;
	buf_finish(&b);
	return n;
}

static void due_rows_go_out_once_and_are_cleared(void **state)
{
	struct backstage_world *w = *state;

	fake_outbox_add(&w->outbox, 250);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 3000));
	assert_int_equal(w->broker.published, 250);
	assert_int_equal(counted("\nticket_payment_events_total{path=\"relay\"} "), 250);
	assert_int_equal(backlog_rows(backstage_backlog(w->backstage)), -250); /* as nobody has counted yet */
}

static void an_event_keeps_its_id(void **state)
{
	struct backstage_world *w = *state;

	w->broker.holds = true;
	fake_outbox_add(&w->outbox, 3);
	start_relay(w);
	world_turn_for(w, 300);
	assert_int_equal(w->broker.count, 3);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(fake_event_row(&w->broker.reports[i].id), i);
}

static void a_backlog_goes_within_five_seconds(void **state)
{
	struct backstage_world *w = *state;

	fake_outbox_add(&w->outbox, 60000);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 5000));
	assert_int_equal(w->broker.published, 60000);
}

static void without_reports_one_window_is_leased(void **state)
{
	struct backstage_world *w = *state;

	w->broker.holds = true;
	fake_outbox_add(&w->outbox, 5000);
	start_relay(w);
	world_turn_for(w, 1000);
	assert_int_equal(fake_outbox_leased(&w->outbox), 100);
	w->broker.holds = false;
	assert_true(world_turn_until(w, all_cleared, 3000));
	assert_int_equal(w->broker.published, 5000);
}

static void while_kafka_is_known_to_be_away_nothing_is_leased(void **state)
{
	struct backstage_world *w = *state;

	w->broker.away = true;
	fake_outbox_add(&w->outbox, 5000);
	start_relay(w);
	world_turn_for(w, 500);
	assert_int_equal(w->outbox.calls[FAKE_LEASE], 0);
	w->broker.away = false;
	assert_true(world_turn_until(w, all_cleared, 3000));
}

static void a_broker_that_refuses_gets_one_window_a_second(void **state)
{
	struct backstage_world *w = *state;

	w->broker.refuses = true;
	w->backstage->lease_ms = 500;
	fake_outbox_add(&w->outbox, 5000);
	start_relay(w);
	world_turn_for(w, 1100);
	assert_int_equal(fake_outbox_leased(&w->outbox), 100);
	assert_int_equal(fake_outbox_left(&w->outbox), 5000);
	w->broker.refuses = false;
	assert_true(world_turn_until(w, all_cleared, 4000));
}

static void a_failure_in_mid_backlog_shrinks_the_windows(void **state)
{
	struct backstage_world *w = *state;
	unsigned published;

	fake_outbox_add(&w->outbox, 20000);
	start_relay(w);
	while (w->broker.published < 8000) loop_turn(w->loop, 10);
	w->broker.refuses = true;
	world_turn_for(w, 300);
	published = w->broker.published;
	world_turn_for(w, 300);
	assert_int_equal(w->broker.published, published); /* it rests */
	w->broker.refuses = false;
	w->broker.holds = true;
	world_turn_for(w, 1500);
	assert_true(w->broker.published - published <= 100);
}

static void what_lost_its_report_is_published_again(void **state)
{
	struct backstage_world *w = *state;

	w->broker.loses = 1;
	w->backstage->lease_ms = 400;
	fake_outbox_add(&w->outbox, 10);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 4000));
	assert_int_equal(w->broker.published, 11);
	assert_int_equal(w->outbox.rows[0].leases, 2);
}

static void a_report_that_comes_after_the_lease_still_clears(void **state)
{
	struct backstage_world *w = *state;

	w->broker.holds = true;
	w->backstage->lease_ms = 300;
	fake_outbox_add(&w->outbox, 1);
	start_relay(w);
	world_turn_for(w, 700);
	w->broker.away = true; /* so that the window is not leased again */
	w->broker.holds = false;
	assert_true(world_turn_until(w, all_cleared, 1000));
}

static void a_full_producer_gets_the_rest_later(void **state)
{
	struct backstage_world *w = *state;

	w->broker.queue_max = 30;
	fake_outbox_add(&w->outbox, 300);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 5000));
	assert_int_equal(w->broker.published, 300);
}

static void a_producer_that_stays_full_gives_the_window_up(void **state)
{
	struct backstage_world *w = *state;

	w->broker.queue_max = 30;
	w->broker.holds = true;
	w->backstage->lease_ms = 500;
	fake_outbox_add(&w->outbox, 100);
	start_relay(w);
	world_turn_for(w, 1000);
	assert_int_equal(w->broker.published, 30);
	w->broker.queue_max = 0;
	w->broker.holds = false;
	assert_true(world_turn_until(w, all_cleared, 5000));
}

static void a_failed_clearing_is_tried_again_without_publishing(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.fault[FAKE_CLEAR] = (struct fake_fault){.countdown = 3, .times = 5, .err = AWAY};
	fake_outbox_add(&w->outbox, 20);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 3000));
	assert_int_equal(w->broker.published, 20);
}

static void a_lease_of_unknown_outcome_costs_a_lease_and_no_event(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.fault[FAKE_LEASE] =
		(struct fake_fault){.countdown = 1, .err = {TK_UNCERTAIN, "test", "lost"}, .after_acting = true};
	w->backstage->lease_ms = 400;
	fake_outbox_add(&w->outbox, 20);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 3000));
	assert_int_equal(w->broker.published, 20);
	assert_int_equal(w->outbox.rows[0].leases, 2);
}

static void two_reports_of_one_event_are_harmless(void **state)
{
	struct backstage_world *w = *state;

	w->broker.twice = true;
	fake_outbox_add(&w->outbox, 250);
	start_relay(w);
	assert_true(world_turn_until(w, all_cleared, 4000));
	world_turn_for(w, 100);
	assert_int_equal(w->broker.published, 250);
}

static bool three_published(struct backstage_world *w)
{
	return w->broker.published == 3;
}

static void rows_that_the_sweep_restores_go_at_once(void **state)
{
	struct backstage_world *w = *state;

	job_kick(w->backstage->job[JOB_SWEEP]);
	w->outbox.restored = 3;
	w->outbox.stuck = 1;
	fake_outbox_add(&w->outbox, 3);
	assert_true(world_turn_until(w, three_published, 100));
	assert_int_equal(counted("\nticket_outbox_swept_total "), 3);
}

static void the_thread_stops_within_its_bound_in_mid_backlog(void **state)
{
	struct backstage_world *w = *state;
	int64_t began;

	w->broker.holds = true;
	fake_outbox_add(&w->outbox, 5000);
	assert_true(backstage_start(w->backstage));
	began = loop_now_us();
	backstage_stop(w->backstage);
	assert_true(loop_now_us() - began < 3500000);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, discard)
	const struct CMUnitTest tests[] = {
		TEST(due_rows_go_out_once_and_are_cleared),
		TEST(an_event_keeps_its_id),
		TEST(a_backlog_goes_within_five_seconds),
		TEST(without_reports_one_window_is_leased),
		TEST(while_kafka_is_known_to_be_away_nothing_is_leased),
		TEST(a_broker_that_refuses_gets_one_window_a_second),
		TEST(a_failure_in_mid_backlog_shrinks_the_windows),
		TEST(what_lost_its_report_is_published_again),
		TEST(a_report_that_comes_after_the_lease_still_clears),
		TEST(a_full_producer_gets_the_rest_later),
		TEST(a_producer_that_stays_full_gives_the_window_up),
		TEST(a_failed_clearing_is_tried_again_without_publishing),
		TEST(a_lease_of_unknown_outcome_costs_a_lease_and_no_event),
		TEST(two_reports_of_one_event_are_harmless),
		TEST(rows_that_the_sweep_restores_go_at_once),
		TEST(the_thread_stops_within_its_bound_in_mid_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
