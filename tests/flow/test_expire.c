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

static bool all_expired(struct backstage_world *w)
{
	return w->outbox.to_expire == 0;
}

static bool shows(const char *line)
{
	struct buf b;
	bool found;

	buf_init(&b, NULL);
	metrics_render(&b, false);
	found = strstr(buf_cstr(&b), line) != NULL;
	buf_finish(&b);
	return found;
}

static void orders_expire_each_second(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.to_expire = 7;
	job_start(w->backstage->job[JOB_EXPIRE]);
	assert_true(world_turn_until(w, all_expired, 1500));
	w->outbox.to_expire = 3;
	assert_true(world_turn_until(w, all_expired, 1500));
	world_turn_for(w, 50);
	assert_true(shows("\nticket_orders_expired_total 10\n"));
}

static void many_expire_without_a_pause(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.to_expire = 20 * EXPIRE_MAX + 1;
	job_kick(w->backstage->job[JOB_EXPIRE]);
	assert_true(world_turn_until(w, all_expired, 500));
	assert_int_equal(w->outbox.calls[FAKE_EXPIRE], 21);
}

static void a_failed_round_is_followed_by_the_next(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.fault[FAKE_EXPIRE] = (struct fake_fault){.countdown = 1, .times = 2, .err = AWAY};
	w->outbox.to_expire = 5;
	job_start(w->backstage->job[JOB_EXPIRE]);
	assert_true(world_turn_until(w, all_expired, 4500));
	assert_int_equal(w->outbox.calls[FAKE_EXPIRE], 3);
}

static void a_slow_round_is_never_joined_by_another(void **state)
{
	struct backstage_world *w = *state;

	w->outbox.desk.held = true;
	job_kick(w->backstage->job[JOB_EXPIRE]);
	world_turn_for(w, 50);
	job_kick(w->backstage->job[JOB_EXPIRE]);
	world_turn_for(w, 50);
	assert_int_equal(w->outbox.calls[FAKE_EXPIRE], 1);
	w->outbox.desk.held = false;
	world_turn_for(w, 50);
	assert_int_equal(w->outbox.calls[FAKE_EXPIRE], 2); /* the kick was not forgotten */
}

static void the_count_corrects_the_estimate_and_feeds_the_gauges(void **state)
{
	struct backstage_world *w = *state;

	metrics_collector(backstage_collect, w->backstage);
	fake_outbox_add(&w->outbox, 4);
	w->outbox.stats = (struct outbox_stats){.oldest_age_ms = 2500, .refunds_pending = 2};
	backlog_moved(backstage_backlog(w->backstage), 17);
	job_kick(w->backstage->job[JOB_COUNT]);
	world_turn_for(w, 50);
	assert_int_equal(backlog_rows(backstage_backlog(w->backstage)), 4);
	assert_true(shows("\nticket_outbox_pending 4\n"));
	assert_true(shows("\nticket_outbox_oldest_age_seconds 2.5\n"));
	assert_true(shows("\nticket_refunds_pending 2\n"));
	assert_true(shows("\nticket_oversold_seats 0\n"));
	backlog_moved(backstage_backlog(w->backstage), 1);
	assert_int_equal(backlog_rows(backstage_backlog(w->backstage)), 5);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, make, discard)
	const struct CMUnitTest tests[] = {
		TEST(orders_expire_each_second),
		TEST(many_expire_without_a_pause),
		TEST(a_failed_round_is_followed_by_the_next),
		TEST(a_slow_round_is_never_joined_by_another),
		TEST(the_count_corrects_the_estimate_and_feeds_the_gauges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
