#include "api/http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/http_internal.h"
#include "runtime/listen.h"

enum { BACKLOG = 4096, ACCEPTS_A_TURN = 256, PEER_GONE_S = 60 };

/* --- places --- */

/* Of all shards: SO_REUSEPORT does not deal connections evenly. */
static atomic_uint places_taken;

static bool reserve_place(const struct listener *l)
{
	if (atomic_fetch_add_explicit(&places_taken, 1, memory_order_relaxed) < l->max_connections) return true;
	atomic_fetch_sub_explicit(&places_taken, 1, memory_order_relaxed);
	return false;
}

void listener_place_taken(struct http *h)
{
	h->listener.reserved = false;
}

void listener_place_free(void)
{
	atomic_fetch_sub_explicit(&places_taken, 1, memory_order_relaxed);
}

/* --- accepting --- */

static void take_spare(struct listener *l)
{
	if (l->spare_fd < 0) l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* What could not be accepted keeps the listener ready, and the loop would spin. */
static void listen_later(struct http *h)
{
	watch_change(h->app->loop, &h->listener.watch, 0);
}

void listener_wake(struct http *h)
{
	if (h->listener.watch.fd < 0) return;
	take_spare(&h->listener);
	watch_change(h->app->loop, &h->listener.watch, EPOLLIN);
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
	if (h->listener.spare_fd < 0) return false;
	close(h->listener.spare_fd);
	h->listener.spare_fd = -1;
	int fd = accept4(h->listener.watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) refuse(fd);
	take_spare(&h->listener);
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
	int on = 1, idle_s = PEER_GONE_S, gone_ms = PEER_GONE_S * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
}

static bool accept_one(struct http *h)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int fd = accept4(h->listener.watch.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) return not_accepted(h);
	if (!reserve_place(&h->listener)) {
		refuse(fd);
		return true;
	}
	set_options(fd);
	h->listener.reserved = true;
	MHD_add_connection(h->mhd, fd, (struct sockaddr *)&addr, len); /* closes the socket when it fails */
	if (h->listener.reserved) listener_place_free();
	h->listener.reserved = false;
	return true;
}

static void on_ready(struct watch *w, uint32_t events)
{
	struct http *h = container_of(w, struct http, listener.watch);

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && accept_one(h); i++) continue;
	http_turn(h);
}

/* --- start and stop --- */

int listener_open(const struct addr *a, bool exclusive_probe)
{
	return listen_tcp(a, BACKLOG, !exclusive_probe);
}

void listener_init(struct listener *l, int fd, unsigned max_connections)
{
	*l = (struct listener){.watch = {fd, EPOLLIN, on_ready}, .spare_fd = -1, .max_connections = max_connections};
	take_spare(l);
}

bool listener_start(struct http *h)
{
	return watch_add(h->app->loop, &h->listener.watch) == 0;
}

void listener_close(struct http *h)
{
	/* Closing resets what waits in the accept queue. */
	while (accept_one(h)) continue;
	watch_remove(h->app->loop, &h->listener.watch);
	close(h->listener.watch.fd);
	h->listener.watch.fd = -1;
}

void listener_finish(struct listener *l)
{
	if (l->spare_fd >= 0) close(l->spare_fd);
}
