#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/log.h"

/* Stderr as a pipe whose other end the test reads. */
struct capture {
	int read_end, stderr_;
	char text[65536];
};

static int make(void **state)
{
	static struct capture c;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	c.read_end = ends[0];
	c.stderr_ = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	*state = &c;
	return 0;
}

static int discard(void **state)
{
	struct capture *c = *state;

	dup2(c->stderr_, STDERR_FILENO);
	close(c->stderr_);
	close(c->read_end);
	return 0;
}

static char *said(struct capture *c)
{
	ssize_t n = read(c->read_end, c->text, sizeof c->text - 1);

	c->text[n > 0 ? n : 0] = '\0';
	return c->text;
}

static void assert_member(const char *line, const char *key, const char *expected)
{
	struct json_object *o = json_tokener_parse(line), *v;

	assert_non_null(o);
	assert_true(json_object_object_get_ex(o, key, &v));
	assert_string_equal(json_object_get_string(v), expected);
	json_object_put(o);
}

static void a_line_is_one_json_object_with_its_event_and_fields(void **state)
{
	char *line;

	LOG(server_away, LF_S("server", "redis"), LF_I("tries", -3));
	line = said(*state);
	assert_member(line, "event", "server_away");
	assert_member(line, "level", "warn");
	assert_member(line, "program", "ticket");
	assert_member(line, "server", "redis");
	assert_member(line, "tries", "-3");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void an_event_needs_no_fields(void **state)
{
	LOG(stopped);
	assert_member(said(*state), "event", "stopped");
}

static void no_text_is_an_empty_one(void **state)
{
	const char *none = NULL;

	LOG(stopped, LF_S("why", none));
	assert_member(said(*state), "why", "");
}

static void an_error_tells_its_kind_and_origin(void **state)
{
	struct tk_err e = TK_ERR(TK_UNCERTAIN, "reset");
	char *line;

	LOG(job_failed, LF_ERR(e));
	line = said(*state);
	assert_member(line, "error", "uncertain");
	assert_member(line, "what", "reset");
	assert_non_null(strstr(line, "test_log.c:"));
}

static void a_text_can_not_forge_a_second_line(void **state)
{
	char *line;

	LOG(start_refused, LF_S("why", "a\n{\"event\":\"oversold\"}\xff"));
	line = said(*state);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_member(line, "event", "start_refused");
}

static void a_line_stays_within_what_a_pipe_takes_at_once(void **state)
{
	static char long_text[5001];
	char *line;

	memset(long_text, '\n', 5000); /* twice as long when escaped */
	LOG(stopped, LF_S("a", long_text), LF_S("b", long_text), LF_S("c", long_text), LF_I("d", 7));
	line = said(*state);
	assert_in_range(strlen(line), 2000, 4096);
	assert_member(line, "truncated", "true");
	assert_member(line, "d", "7"); /* what fits is still told */
}

static void a_repeated_event_is_told_once_a_second_with_the_number_left_out(void **state)
{
	char *line;

	for (int i = 0; i < 10; i++) LOG_LIMITED(request_failed, LF_S("route", "/x"));
	line = said(*state);
	assert_member(line, "suppressed", "0");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	usleep(1010000);
	LOG_LIMITED(request_failed);
	assert_member(said(*state), "suppressed", "9");
}

static void one_event_does_not_silence_another(void **state)
{
	(void)state;
	assert_int_equal(log_admit(LOG_EV_batch_retried), 0);
	assert_int_equal(log_admit(LOG_EV_batch_retried), -1);
	assert_int_equal(log_admit(LOG_EV_event_parked), 0);
}

static void *log_much(void *who)
{
	for (int i = 0; i < 50; i++) {
		LOG(stopped, LF_S("who", who), LF_I("i", i));
		log_admit(LOG_EV_order_stuck);
	}
	return NULL;
}

static void lines_of_four_threads_never_mix(void **state)
{
	pthread_t threads[4];
	int lines = 0;

	for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, log_much, "somebody");
	for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
	for (char *line = strtok(said(*state), "\n"); line; line = strtok(NULL, "\n"), lines++) {
		assert_member(line, "who", "somebody");
	}
	assert_int_equal(lines, 200);
}

static void a_closed_stderr_harms_nobody(void **state)
{
	(void)state;
	close(STDERR_FILENO);
	LOG(stopped);
}

static void the_programs_name_stands_in_every_line(void **state)
{
	log_program("ticket-api");
	LOG(stopped);
	assert_member(said(*state), "program", "ticket-api");
	log_program("ticket");
}

static void every_event_is_documented(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_EVENTS; i++) assert_true(*LOG_EVENT_ROW[i].name && *LOG_EVENT_ROW[i].doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_one_json_object_with_its_event_and_fields),
		TEST(an_event_needs_no_fields),
		TEST(no_text_is_an_empty_one),
		TEST(an_error_tells_its_kind_and_origin),
		TEST(a_text_can_not_forge_a_second_line),
		TEST(a_line_stays_within_what_a_pipe_takes_at_once),
		TEST(a_repeated_event_is_told_once_a_second_with_the_number_left_out),
		TEST(one_event_does_not_silence_another),
		TEST(lines_of_four_threads_never_mix),
		TEST(a_closed_stderr_harms_nobody),
		TEST(the_programs_name_stands_in_every_line),
		TEST(every_event_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
