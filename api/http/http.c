#include "api/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/json/json_codec.h"
#include "api/http/http_internal.h"
#include "api/http/queue_routes.h"
#include "api/http/seat_routes.h"
#include "api/http/stream.h"
#include "runtime/metrics.h"

enum {
	IDLE_MS = 75000,
	CLOCK_MS = 20,	/* how coarse the system's clock of sockets may be */
	IDLE_LOOKS = 4, /* in the time of a request: how often an idle connection is asked whether a request has begun */
	STALLED_S = 60, /* no progress: idle between requests, or not reading its answer */
	SENDING_MS = 60000, /* an answer must have been read by then, however slowly: it may pin what it is made of */
	TICK_MS = 100,
	BACKLOG = 4096,
	ACCEPTS_A_TURN = 256,
	RUNS_A_TURN = 4,
	BURST_BLOCKS = 1024, /* of arenas, freed since the last look: a burst was there */
	BURST_OVER = 64		 /* requests under way, at most */
};

/* --- connections and their deadlines --- */

void client_moves(struct client *c, struct client_list *to, int64_t deadline_ms)
{
	if (c->list) TAILQ_REMOVE(c->list, c, link);
	c->list = to;
	c->deadline_ms = deadline_ms;
	if (to) TAILQ_INSERT_TAIL(to, c, link);
}

static void client_arrives(struct client *c)
{
	struct services *app = c->http->app;
	client_moves(c, &c->http->arriving, loop_now_ms(app->loop) + app->config->request_timeout_ms);
}

void client_hears(struct client *c)
{
	client_moves(c, &c->http->sending, loop_now_ms(c->http->app->loop) + SENDING_MS);
}

/* libmicrohttpd notices the shutdown as a hang-up and cleans up by itself. */
static void let_go(struct client *c)
{
	shutdown(c->fd, SHUT_RDWR);
	client_moves(c, NULL, 0);
}

static void reap(struct client_list *list, int64_t now_ms)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list)) && c->deadline_ms <= now_ms) let_go(c);
}

/* Of all shards: SO_REUSEPORT does not deal connections evenly. */
static atomic_uint places_taken;

static bool reserve_place(const struct http *h)
{
	if (atomic_fetch_add_explicit(&places_taken, 1, memory_order_relaxed) < h->max_connections) return true;
	atomic_fetch_sub_explicit(&places_taken, 1, memory_order_relaxed);
	return false;
}

static void release_place(void)
{
	atomic_fetch_sub_explicit(&places_taken, 1, memory_order_relaxed);
}

/* libmicrohttpd tells of a request when its first line is whole. Has one begun meanwhile? What came together with the
 * end of the request before is not seen. */
static bool has_begun(const struct tcp_info *info, int64_t idle_ms)
{
	return info->tcpi_last_data_recv + CLOCK_MS < idle_ms;
}

/* Its end came together with its last request: libmicrohttpd's edge-triggered watch is not told of it again. */
static bool has_said_all(const struct tcp_info *info)
{
	return info->tcpi_state == TCP_CLOSE_WAIT;
}

static bool look_at(const struct client *c, struct tcp_info *ret)
{
	socklen_t len = sizeof *ret;
	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, ret, &len) == 0;
}

static int64_t look_every_ms(const struct http *h)
{
	return h->app->config->request_timeout_ms / IDLE_LOOKS;
}

static void client_idles(struct client *c, int64_t now_ms)
{
	client_moves(c, &c->http->idle, c->http->draining ? 0 : now_ms + look_every_ms(c->http));
}

static void look_at_idle(struct http *h, int64_t now_ms)
{
	struct tcp_info info;
	struct client *c;

	while ((c = TAILQ_FIRST(&h->idle)) && c->deadline_ms <= now_ms) {
		int64_t idle_ms = now_ms - c->idle_since_ms;
		if (h->draining || idle_ms >= IDLE_MS || !look_at(c, &info) || has_said_all(&info)) let_go(c);
		else if (has_begun(&info, idle_ms)) client_arrives(c);
		else client_idles(c, now_ms);
	}
}

static void on_connection(
	void *cls, struct MHD_Connection *conn, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;
	struct client *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof *c);
		if (!c) abort();
		c->http = h;
		c->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		*socket_context = c;
		h->reserved = false;
		h->connections++;
		client_arrives(c);
		metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, 1);
		return;
	}
	client_moves(c, NULL, 0);
	free(c);
	*socket_context = NULL;
	h->connections--;
	release_place();
	metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, -1);
}

/* --- requests --- */

