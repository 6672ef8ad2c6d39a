#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/err.h"
#include "runtime/loop.h"

static int make(void **state)
{
	*state = loop_create();
	return *state ? 0 : -1;
}

static int discard(void **state)
{
	loop_destroy(*state);
	return 0;
}

/* One end of a socket pair, watched; the test writes into the other. */
struct line {
	struct watch watch;
	struct loop *loop;
	int other, called;
	uint32_t events;
	struct line *removes, *mutes;
	bool closes;
};

static void line_ready(struct watch *w, uint32_t events)
{
	struct line *s = container_of(w, struct line, watch);

	s->called++;
	s->events = events;
	if (s->removes) watch_remove(s->loop, &s->removes->watch);
	if (s->removes && s->closes) close(s->removes->watch.fd);
	if (s->mutes) assert_int_equal(watch_change(s->loop, &s->mutes->watch, EPOLLOUT), 0);
}

static struct line line_open(uint32_t events)
{
	struct line s = {.watch = {.events = events, .ready = line_ready}};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	s.watch.fd = pair[0];
	s.other = pair[1];
	return s;
}

static void line_watch(struct loop *l, struct line *s)
{
	s->loop = l;
	assert_int_equal(watch_add(l, &s->watch), 0);
}

static void line_say(struct line *s)
{
	assert_int_equal(write(s->other, "x", 1), 1);
}

static void line_close(struct line *s)
{
	close(s->watch.fd);
	close(s->other);
}

static void a_descriptor_is_ready_as_long_as_it_has_something(void **state)
{
	struct line s = line_open(EPOLLIN);

	line_watch(*state, &s);
	loop_turn(*state, 0);
	assert_int_equal(s.called, 0);
	line_say(&s);
	loop_turn(*state, 1000);
	loop_turn(*state, 1000);
	assert_int_equal(s.called, 2);
	assert_int_equal(s.events, EPOLLIN);
	watch_remove(*state, &s.watch);
	loop_turn(*state, 0);
	assert_int_equal(s.called, 2);
	line_close(&s);
}

static void what_a_watch_wants_can_change(void **state)
{
	struct line s = line_open(EPOLLIN);

	line_watch(*state, &s);
	assert_int_equal(watch_change(*state, &s.watch, EPOLLIN | EPOLLOUT), 0);
	loop_turn(*state, 0);
	assert_int_equal(s.events, EPOLLOUT);
	assert_int_equal(watch_change(*state, &s.watch, EPOLLIN), 0);
	loop_turn(*state, 0);
	assert_int_equal(s.called, 1);
	watch_remove(*state, &s.watch);
	line_close(&s);
}

