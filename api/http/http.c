#include "api/http/http.h"

#include <stdlib.h>

#include "adapter/json/json_codec.h"
#include "api/http/http_internal.h"
#include "api/http/queue_routes.h"
#include "api/http/seat_routes.h"
#include "api/http/stream.h"

/* --- what libmicrohttpd tells --- */

static struct client *client_of(struct MHD_Connection *conn)
{
	return MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_connection(
	void *cls, struct MHD_Connection *conn, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		listener_place_taken(h);
		*socket_context =
			client_create(h, MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
		return;
	}
	client_destroy(*socket_context);
	*socket_context = NULL;
	listener_place_free();
}

/* The exchange begins with the handler's first call: libmicrohttpd never tells the end of headers that it refused. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *conn)
{
	struct client *c = client_of(conn);

	c->bad_uri = guard_uri_is_bad(uri);
	c->asked_us = loop_now_us();
	client_arrives(c);
	if (guard_uri_is_cramped(uri)) exchange_refuse_line(cls, conn, c);
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
	client_is_served(x->client, x->answered_us / 1000);
	exchange_end(x);
	*context = NULL;
}

/* --- start and stop --- */

static struct MHD_Daemon *start_mhd(struct http *h)
{
	/* No MHD_OPTION_CONNECTION_TIMEOUT: the reaper (client.h) has a deadline for all that can stall, and libmicrohttpd's
	 * costs a clock, a lock and a list at each read and write. */
	/* clang-format off */
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO, 0,
		NULL, NULL, on_request, h,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_CONNECTION_LIMIT, h->listener.max_connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, h->listener.max_connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
		MHD_OPTION_END);
	/* clang-format on */
}

struct http *http_create(struct services *app, int listen_fd, unsigned max_connections)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h) return NULL;
	h->app = app;
	listener_init(&h->listener, listen_fd, max_connections);
	clients_init(&h->clients);
	LIST_INIT(&h->streams);
	LIST_INIT(&h->unanswered);
	h->json = json_decoder_create();
	h->seat_answers = seat_answers_create();
	h->queue_answers = queue_answers_create();
	h->metrics = http_metrics_create();
	h->no_content = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	exchange_vary(app, h->no_content);
	h->mhd = start_mhd(h);
	if (h->mhd && http_turn_start(h) && listener_start(h)) return h;
	return NULL;
}

void http_drain(struct http *h)
{
	struct stream *s, *next;

	if (h->draining) return;
	h->draining = true;
	listener_close(h);
	clients_let_idle_go(h);
	for (s = LIST_FIRST(&h->streams); s; s = next) {
		next = LIST_NEXT(s, link);
		stream_end(s);
	}
	http_turn(h);
}

size_t http_busy(const struct http *h)
{
	return h->busy;
}

size_t http_open(const struct http *h)
{
	return h->clients.count;
}

bool http_draining(const struct http *h)
{
	return h->draining;
}

void http_destroy(struct http *h)
{
	if (!h) return;
	if (!h->draining) http_drain(h);
	timer_stop(h->app->loop, &h->tick);
	h->closed = true;
	exchange_abandon(h);
	http_turn(h); /* libmicrohttpd hands out what was answered just now, and abhors suspended connections at its end */
	http_turn_stop(h);
	MHD_stop_daemon(h->mhd);
	exchange_sweep(h);
	MHD_destroy_response(h->no_content);
	json_decoder_destroy(h->json);
	seat_answers_destroy(h->seat_answers);
	queue_answers_destroy(h->queue_answers);
	listener_finish(&h->listener);
	exchange_spares_free(h);
	free(h);
}