static struct client *client_of(struct MHD_Connection *conn)
{
	return MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The exchange begins with the handler's first call: libmicrohttpd never tells the end of headers that it refused. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct http *h = cls;
	struct client *c = client_of(conn);

	c->bad_uri = guard_uri_is_bad(uri);
	c->asked_us = loop_now_us();
	if (c->list != &h->arriving) client_arrives(c);
	return NULL;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path, const char *method,
	const char *version, const char *data, size_t *n, void **context)
{
	struct exchange *x = *context;

	if (!x) {
		*context = x = exchange_create(cls, conn, client_of(conn));
		return exchange_begin(x, path, method, version);
	}
	if (x->waiting) {
		exchange_still_waits(x);
		return MHD_YES;
	}
	if (*n) {
		enum MHD_Result r = exchange_body(x, data, *n);
		*n = 0;
		return r;
	}
	return exchange_dispatch(x);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **context, enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *context;

	(void)cls;
	(void)conn;
	(void)code;
	if (!x) return;
	int64_t now_ms = loop_now_us() / 1000; /* the loop's may be from before the request arrived */
	x->client->idle_since_ms = now_ms;
	client_idles(x->client, now_ms);
	exchange_end(x);
	*context = NULL;
}

/* --- the loop --- */

/* libmicrohttpd asks for another run by a time-out of 0: a socket may have more to read, a resumed one is not watched
 * again before a read in vain, an answer has another part. Requests that wait make it ask too, without need; where
 * there are some, what has moved tells, and an answer under way gets a second run to meet the end of the room. */
static bool run_again(struct http *h, int runs)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (h->resumed) return true;
	if (MHD_get_timeout(h->mhd, &wait_ms) != MHD_YES || wait_ms > 0) return false;
	return !h->waiting || h->moved || (runs < 2 && (h->answering || h->reading));
}

/* Bounded: what is left over is done before the loop sleeps. */
static void turn(struct http *h)
{
	int runs = 0;

	do {
		h->resumed = h->moved = false;
		MHD_run(h->mhd);
		exchange_sweep(h);
	} while (++runs < RUNS_A_TURN && run_again(h, runs));
	h->resumed = runs == RUNS_A_TURN && run_again(h, runs);
}

static void on_epoll(struct watch *w, uint32_t events)
{
	(void)events;
	turn(container_of(w, struct http, epoll));
}

static bool before_sleep(struct hook *hook)
{
	struct http *h = container_of(hook, struct http, hook);

	if (!h->resumed) return false;
	turn(h);
	return true;
}

/* What a burst of requests needed goes back to the system when it is over; before, that would only cost time. */
static void give_back_memory(struct http *h)
{
	size_t *freed = &h->app->arenas.freed;

	if (*freed < BURST_BLOCKS || h->busy > BURST_OVER) return;
	*freed = 0;
	malloc_trim(0);
}