static void an_equal_change_makes_no_system_call(void **state)
{
	struct watch w = {.fd = -1, .events = EPOLLIN};

	assert_int_equal(watch_change(*state, &w, EPOLLIN), 0);
	assert_int_equal(watch_change(*state, &w, EPOLLOUT), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(w.events, EPOLLIN); /* a refused change changes nothing */
}

static void a_descriptor_that_cannot_be_watched_is_refused(void **state)
{
	struct watch w = {.fd = -1, .events = EPOLLIN};

	assert_int_equal(watch_add(*state, &w), -1);
	assert_int_equal(errno, EBADF);
}

static void a_hang_up_is_told_unasked(void **state)
{
	struct line s = line_open(EPOLLIN);

	line_watch(*state, &s);
	close(s.other);
	loop_turn(*state, 1000);
	assert_true(s.events & EPOLLHUP);
	watch_remove(*state, &s.watch);
	close(s.watch.fd);
}

/* Both are ready in the same turn; whoever comes first removes the other. */
static void a_watch_removed_by_another_of_the_same_turn_is_not_called(void **state)
{
	struct line a = line_open(EPOLLIN), b = line_open(EPOLLIN);

	a.removes = &b;
	b.removes = &a;
	a.closes = b.closes = true;
	line_watch(*state, &a);
	line_watch(*state, &b);
	line_say(&a);
	line_say(&b);
	loop_turn(*state, 1000);
	assert_int_equal(a.called + b.called, 1);
	loop_turn(*state, 0);
	assert_int_equal(a.called + b.called, 2);
	watch_remove(*state, a.called ? &a.watch : &b.watch);
	close(a.called ? a.watch.fd : b.watch.fd);
	close(a.other);
	close(b.other);
}

static void a_watch_may_remove_itself(void **state)
{
	struct line s = line_open(EPOLLIN);

	s.removes = &s;
	line_watch(*state, &s);
	line_say(&s);
	loop_turn(*state, 1000);
	loop_turn(*state, 0);
	assert_int_equal(s.called, 1);
	line_close(&s);
}

static void an_event_nobody_wants_any_more_is_dropped(void **state)
{
	struct line a = line_open(EPOLLIN), b = line_open(EPOLLIN);

	a.mutes = &b;
	b.mutes = &a;
	line_watch(*state, &a);
	line_watch(*state, &b);
	line_say(&a);
	line_say(&b);
	loop_turn(*state, 1000);
	assert_int_equal(a.called + b.called, 1);
	watch_remove(*state, &a.watch);
	watch_remove(*state, &b.watch);
	line_close(&a);
	line_close(&b);
}

/* Hooks */

struct caller {
	struct hook hook;
	struct loop *loop;
	int called, progress; /* rounds in which it made some */
	struct caller *removes;
};

static bool caller_before_sleep(struct hook *h)
{
	struct caller *c = container_of(h, struct caller, hook);

	c->called++;
	if (c->removes) hook_remove(c->loop, &c->removes->hook);
	c->removes = NULL;
	return c->progress-- > 0;
}

static struct caller caller_add(struct loop *l)
{
	return (struct caller){.hook = {.before_sleep = caller_before_sleep}, .loop = l};
}

static void hooks_run_once_a_turn_when_none_makes_progress(void **state)
{
	struct caller a = caller_add(*state), b = caller_add(*state);

	hook_add(*state, &a.hook);
	hook_add(*state, &b.hook);
	loop_turn(*state, 0);
	assert_int_equal(a.called, 1);
	assert_int_equal(b.called, 1);
	hook_remove(*state, &a.hook);
	hook_remove(*state, &b.hook);
	loop_turn(*state, 0);
	assert_int_equal(a.called, 1);
}

static void progress_of_one_hook_runs_all_again(void **state)
{
	struct caller a = caller_add(*state), b = caller_add(*state);

	b.progress = 2;
	hook_add(*state, &a.hook);
	hook_add(*state, &b.hook);
	loop_turn(*state, 0);
	assert_int_equal(a.called, 3);
	hook_remove(*state, &a.hook);
	hook_remove(*state, &b.hook);
}

static void endless_progress_neither_hangs_nor_sleeps(void **state)
{
	struct caller a = caller_add(*state);

	a.progress = INT32_MAX;
	hook_add(*state, &a.hook);
	loop_turn(*state, 60000);
	assert_in_range(a.called, 2, 100);
	hook_remove(*state, &a.hook);
}

static void a_hook_may_remove_itself_and_the_next(void **state)
{
	struct caller a = caller_add(*state), b = caller_add(*state), c = caller_add(*state);

	a.removes = &b;
	c.removes = &c;
	hook_add(*state, &a.hook);
	hook_add(*state, &b.hook);
	hook_add(*state, &c.hook);
	loop_turn(*state, 0);
	loop_turn(*state, 0);
	assert_int_equal(a.called, 2);
	assert_int_equal(b.called, 0);
	assert_int_equal(c.called, 1);
	hook_remove(*state, &a.hook);
}

/* Stopping */

static struct loop *to_stop;

static void on_signal(int signo)
{
	(void)signo;
	loop_stop(to_stop);
}

static void *stop_soon(void *loop)
{
	usleep(5000);
	loop_stop(loop);
	return NULL;
}

static void a_stop_from_before_is_not_lost(void **state)
{
	loop_stop(*state);
	loop_run(*state);
}

static void another_thread_stops_a_sleeping_loop_and_it_runs_again(void **state)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&thread, NULL, stop_soon, *state), 0);
		loop_run(*state);
		pthread_join(thread, NULL);
	}
}

static void *raise_soon(void *thread)
{
	usleep(5000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void a_signal_handler_stops_a_sleeping_loop(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, before;
	pthread_t self = pthread_self(), thread;

	to_stop = *state;
	sigaction(SIGUSR1, &action, &before);
	pthread_create(&thread, NULL, raise_soon, &self);
	loop_run(*state);
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &before, NULL);
}

/* The mailbox */

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
	struct mail mail;
	int sender, number;
};
struct office {
	struct loop *loop;
	struct mailbox box;
	int last[SENDERS], delivered;
	bool in_order;
};
struct sender {
	struct office *office;
	int number;
};

