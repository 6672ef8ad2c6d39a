#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/buf.h"
#include "runtime/metrics.h"

static struct buf rendered;

static int make(void **state)
{
	*state = metrics_sheet_create();
	buf_init(&rendered, NULL);
	return 0;
}

static int discard(void **state)
{
	(void)state;
	buf_finish(&rendered);
	metrics_finish();
	return 0;
}

static const char *render(bool openmetrics)
{
	buf_finish(&rendered);
	metrics_render(&rendered, openmetrics);
	return buf_cstr(&rendered);
}

static const char *line_of(const char *text, const char *start)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, start, strlen(start)) == 0) return p;
	}
	return NULL;
}

static void assert_line(const char *text, const char *line)
{
	const char *p = line_of(text, line);

	if (!p || p[strlen(line)] != '\n') fail_msg("\"%s\" is not in:\n%s", line, text);
}

static double sample(const char *name)
{
	char start[100];
	const char *p;

	snprintf(start, sizeof start, "%s ", name);
	p = line_of(render(false), start);
	if (!p) fail_msg("no %s", name);
	return strtod(p + strlen(start), NULL);
}

static void sheets_are_summed_up(void **state)
{
	struct metrics_sheet *other = metrics_sheet_create();

	metrics_add(*state, METRIC_HOLDS, 0, 2);
	metrics_add(other, METRIC_HOLDS, 0, 3);
	metrics_add(other, METRIC_HOLDS, 3, 1);
	render(false);
	assert_line(rendered.data, "ticket_holds_total{result=\"held\"} 5");
	assert_line(rendered.data, "ticket_holds_total{result=\"again\"} 0");
	assert_line(rendered.data, "ticket_holds_total{result=\"failed\"} 1");
}

static void gauges_go_down_even_on_another_threads_sheet(void **state)
{
	struct metrics_sheet *other = metrics_sheet_create();

	metrics_add(*state, METRIC_CONNECTIONS, 0, 3);
	metrics_add(other, METRIC_CONNECTIONS, 0, -1);
	assert_line(render(false), "ticket_http_connections 2");
}

static void a_family_has_help_and_type_before_its_samples(void **state)
{
	(void)state;
	assert_non_null(strstr(render(false),
		"# HELP ticket_holds_total Seat holds by result\n"
		"# TYPE ticket_holds_total counter\n"
		"ticket_holds_total{result=\"held\"} 0\n"));
}

static void openmetrics_names_counters_without_total_and_ends_in_eof(void **state)
{
	const char *text = render(true);

	(void)state;
	assert_non_null(strstr(text, "# TYPE ticket_holds counter\nticket_holds_total{result=\"held\"} 0\n"));
	assert_non_null(strstr(text, "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total "));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	assert_null(strstr(render(false), "# EOF"));
}

static void buckets_count_everything_up_to_their_bound(void **state)
{
	metrics_observe(*state, METRIC_CONFIRM_LATENCY, 0, 1000); /* the bound itself belongs to it */
	metrics_observe(*state, METRIC_CONFIRM_LATENCY, 0, 1001);
	metrics_observe(*state, METRIC_CONFIRM_LATENCY, 0, 10000001);
	metrics_observe(*state, METRIC_CONFIRM_LATENCY, 0, -5);
	render(false);
	assert_line(rendered.data, "ticket_confirm_latency_seconds_bucket{le=\"0.001\"} 2");
	assert_line(rendered.data, "ticket_confirm_latency_seconds_bucket{le=\"0.0025\"} 3");
	assert_line(rendered.data, "ticket_confirm_latency_seconds_bucket{le=\"10\"} 3");
	assert_line(rendered.data, "ticket_confirm_latency_seconds_bucket{le=\"+Inf\"} 4");
	assert_line(rendered.data, "ticket_confirm_latency_seconds_count 4");
	assert_line(rendered.data, "ticket_confirm_latency_seconds_sum 10.002002");
}

static void bounds_in_the_text_are_those_that_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < METRIC_BUCKETS; i++) {
		struct histogram h = {{0}, 0};

		histogram_observe(&h, llround(METRIC_BOUND_S[i] * 1e6));
		histogram_observe(&h, llround(METRIC_BOUND_S[i] * 1e6) + 1);
		assert_int_equal(h.bucket[i], 1);
		assert_int_equal(h.bucket[i + 1], 1);
	}
	assert_line(render(true), "ticket_confirm_latency_seconds_bucket{le=\"1.0\"} 0");
}

