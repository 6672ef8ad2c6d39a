#include "status_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/buf.h"
#include "runtime/err.h"
#include "runtime/listen.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

enum { CONNECTIONS_MAX = 64, MEMORY_PER_CONNECTION = 8192, STALLED_S = 10, BACKLOG = 64, TICK_MS = 250 };

struct status_http {
	struct loop *loop;
	struct MHD_Daemon *mhd;
	struct watch epoll;
	struct timer tick;
	struct status_source source;
};

/* --- answers --- */

static enum MHD_Result answer(struct MHD_Connection *conn, unsigned status, const char *type, struct buf *body)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
	buf_finish(body);
	if (!r) return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE) MHD_add_response_header(r, "Retry-After", "1");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		MHD_add_response_header(r, "Allow", "GET, HEAD");
		MHD_add_response_header(r, "Connection", "close");
	}
	enum MHD_Result ok = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result answer_state(struct MHD_Connection *conn, bool up, const char *away)
{
	struct buf b;
	buf_init(&b, NULL);
	j_obj_k(&b, NULL);
	j_str(&b, "status", up ? "UP" : "DOWN");
	if (away) j_str(&b, "away", *away ? away : NULL);
	j_obj_end(&b);
	return answer(conn, up ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "application/json", &b);
}

static enum MHD_Result answer_problem(struct MHD_Connection *conn, unsigned status, const char *title, const char *code)
{
	struct buf b;
	buf_init(&b, NULL);
	j_obj_k(&b, NULL);
	j_str(&b, "type", "about:blank");
	j_str(&b, "title", title);
	j_int(&b, "status", status);
	j_str(&b, "code", code);
	j_obj_end(&b);
	return answer(conn, status, "application/problem+json", &b);
}

static enum MHD_Result livez(struct status_http *h, struct MHD_Connection *conn)
{
	(void)h;
	return answer_state(conn, true, NULL);
}

static enum MHD_Result readyz(struct status_http *h, struct MHD_Connection *conn)
{
	char away[200] = "";
	bool ready = h->source.ready(h->source.ctx, away, sizeof away);
	return answer_state(conn, ready, away);
}

static enum MHD_Result health(struct status_http *h, struct MHD_Connection *conn)
{
	char away[200] = "";
	return answer_state(conn, h->source.ready(h->source.ctx, away, sizeof away), NULL);
}

static enum MHD_Result metrics(struct status_http *h, struct MHD_Connection *conn)
{
	const char *accept = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Accept");
	bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct buf b;
	(void)h;
	buf_init(&b, NULL);
	metrics_render(&b, openmetrics);
	return answer(conn, MHD_HTTP_OK,
		openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					: "text/plain; version=0.0.4; charset=utf-8",
		&b);
}

static const struct {
	const char *path;
	enum MHD_Result (*get)(struct status_http *h, struct MHD_Connection *conn);
} ROUTES[] = {
	{"/livez", livez},
	{"/readyz", readyz},
	{"/actuator/health", health},
	{"/metrics", metrics},
	{"/actuator/prometheus", metrics},
};

static enum MHD_Result dispatch(
	struct status_http *h, struct MHD_Connection *conn, const char *path, const char *method)
{
	if (strncmp(path, "/api/", 5) == 0) path += 4;
	for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
		if (strcmp(path, ROUTES[i].path) != 0) continue;
		if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) return ROUTES[i].get(h, conn);
		return answer_problem(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed", "METHOD_NOT_ALLOWED");
	}
	return answer_problem(conn, MHD_HTTP_NOT_FOUND, "Not Found", "NOT_FOUND");
}

/* Answered in the second call: an answer to the first would close the connection. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path, const char *method,
	const char *version, const char *data, size_t *n, void **context)
{
	static int seen;
	(void)version;
	(void)data;
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	if (*n) {
		*n = 0;
		return MHD_YES;
	}
	return dispatch(cls, conn, path, method);
}

/* --- on the loop --- */

static void on_epoll(struct watch *w, uint32_t events)
{
	(void)events;
	MHD_run(container_of(w, struct status_http, epoll)->mhd);
}

static void on_tick(struct timer *t)
{
	struct status_http *h = container_of(t, struct status_http, tick);
	MHD_run(h->mhd); /* its time-outs */
	timer_arm(h->loop, t, loop_now_ms(h->loop) + TICK_MS);
}

static bool attach(struct status_http *h, int fd)
{
	h->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_PER_CONNECTION, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALLED_S, MHD_OPTION_STRICT_FOR_CLIENT,
		1, MHD_OPTION_END);
	if (!h->mhd) {
		close(fd);
		return false;
	}
	h->epoll = (struct watch){MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN, on_epoll};
	if (watch_add(h->loop, &h->epoll) != 0) return false;
	h->tick.fired = on_tick;
	timer_arm(h->loop, &h->tick, loop_now_ms(h->loop) + TICK_MS);
	return true;
}

struct status_http *status_http_create(struct loop *l, const struct addr *a, const struct status_source *source)
{
	int fd = listen_tcp(a, BACKLOG, false);
	if (fd < 0) return NULL;
	struct status_http *h = calloc(1, sizeof *h);
	if (!h) abort();
	h->loop = l;
	h->source = *source;
	if (attach(h, fd)) return h;
	int saved = errno;
	if (h->mhd) MHD_stop_daemon(h->mhd);
	free(h);
	errno = saved;
	return NULL;
}

void status_http_destroy(struct status_http *h)
{
	if (!h) return;
	timer_stop(h->loop, &h->tick);
	watch_remove(h->loop, &h->epoll);
	MHD_stop_daemon(h->mhd); /* closes the listening socket too */
	free(h);
}