static void take_spare(struct http *h)
{
	if (h->spare_fd < 0) h->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* What could not be accepted keeps the listener ready, and the loop would spin. */
static void listen_later(struct http *h)
{
	watch_change(h->app->loop, &h->listener, 0);
}

static void listen_again(struct http *h)
{
	take_spare(h);
	watch_change(h->app->loop, &h->listener, EPOLLIN);
}

static void on_tick(struct timer *t)
{
	struct http *h = container_of(t, struct http, tick);
	int64_t now_ms = loop_now_ms(h->app->loop);

	reap(&h->arriving, now_ms);
	look_at_idle(h, now_ms);
	reap(&h->sending, now_ms);
	if (!h->draining) listen_again(h);
	give_back_memory(h);
	turn(h);
	timer_arm(h->app->loop, t, now_ms + TICK_MS);
}

static void refuse(int fd)
{
	static const char BUSY[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
							   "Content-Length: 0\r\n\r\n";
	(void)!send(fd, BUSY, sizeof BUSY - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* Out of descriptors: the spare one's place serves to tell the client so. */
static bool refuse_one(struct http *h)
{
	if (h->spare_fd < 0) return false;
	close(h->spare_fd);
	h->spare_fd = -1;
	int fd = accept4(h->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) refuse(fd);
	take_spare(h);
	return fd >= 0;
}

/* True while more may be waiting. */
static bool not_accepted(struct http *h)
{
	if (errno == ECONNABORTED || errno == EINTR) return true;
	if (errno == EAGAIN) return false;
	if ((errno == EMFILE || errno == ENFILE) && refuse_one(h)) return true;
	listen_later(h);
	return false;
}

/* A peer that is gone without a word is found out, also where a stream waits for something to say. */
static void set_options(int fd)
{
	int on = 1, idle_s = STALLED_S, gone_ms = STALLED_S * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
}

static bool accept_one(struct http *h)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int fd = accept4(h->listener.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) return not_accepted(h);
	if (!reserve_place(h)) {
		refuse(fd);
		return true;
	}
	set_options(fd);
	h->reserved = true;
	MHD_add_connection(h->mhd, fd, (struct sockaddr *)&addr, len); /* closes the socket when it fails */
	if (h->reserved) release_place();
	h->reserved = false;
	return true;
}

static void on_listener(struct watch *w, uint32_t events)
{
	struct http *h = container_of(w, struct http, listener);

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && accept_one(h); i++) continue;
	turn(h);
}

/* --- start and stop --- */

static int listen_on(const struct addrinfo *a, bool exclusive_probe)
{
	int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!exclusive_probe) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int http_listen(const struct addr *a, bool exclusive_probe)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
	char port[8];

	snprintf(port, sizeof port, "%u", a->port);
	if (getaddrinfo(a->host, port, &hints, &found) != 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	int fd = listen_on(found, exclusive_probe);
	freeaddrinfo(found);
	return fd;
}

static struct MHD_Daemon *start_mhd(struct http *h)
{
	/* clang-format off */
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO, 0,
		NULL, NULL, on_request, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_CONNECTION_LIMIT, h->max_connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, h->max_connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALLED_S,
		MHD_OPTION_END);
	/* clang-format on */
}

static bool attach(struct http *h, int listen_fd)
{
	struct loop *l = h->app->loop;

	h->epoll = (struct watch){MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN, on_epoll};
	h->listener = (struct watch){listen_fd, EPOLLIN, on_listener};
	if (watch_add(l, &h->epoll) != 0 || watch_add(l, &h->listener) != 0) return false;
	h->hook.before_sleep = before_sleep;
	hook_add(l, &h->hook);
	h->tick.fired = on_tick;
	timer_arm(l, &h->tick, loop_now_ms(l) + TICK_MS);
	return true;
}

struct http *http_create(struct services *app, int listen_fd, unsigned max_connections)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h) return NULL;
	h->app = app;
	h->max_connections = max_connections;
	h->spare_fd = -1;
	take_spare(h);
	TAILQ_INIT(&h->arriving);
	TAILQ_INIT(&h->idle);
	TAILQ_INIT(&h->sending);
	LIST_INIT(&h->streams);
	LIST_INIT(&h->unanswered);
	h->json = json_decoder_create();
	h->seat_answers = seat_answers_create();
	h->queue_answers = queue_answers_create();
	h->metrics = http_metrics_create();
	h->no_content = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	exchange_vary(app, h->no_content);
	h->mhd = start_mhd(h);
	if (h->mhd && attach(h, listen_fd)) return h;
	return NULL;
}

static void close_listener(struct http *h)
{
	/* Closing resets what waits in the accept queue: serve it first. */
	while (accept_one(h)) continue;
	watch_remove(h->app->loop, &h->listener);
	close(h->listener.fd);
	h->listener.fd = -1;
}

void http_drain(struct http *h)
{
	struct stream *s, *next;
	struct client *c;

	if (h->draining) return;
	h->draining = true;
	close_listener(h);
	TAILQ_FOREACH(c, &h->idle, link) c->deadline_ms = 0;
	for (s = LIST_FIRST(&h->streams); s; s = next) {
		next = LIST_NEXT(s, link);
		stream_end(s);
	}
	turn(h);
}

size_t http_busy(const struct http *h)
{
	return h->busy;
}

size_t http_open(const struct http *h)
{
	return h->connections;
}

bool http_draining(const struct http *h)
{
	return h->draining;
}

void http_destroy(struct http *h)
{
	struct exchange *x;

	if (!h) return;
	if (!h->draining) http_drain(h);
	timer_stop(h->app->loop, &h->tick);
	h->closed = true;
	exchange_abandon(h);
	turn(h); /* libmicrohttpd hands out what was answered just now, and abhors suspended connections at its end */
	hook_remove(h->app->loop, &h->hook);
	watch_remove(h->app->loop, &h->epoll);
	MHD_stop_daemon(h->mhd);
	exchange_sweep(h);
	MHD_destroy_response(h->no_content);
	json_decoder_destroy(h->json);
	seat_answers_destroy(h->seat_answers);
	queue_answers_destroy(h->queue_answers);
	if (h->spare_fd >= 0) close(h->spare_fd);
	while ((x = h->spare)) {
		h->spare = x->next_free;
		free(x);
	}
	free(h);
}