static void the_longest_duration_does_not_overflow(void **state)
{
	struct histogram h = {{0}, 0};

	(void)state;
	histogram_observe(&h, INT64_MAX);
	assert_int_equal(h.bucket[METRIC_BUCKETS], 1);
}

static void own_collector(void *ctx, struct metrics_out *o)
{
	struct histogram h = {{0}, 0};

	histogram_observe(&h, 3000);
	metrics_write_family(o, "own_seconds", METRIC_HISTOGRAM, "A \"doc\"\nof \\ two lines");
	metrics_write_histogram(o, "own_seconds", "route=\"/x\"", &h);
	metrics_write_family(o, "own", METRIC_GAUGE, "Numbers");
	metrics_write_sample(o, "own", NULL, *(double *)ctx);
	metrics_write_sample(o, "own", "a=\"b\",c=\"d\"", 0.1);
	metrics_write_sample(o, "own", "a=\"nan\"", NAN);
	metrics_write_sample(o, "own", "a=\"inf\"", -INFINITY);
	metrics_write_sample(o, "own", "a=\"third\"", 1.0 / 3);
	metrics_write_sample(o, "own", "a=\"large\"", 1e300);
}

static void a_collector_writes_its_own_families(void **state)
{
	double v = -7;

	(void)state;
	metrics_collector(own_collector, &v);
	render(false);
	assert_line(rendered.data, "# HELP own_seconds A \"doc\"\\nof \\\\ two lines");
	assert_line(rendered.data, "own_seconds_bucket{route=\"/x\",le=\"0.0025\"} 0");
	assert_line(rendered.data, "own_seconds_bucket{route=\"/x\",le=\"0.005\"} 1");
	assert_line(rendered.data, "own_seconds_sum{route=\"/x\"} 0.003");
	assert_line(rendered.data, "own -7");
	assert_line(rendered.data, "own{a=\"b\",c=\"d\"} 0.1");
	assert_line(rendered.data, "own{a=\"nan\"} NaN");
	assert_line(rendered.data, "own{a=\"inf\"} -Inf");
	assert_line(rendered.data, "own{a=\"third\"} 0.33333333333333331");
	assert_line(rendered.data, "own{a=\"large\"} 1e+300");
	assert_line(render(true), "# HELP own_seconds A \\\"doc\\\"\\nof \\\\ two lines");
}

static void the_process_tells_of_itself(void **state)
{
	(void)state;
	assert_true(sample("process_resident_memory_bytes") > 100000);
	assert_true(sample("process_virtual_memory_bytes") >= sample("process_resident_memory_bytes"));
	assert_true(sample("process_threads") >= 1);
	assert_true(sample("process_max_fds") > sample("process_open_fds"));
	assert_true(sample("process_cpu_seconds_total") >= 0);
	assert_true(fabs(sample("process_start_time_seconds") - (double)time(NULL)) < 600);
	assert_true(sample("ticket_build_info{version=\"" TICKET_VERSION "\"}") == 1);
}

static void an_opened_file_is_counted(void **state)
{
	double before = sample("process_open_fds");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(sample("process_open_fds") == before + 1);
	close(fd);
	assert_true(sample("process_open_fds") == before);
}

enum { WRITERS = 3, ROUNDS = 100000 };

static void *count_much(void *sheet)
{
	for (int i = 0; i < ROUNDS; i++) {
		metrics_add(sheet, METRIC_HOLDS, 1, 1);
		metrics_observe(sheet, METRIC_STATEMENT_SECONDS, 0, i);
	}
	return NULL;
}

static void a_scrape_while_others_count_loses_nothing(void **state)
{
	pthread_t threads[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, count_much, metrics_sheet_create());
	for (int i = 0; i < 20; i++) render(i % 2);
	for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
	render(false);
	assert_line(rendered.data, "ticket_holds_total{result=\"again\"} 300000");
	assert_line(rendered.data, "ticket_db_call_duration_seconds_count 300000");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sheets_are_summed_up),
		TEST(gauges_go_down_even_on_another_threads_sheet),
		TEST(a_family_has_help_and_type_before_its_samples),
		TEST(openmetrics_names_counters_without_total_and_ends_in_eof),
		TEST(buckets_count_everything_up_to_their_bound),
		TEST(bounds_in_the_text_are_those_that_are_counted),
		TEST(the_longest_duration_does_not_overflow),
		TEST(a_collector_writes_its_own_families),
		TEST(the_process_tells_of_itself),
		TEST(an_opened_file_is_counted),
		TEST(a_scrape_while_others_count_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
