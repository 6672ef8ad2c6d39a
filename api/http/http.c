#include "api/http/http.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/json/json_codec.h"
#include "api/http/http_internal.h"
#include "api/http/seat_routes.h"
#include "api/http/stream.h"
#include "runtime/metrics.h"

enum {
	MEMORY_PER_CONNECTION = 8192, /* request line and headers must fit, beside the answer's headers */
	IDLE_MS = 75000, /* a request line must be whole by then, however it trickles */
	STALLED_S = 60,  /* no progress: idle between requests, or not reading its answer */
	TICK_MS = 100,
	BACKLOG = 4096,
	ACCEPTS_A_TURN = 256,
	RUNS_A_TURN = 4,
	BURST_BLOCKS = 1024, /* of arenas, freed since the last look: a burst was there */
	BURST_OVER = 64      /* requests under way, at most */
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

/* libmicrohttpd notices the shutdown as a hang-up and cleans up by itself. */
static void reap(struct client_list *list, int64_t now_ms)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list)) && c->deadline_ms <= now_ms) {
		shutdown(c->fd, SHUT_RDWR);
		client_moves(c, NULL, 0);
	}
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;
	struct client *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof *c);
		if (!c) abort();
		c->http = h;
		c->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		*socket_context = c;
		h->connections++;
		client_arrives(c);
		metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, 1);
		return;
	}
	client_moves(c, NULL, 0);
	free(c);
	*socket_context = NULL;
	h->connections--;
	metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, -1);
}

/* --- requests --- */

static struct client *client_of(struct MHD_Connection *conn)
{
	return MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct exchange *x = exchange_create(cls, conn);

	x->client = client_of(conn);
	x->bad_uri = guard_uri_is_bad(uri);
	if (x->client->list != &x->http->arriving) client_arrives(x->client);
	return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path, const char *method,
	const char *version, const char *data, size_t *n, void **context)
{
	struct exchange *x = *context;

	(void)cls;
	(void)conn;
	if (x->waiting) return MHD_YES;
	if (!x->begun) return exchange_begin(x, path, method, version);
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
	client_moves(x->client, &x->http->idle, loop_now_ms(x->app->loop) + (x->http->draining ? 0 : IDLE_MS));
	exchange_end(x);
	*context = NULL;
}

/* --- the loop --- */

/* libmicrohttpd asks for another run by a time-out of 0: a socket may have more to read, a resumed one is not watched
 * again before a read in vain, an answer has another part. Requests that wait make it ask too, without need; where
 * there are some, what has moved tells, and an answer under way gets a second run to meet the end of the socket's room. */
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

static void on_tick(struct timer *t)
{
	struct http *h = container_of(t, struct http, tick);
	int64_t now_ms = loop_now_ms(h->app->loop);

	reap(&h->arriving, now_ms);
	reap(&h->idle, now_ms);
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

/* True while more may be waiting. */
static bool accept_one(struct http *h)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int on = 1, fd = accept4(h->listener.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) return errno == ECONNABORTED || errno == EINTR;
	if (h->connections >= h->max_connections) {
		refuse(fd);
		return true;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	MHD_add_connection(h->mhd, fd, (struct sockaddr *)&addr, len); /* closes the socket when it fails */
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
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
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
	TAILQ_INIT(&h->arriving);
	TAILQ_INIT(&h->idle);
	LIST_INIT(&h->streams);
	h->json = json_decoder_create();
	h->seat_answers = seat_answers_create();
	h->metrics = http_metrics_create();
	h->no_content = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
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
	hook_remove(h->app->loop, &h->hook);
	watch_remove(h->app->loop, &h->epoll);
	MHD_stop_daemon(h->mhd);
	exchange_sweep(h);
	MHD_destroy_response(h->no_content);
	json_decoder_destroy(h->json);
	seat_answers_destroy(h->seat_answers);
	while ((x = h->spare)) {
		h->spare = x->next_free;
		free(x);
	}
	free(h);
}
