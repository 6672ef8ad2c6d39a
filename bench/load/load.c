#include "load/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load/answer.h"
#include "load/plan.h"

enum { EVENTS = 256, RECEIVE = 256 << 10, DRAIN_S = 10 };

struct link {
	int fd;
	bool busy, counted;
	int64_t due_us; /* when its request should have left */
	struct answer answer;
	struct link *next_idle;
};

struct load {
	struct load_settings settings;
	struct load_result *result;
	int epoll;
	struct link *links, *idle;
	unsigned busy;
	uint64_t sent;
	bool measuring, no_more;
	int64_t now_us, begin_us, end_us, last_us;
	int64_t first_due_us;
	uint64_t dues; /* open loop: how many have left */
	char field[64];
	size_t field_len;
	char room[RECEIVE];
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int64_t clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- connections --- */

static void connect_link(struct load *l, struct link *k)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = k};
	int on = 1;

	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (k->fd < 0) die("socket");
	const struct sockaddr_in *to = &l->settings.target;
	for (int tries = 0; connect(k->fd, (const struct sockaddr *)to, sizeof *to) != 0; tries++) {
		if (tries == 100) die("connect");
		usleep(20000);
	}
	setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fcntl(k->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, k->fd, &e) != 0) die("epoll");
	answer_reset(&k->answer);
}

static void reconnect(struct load *l, struct link *k)
{
	close(k->fd);
	connect_link(l, k);
}

static void rest(struct load *l, struct link *k)
{
	k->next_idle = l->idle;
	l->idle = k;
}

/* --- requests --- */

static bool may_send(struct load *l)
{
	const struct load_settings *s = &l->settings;

	if (l->no_more) return false;
	if (s->count && l->measuring && l->sent >= s->count) l->no_more = true;
	/* In an open loop the due times end, not the clock: what was due is sent however late. */
	if (s->seconds > 0 && s->rate <= 0 && l->now_us >= l->end_us) l->no_more = true;
	return !l->no_more;
}

