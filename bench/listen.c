/* listen: holds streams of a waiting room open, and says how long a change takes until all of them have heard of it.
 *
 *     bench_listen [-c STREAMS] HOST:PORT SCHEDULE FIRST_USER < commands
 *
 * A stream for each user from FIRST_USER on, who must be in the queue. Once each has had its first event it prints a line
 * of JSON and obeys, a line of JSON each:
 *     leave USER    that user gives the place back; how long until every stream was told of another position
 *     wait SECONDS  reads on for so long; how many events came
 * and ends with its input. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/spread.h"
#include "load/target.h"
#include "runtime/loop.h"

enum { EVENTS = 512, OPENING = 64, PATIENCE_US = 20000000, TOLD_US = 10000000 };
static const char MARK[] = "event: position";

struct stream {
	int fd;
	unsigned matched; /* bytes of MARK that the last bytes were */
	bool open, told;
};

struct listen {
	struct sockaddr_in address;
	const char *host;
	long long schedule, first_user;
	int epoll;
	struct stream *streams;
	unsigned count, started, open, told;
	uint64_t events;
	int64_t asked_us; /* 0: nothing was changed */
	struct spread spread;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_listen: %s\n", what);
	exit(2);
}

static int connect_to(const struct listen *l)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&l->address, sizeof l->address) != 0) die("can't connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* --- streams --- */

static void start_stream(struct listen *l)
{
	struct stream *s = &l->streams[l->started];
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
	char request[300];
	int n = snprintf(request, sizeof request,
		"GET /queue/events?userId=%lld&scheduleId=%lld HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
		l->first_user + l->started, l->schedule, l->host);

	s->fd = connect_to(l);
	if (send(s->fd, request, (size_t)n, MSG_NOSIGNAL) != n) die("can't ask");
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &e) != 0) die("epoll");
	l->started++;
}

static void position_came(struct listen *l, struct stream *s)
{
	l->events++;
	if (!s->open) l->open++;
	s->open = true;
	if (!l->asked_us || s->told) return;
	s->told = true;
	l->told++;
	spread_add(&l->spread, loop_now_us() - l->asked_us);
}

static void look_through(struct listen *l, struct stream *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == MARK[s->matched]) s->matched++;
		else s->matched = p[i] == MARK[0];
		if (s->matched < sizeof MARK - 1) continue;
		s->matched = 0;
		position_came(l, s);
	}
}

static void read_stream(struct listen *l, struct stream *s)
{
	static char room[65536];
	ssize_t n;

	while ((n = recv(s->fd, room, sizeof room, 0)) > 0) look_through(l, s, room, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) die("a stream has ended");
}

static void turn(struct listen *l, int timeout_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(l->epoll, e, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) read_stream(l, e[i].data.ptr);
}

static void open_all(struct listen *l)
{
	int64_t begin = loop_now_us();

	while (l->open < l->count) {
		while (l->started < l->count && l->started - l->open < OPENING) start_stream(l);
		turn(l, 100);
		if (loop_now_us() - begin > PATIENCE_US * 3) die("not every stream had its first event within 60 s");
	}
	printf("{\"streams\":%u,\"seconds\":%.3f}\n", l->count, (double)(loop_now_us() - begin) / 1e6);
	fflush(stdout);
}

/* --- commands --- */

static void leave(struct listen *l, long long user)
{
	char body[100], request[400], answer[1000];
	int n = snprintf(body, sizeof body, "{\"userId\":%lld,\"scheduleId\":%lld}", user, l->schedule), fd = connect_to(l);

	n = snprintf(request, sizeof request,
		"POST /queue/leave HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		l->host, n, body);
	if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n || recv(fd, answer, sizeof answer, 0) < 12) die("can't leave");
	if (memcmp(answer + 9, "204", 3) != 0) die("leave was not answered 204");
	close(fd);
}

static void tell_of_leaving(struct listen *l, long long user)
{
	leave(l, user);
	for (unsigned i = 0; i < l->count; i++) l->streams[i].told = false;
	memset(&l->spread, 0, sizeof l->spread);
	l->told = 0;
	l->asked_us = loop_now_us();
	while (l->told < l->count && loop_now_us() - l->asked_us < TOLD_US) turn(l, 10);
	printf("{\"told\":%u,\"of\":%u,\"us\":", l->told, l->count);
	spread_print(&l->spread);
	printf("}\n");
	l->asked_us = 0;
}

static void read_on(struct listen *l, double seconds)
{
	int64_t end = loop_now_us() + (int64_t)(seconds * 1e6);
	uint64_t before = l->events;

	while (loop_now_us() < end) turn(l, 10);
	printf("{\"events\":%llu,\"seconds\":%.1f}\n", (unsigned long long)(l->events - before), seconds);
}

static void obey(struct listen *l, const char *line)
{
	long long user;
	double seconds;

	if (sscanf(line, "leave %lld", &user) == 1) tell_of_leaving(l, user);
	else if (sscanf(line, "wait %lf", &seconds) == 1) read_on(l, seconds);
	else die("a command is \"leave USER\" or \"wait SECONDS\"");
	fflush(stdout);
}

/* Streams are read while no command comes, or the server would keep what nobody takes. */
static void obey_all(struct listen *l)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	char line[200];
	int in = epoll_create1(EPOLL_CLOEXEC);

	if (in < 0 || epoll_ctl(in, EPOLL_CTL_ADD, STDIN_FILENO, &e) != 0) die("standard input must be a pipe");
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		turn(l, 20);
		if (epoll_wait(in, &e, 1, 0) <= 0) continue;
		if (!fgets(line, sizeof line, stdin)) return;
		obey(l, line);
	}
}

/* --- the program --- */

static void read_arguments(struct listen *l, int argc, char **argv)
{
	int c;

	*l = (struct listen){.count = 10000};
	while ((c = getopt(argc, argv, "c:")) == 'c') l->count = (unsigned)atoi(optarg);
	if (c != -1 || argc - optind != 3 || !l->count) die("[-c STREAMS] HOST:PORT SCHEDULE FIRST_USER");
	l->host = argv[optind];
	l->address = target_parse(argv[optind]);
	l->schedule = atoll(argv[optind + 1]);
	l->first_user = atoll(argv[optind + 2]);
}

static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0) return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int main(int argc, char **argv)
{
	static struct listen l;

	read_arguments(&l, argc, argv);
	raise_limit();
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.streams = calloc(l.count, sizeof *l.streams);
	if (l.epoll < 0 || !l.streams) die("no memory");
	open_all(&l);
	obey_all(&l);
	return 0;
}
