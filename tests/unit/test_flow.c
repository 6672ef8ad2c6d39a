#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/flow.h"

/* A use case of three rows and a port that answers at once or when the test says so. */
enum { FIRST, SECOND, QUIET, ROWS };
struct use_case {
	struct flow flow;
	struct port_call call;
	bool at_once;
	int asked[ROWS], got[ROWS], done, left;
	enum tk_kind seen[ROWS];
	struct tk_err answer;
};

static struct use_case *self(struct flow *f)
{
	return container_of(f, struct use_case, flow);
}

static void ask_port(struct flow *f)
{
	struct use_case *u = self(f);

	u->asked[f->at]++;
	if (u->at_once) port_answer(&u->call, u->answer);
}

static int judge(struct flow *f, int next)
{
	struct use_case *u = self(f);

	u->got[f->at]++;
	u->seen[f->at] = f->err.kind;
	return f->err.kind == TK_OK ? next : FLOW_END;
}

static int first_got(struct flow *f)
{
	return judge(f, SECOND);
}

static int second_got(struct flow *f)
{
	return judge(f, QUIET);
}

static int quiet_got(struct flow *f)
{
	return judge(f, self(f)->left-- > 0 ? FIRST : FLOW_END);
}

static const struct flow_step STEPS[ROWS] = {
	[FIRST] = {"first", ask_port, first_got},
	[SECOND] = {"second", ask_port, second_got},
	[QUIET] = {"quiet", NULL, quiet_got},
};

static void count_done(struct flow *f)
{
	self(f)->done++;
}

static struct use_case begin(bool at_once)
{
	struct use_case u = {.at_once = at_once};

	return u;
}

static void start(struct use_case *u)
{
	u->call.flow = &u->flow;
	flow_start(&u->flow, STEPS, FIRST, count_done);
}

static void a_flow_waits_at_each_row_for_its_answer(void **state)
{
	struct use_case u = begin(false);

	(void)state;
	start(&u);
	assert_int_equal(u.asked[FIRST], 1);
	assert_int_equal(u.got[FIRST], 0);
	port_answer(&u.call, TK_NONE);
	assert_int_equal(u.flow.at, SECOND);
	assert_int_equal(u.done, 0);
	port_answer(&u.call, TK_NONE);
	assert_int_equal(u.got[QUIET], 1);
	assert_int_equal(u.done, 1);
}

static void a_port_may_answer_from_inside_the_question(void **state)
{
	struct use_case u = begin(true);

	(void)state;
	start(&u);
	assert_int_equal(u.done, 1);
	assert_int_equal(u.got[FIRST] + u.got[SECOND] + u.got[QUIET], 3);
}

static void a_million_answers_at_once_need_no_stack(void **state)
{
	struct use_case u = begin(true);

	(void)state;
	u.left = 1000000;
	start(&u);
	assert_int_equal(u.got[FIRST], 1000001);
	assert_int_equal(u.done, 1);
}

static void the_answers_error_reaches_the_judge_and_no_later_row(void **state)
{
	struct use_case u = begin(false);

	(void)state;
	start(&u);
	port_answer(&u.call, TK_ERR(TK_UNCERTAIN, "reset"));
	assert_int_equal(u.seen[FIRST], TK_UNCERTAIN);
	assert_int_equal(u.asked[SECOND], 0);
	assert_int_equal(u.done, 1);
	assert_string_equal(u.flow.err.what, "reset");
}

static void an_error_tells_where_it_was_first_seen(void **state)
{
	struct tk_err e = TK_ERR(TK_INTERNAL, "bug");

	(void)state;
	assert_memory_equal(e.where, "test_flow.c:", 12);
	assert_true(tk_failed(e));
	assert_false(tk_failed(TK_NONE));
}

static void every_kind_of_error_has_its_row(void **state)
{
	(void)state;
	for (int k = 0; k < TK_KINDS; k++) {
		assert_non_null(TK_KIND[k].name);
		assert_in_range(TK_KIND[k].http_status, 200, 599);
	}
	assert_true(TK_KIND[TK_UNCERTAIN].retry);
	assert_false(TK_KIND[TK_INVALID].retry); /* or poison would stop a partition */
}

/* done() may free the flow, even when the port answered at once. */
struct freed {
	struct flow flow;
	bool *gone;
};

static void answer_at_once(struct flow *f)
{
	flow_wake(f, TK_NONE);
}

static int end(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static void free_it(struct flow *f)
{
	*container_of(f, struct freed, flow)->gone = true;
	test_free(container_of(f, struct freed, flow));
}

static void done_may_free_the_flow(void **state)
{
	static const struct flow_step ONE[] = {{"one", answer_at_once, end}};
	bool gone = false;
	struct freed *f = test_calloc(1, sizeof *f);

	(void)state;
	f->gone = &gone;
	flow_start(&f->flow, ONE, 0, free_it);
	assert_true(gone);
}

static void wake_twice(struct flow *f)
{
	flow_wake(f, TK_NONE);
	flow_wake(f, TK_NONE);
}

static void a_port_that_answers_twice_is_caught(void **state)
{
	static const struct flow_step ONE[] = {{"one", wake_twice, end}};
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct use_case u = begin(true);

		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		flow_start(&u.flow, ONE, 0, count_done);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_waits_at_each_row_for_its_answer),
		cmocka_unit_test(a_port_may_answer_from_inside_the_question),
		cmocka_unit_test(a_million_answers_at_once_need_no_stack),
		cmocka_unit_test(the_answers_error_reaches_the_judge_and_no_later_row),
		cmocka_unit_test(an_error_tells_where_it_was_first_seen),
		cmocka_unit_test(every_kind_of_error_has_its_row),
		cmocka_unit_test(done_may_free_the_flow),
		cmocka_unit_test(a_port_that_answers_twice_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
