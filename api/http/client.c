#include "api/http/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/http/http_internal.h"
#include "runtime/metrics.h"

enum {
	IDLE_MS = 60000,
	CLOCK_MS = 20,	/* how coarse the system's clock of sockets may be */
	IDLE_LOOKS = 4, /* in the time of a request: how often an idle connection is asked whether a request has begun */
	SENDING_MS = 60000, /* an answer must have been read by then, however slowly: it may pin what it is made of */
};

static void move(struct client *c, struct client_list *to, int64_t deadline_ms)
{
	if (c->list) TAILQ_REMOVE(c->list, c, link);
	c->list = to;
	c->deadline_ms = deadline_ms;
	if (to) TAILQ_INSERT_TAIL(to, c, link);
}

/* Those that have begun already keep their deadline. */
void client_arrives(struct client *c)
{
	struct services *app = c->http->app;

	if (c->list == &c->http->clients.arriving) return;
	move(c, &c->http->clients.arriving, loop_now_ms(app->loop) + app->config->request_timeout_ms);
}

void client_waits(struct client *c)
{
	move(c, NULL, 0);
}

void client_hears(struct client *c)
{
	move(c, &c->http->clients.sending, loop_now_ms(c->http->app->loop) + SENDING_MS);
}

static int64_t look_every_ms(const struct http *h)
{
	return h->app->config->request_timeout_ms / IDLE_LOOKS;
}

static void idle(struct client *c, int64_t now_ms)
{
	move(c, &c->http->clients.idle, c->http->draining ? 0 : now_ms + look_every_ms(c->http));
}

/* The loop's time alone may be from before the request arrived. */
void client_is_served(struct client *c, int64_t answered_ms)
{
	int64_t now_ms = loop_now_ms(c->http->app->loop);

	c->idle_since_ms = now_ms > answered_ms ? now_ms : answered_ms;
	idle(c, c->idle_since_ms);
}

struct client *client_create(struct http *h, int fd)
{
	struct client *c = calloc(1, sizeof *c);

	if (!c) abort();
	c->http = h;
	c->fd = fd;
	h->clients.count++;
	client_arrives(c);
	metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, 1);
	return c;
}

void client_destroy(struct client *c)
{
	struct http *h = c->http;

	move(c, NULL, 0);
	free(c);
	h->clients.count--;
	metrics_add(h->app->metrics, METRIC_CONNECTIONS, 0, -1);
}

/* --- the reaper --- */

/* libmicrohttpd notices the shutdown as a hang-up and cleans up by itself. */
void client_is_let_go(struct client *c)
{
	shutdown(c->fd, SHUT_RDWR);
	move(c, NULL, 0);
}

static void reap(struct client_list *list, int64_t now_ms)
{
	struct client *c;

	while ((c = TAILQ_FIRST(list)) && c->deadline_ms <= now_ms) client_is_let_go(c);
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

static void look_at_idle(struct http *h, int64_t now_ms)
{
	struct tcp_info info;
	struct client *c;

	while ((c = TAILQ_FIRST(&h->clients.idle)) && c->deadline_ms <= now_ms) {
		int64_t idle_ms = now_ms - c->idle_since_ms;
		if (h->draining || idle_ms >= IDLE_MS || !look_at(c, &info) || has_said_all(&info)) client_is_let_go(c);
		else if (has_begun(&info, idle_ms)) client_arrives(c);
		else idle(c, now_ms);
	}
}

void clients_reap(struct http *h, int64_t now_ms)
{
	reap(&h->clients.arriving, now_ms);
	look_at_idle(h, now_ms);
	reap(&h->clients.sending, now_ms);
}

void clients_let_idle_go(struct http *h)
{
	struct client *c;

	TAILQ_FOREACH(c, &h->clients.idle, link) c->deadline_ms = 0;
}

void clients_init(struct clients *all)
{
	TAILQ_INIT(&all->arriving);
	TAILQ_INIT(&all->idle);
	TAILQ_INIT(&all->sending);
}