static void ask(struct load *l, struct link *k, int64_t due_us)
{
	const char *text;
	size_t n;

	if (!may_send(l) || !plan_next(l->settings.plan, &text, &n)) {
		l->no_more = true;
		rest(l, k);
		return;
	}
	k->busy = true;
	k->counted = l->measuring;
	k->due_us = due_us;
	l->busy++;
	if (l->measuring) l->sent++;
	if (send(k->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n) return;
	if (errno != EPIPE && errno != ECONNRESET) die("send");
	/* The end of the connection is seen when it is read. */
}

static void ask_when_due(struct load *l)
{
	double every_us = 1e6 / l->settings.rate;

	for (;;) {
		int64_t due_us = l->first_due_us + (int64_t)((double)l->dues * every_us);
		if (due_us >= l->end_us && l->settings.seconds > 0) l->no_more = true;
		if (l->no_more || !l->idle || due_us > l->now_us) return;
		struct link *k = l->idle;
		l->idle = k->next_idle;
		l->dues++;
		ask(l, k, due_us);
	}
}

/* --- answers --- */

static void note_field(struct load *l, const char *body, size_t n)
{
	const char *at = memmem(body, n, l->field, l->field_len), *end;

	if (at) at += l->field_len;
	if (at && (end = memchr(at, '"', n - (size_t)(at - body)))) {
		fwrite(at, 1, (size_t)(end - at), l->settings.out);
		fputc('\n', l->settings.out);
	} else {
		l->result->missed++;
	}
}

static void answered(struct load *l, struct link *k, const char *body, size_t n)
{
	int64_t now_us = clock_us();
	int status = k->answer.status;

	if (k->counted) {
		l->result->answers++;
		l->result->status[status > 0 && status < 600 ? status : 0]++;
		spread_add(&l->result->latency, now_us - k->due_us);
		l->last_us = now_us;
	}
	if (l->field_len && status / 100 == 2) note_field(l, body, n);
	l->now_us = now_us;
}

static void next(struct load *l, struct link *k)
{
	bool closing = k->answer.closing;

	answer_reset(&k->answer);
	k->busy = false;
	l->busy--;
	if (closing) reconnect(l, k);
	if (l->settings.rate > 0) rest(l, k);
	else ask(l, k, l->now_us);
}

static void lost(struct load *l, struct link *k)
{
	if (!k->busy) { /* it had nothing to do for so long that the server let it go */
		reconnect(l, k);
		return;
	}
	l->result->broken++;
	k->answer.closing = true;
	next(l, k);
}

static void on_readable(struct load *l, struct link *k)
{
	const char *body = NULL;
	size_t n_body;
	ssize_t n = recv(k->fd, l->room, sizeof l->room, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n <= 0 || !k->busy) {
		lost(l, k);
		return;
	}
	switch (answer_feed(&k->answer, l->room, (size_t)n, &body, &n_body)) {
	case ANSWER_MORE: return;
	case ANSWER_BROKEN: lost(l, k); return;
	case ANSWER_WHOLE: break;
	}
	answered(l, k, body, n_body);
	next(l, k);
}

/* --- the turn --- */

static void begin_measuring(struct load *l)
{
	l->measuring = true;
	l->begin_us = l->last_us = l->now_us;
	if (l->settings.measuring) l->settings.measuring(l->settings.ctx);
}

static struct timespec sleep_until_due(const struct load *l)
{
	int64_t us = 20000;

	if (l->settings.rate > 0 && l->idle && !l->no_more) {
		us = l->first_due_us + (int64_t)((double)l->dues * 1e6 / l->settings.rate) - clock_us();
		if (us < 0) us = 0;
		if (us > 20000) us = 20000;
	}
	return (struct timespec){.tv_nsec = us * 1000};
}

static void turn(struct load *l)
{
	struct epoll_event events[EVENTS];
	struct timespec sleep = sleep_until_due(l);
	int n = epoll_pwait2(l->epoll, events, EVENTS, &sleep, NULL);

	l->now_us = clock_us();
	for (int i = 0; i < n; i++) on_readable(l, events[i].data.ptr);
	if (!l->measuring && l->now_us >= l->end_us - (int64_t)(l->settings.seconds * 1e6)) begin_measuring(l);
	if (l->settings.rate > 0) ask_when_due(l);
}

static void start(struct load *l)
{
	const struct load_settings *s = &l->settings;

	l->now_us = clock_us();
	l->first_due_us = l->now_us;
	l->end_us = l->now_us + (int64_t)((s->warm_up_s + s->seconds) * 1e6);
	if (s->warm_up_s <= 0) begin_measuring(l);
	for (unsigned i = 0; i < s->connections; i++) {
		if (s->rate > 0) rest(l, &l->links[i]);
		else ask(l, &l->links[i], l->now_us);
	}
}

static struct load *create(const struct load_settings *s, struct load_result *result)
{
	struct load *l = calloc(1, sizeof *l);

	if (!l || !(l->links = calloc(s->connections, sizeof *l->links))) die("memory");
	l->settings = *s;
	l->result = result;
	if (s->field) l->field_len = (size_t)snprintf(l->field, sizeof l->field, "\"%s\":\"", s->field);
	if ((l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll");
	for (unsigned i = 0; i < s->connections; i++) connect_link(l, &l->links[i]);
	return l;
}

struct load *load_run(const struct load_settings *s, struct load_result *ret)
{
	struct load *l = create(s, ret);

	memset(ret, 0, sizeof *ret);
	prctl(PR_SET_TIMERSLACK, 1000); /* an open loop sleeps for some ten µs */
	start(l);
	while (!l->no_more) {
		turn(l);
		if (plan_is_over(s->plan)) l->no_more = true;
	}
	int64_t patience_us = clock_us() + DRAIN_S * 1000000LL;
	while (l->busy && l->now_us < patience_us) turn(l);
	ret->broken += l->busy;
	ret->seconds = (double)(l->last_us - l->begin_us) / 1e6;
	return l;
}

void load_close(struct load *l)
{
	for (unsigned i = 0; i < l->settings.connections; i++) close(l->links[i].fd);
	close(l->epoll);
	free(l->links);
	free(l);
}