static void letter_deliver(struct mail *m, void *ctx)
{
	struct letter *letter = container_of(m, struct letter, mail);
	struct office *o = ctx;

	if (letter->number != o->last[letter->sender] + 1) o->in_order = false;
	o->last[letter->sender] = letter->number;
	if (++o->delivered == SENDERS * LETTERS) loop_stop(o->loop);
	free(letter);
}

static void letter_post(struct office *o, int sender, int number)
{
	struct letter *letter = calloc(1, sizeof *letter);

	letter->mail.deliver = letter_deliver;
	letter->sender = sender;
	letter->number = number;
	mailbox_post(&o->box, &letter->mail);
}

static void *send_letters(void *ctx)
{
	struct sender *s = ctx;

	for (int i = 1; i <= LETTERS; i++) letter_post(s->office, s->number, i);
	return NULL;
}

static void office_open(struct office *o, struct loop *l)
{
	*o = (struct office){.loop = l, .in_order = true};
	assert_int_equal(mailbox_init(&o->box, l, o), 0);
}

static void four_threads_post_and_the_order_of_each_is_kept(void **state)
{
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	struct office o;

	office_open(&o, *state);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){&o, i};
		assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
	}
	loop_run(*state);
	for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(o.delivered, SENDERS * LETTERS);
	assert_true(o.in_order);
	mailbox_finish(&o.box);
}

static void mail_is_delivered_on_the_turn_and_not_when_posted(void **state)
{
	struct office o;

	office_open(&o, *state);
	letter_post(&o, 0, 1);
	assert_int_equal(o.delivered, 0);
	loop_turn(*state, 60000);
	assert_int_equal(o.delivered, 1);
	mailbox_finish(&o.box);
}

static void what_is_left_is_delivered_at_the_end(void **state)
{
	struct office o;

	office_open(&o, *state);
	letter_post(&o, 0, 1);
	letter_post(&o, 1, 1);
	mailbox_finish(&o.box);
	assert_int_equal(o.delivered, 2);
	loop_turn(*state, 0); /* and the loop knows nothing of it any more */
}

struct echo {
	struct mail mail;
	struct mailbox *box;
	int left;
};

static void echo_deliver(struct mail *m, void *ctx)
{
	struct echo *e = container_of(m, struct echo, mail);

	(void)ctx;
	if (e->left-- > 0) mailbox_post(e->box, m);
}

static void mail_may_be_posted_again_while_it_is_delivered(void **state)
{
	struct mailbox box;
	struct echo e = {.mail = {.deliver = echo_deliver}, .box = &box, .left = 10};

	assert_int_equal(mailbox_init(&box, *state, NULL), 0);
	mailbox_post(&box, &e.mail);
	for (int i = 0; i < 5; i++) loop_turn(*state, 60000);
	assert_int_equal(e.left, 5); /* one delivery a turn: others have theirs too */
	mailbox_finish(&box);
	assert_int_equal(e.left, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_descriptor_is_ready_as_long_as_it_has_something),
		TEST(what_a_watch_wants_can_change),
		TEST(an_equal_change_makes_no_system_call),
		TEST(a_descriptor_that_cannot_be_watched_is_refused),
		TEST(a_hang_up_is_told_unasked),
		TEST(a_watch_removed_by_another_of_the_same_turn_is_not_called),
		TEST(a_watch_may_remove_itself),
		TEST(an_event_nobody_wants_any_more_is_dropped),
		TEST(hooks_run_once_a_turn_when_none_makes_progress),
		TEST(progress_of_one_hook_runs_all_again),
		TEST(endless_progress_neither_hangs_nor_sleeps),
		TEST(a_hook_may_remove_itself_and_the_next),
		TEST(a_stop_from_before_is_not_lost),
		TEST(another_thread_stops_a_sleeping_loop_and_it_runs_again),
		TEST(a_signal_handler_stops_a_sleeping_loop),
		TEST(four_threads_post_and_the_order_of_each_is_kept),
		TEST(mail_is_delivered_on_the_turn_and_not_when_posted),
		TEST(what_is_left_is_delivered_at_the_end),
		TEST(mail_may_be_posted_again_while_it_is_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
