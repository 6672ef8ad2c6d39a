#include "api/http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "api/http/http_internal.h"

enum { SPARES_MAX = 1024, WAITING_MAX = 256 };

struct exchange *exchange_create(struct http *h, struct MHD_Connection *conn, struct client *c)
{
	struct exchange *x = h->spare;

	if (x) {
		h->spare = x->next_free;
		h->spares--;
	} else if (!(x = malloc(sizeof *x))) {
		abort();
	}
	memset(x, 0, sizeof *x);
	x->http = h;
	x->app = h->app;
	x->conn = conn;
	x->client = c;
	x->started_us = c->asked_us;
	arena_init(&x->arena, &h->app->arenas);
	return x;
}

static void destroy(struct exchange *x)
{
	struct http *h = x->http;

	arena_finish(&x->arena);
	if (h->spares >= SPARES_MAX) {
		free(x);
		return;
	}
	x->next_free = h->spare;
	h->spare = x;
	h->spares++;
}

/* Not at once: somebody up the stack, or a flow that answered, still uses it. */
static void destroy_later(struct exchange *x)
{
	x->next_free = x->http->ended;
	x->http->ended = x;
	x->http->resumed = true;
}

void exchange_sweep(struct http *h)
{
	struct exchange *x;

	while ((x = h->ended)) {
		h->ended = x->next_free;
		destroy(x);
	}
}

void exchange_spares_free(struct http *h)
{
	struct exchange *x;

	while ((x = h->spare)) {
		h->spare = x->next_free;
		free(x);
	}
}

/* --- waiting --- */

/* A request that waits for its use case is not suspended: libmicrohttpd asks for its answer again in every run, which
 * costs less than what a suspension does (two epoll_ctl and a read in vain). */
void exchange_waits(struct exchange *x)
{
	x->waiting = true;
	x->http->waiting++;
}

/* Only so many, since each run visits them. Never in the call that brought the end of the request: a connection that is
 * suspended there is read from when it resumes, and a client that has shut down its half by then loses its answer. */
void exchange_still_waits(struct exchange *x)
{
	if (x->http->waiting <= WAITING_MAX) return;
	x->waiting = false;
	x->http->waiting--;
	MHD_suspend_connection(x->conn);
	x->suspended = true;
}

static void stop_waiting(struct exchange *x)
{
	if (x->waiting) x->http->waiting--;
	x->waiting = false;
	x->http->resumed = true;
}

/* The use case goes on; the arena keeps what it looks at. */
static void client_left(struct exchange *x)
{
	stop_waiting(x);
	x->gone = true;
	x->conn = NULL;
	x->client = NULL;
}

static void no_longer_busy(struct exchange *x)
{
	x->http->busy--;
	LIST_REMOVE(x, unanswered);
}

void exchange_is_answered(struct exchange *x, int status)
{
	x->answered = true;
	x->answered_us = loop_now_us();
	no_longer_busy(x);
	http_metrics_observe(x->http->metrics, x->route, status, x->answered_us - x->started_us);
}

void exchange_end(struct exchange *x)
{
	struct http *h = x->http;

	h->moved = true;
	if (x->answering) h->answering--;
	x->answering = false;
	if (!x->dispatched) h->reading--;
	if (x->waiting) {
		client_left(x);
		return;
	}
	if (!x->answered) no_longer_busy(x); /* cut off in the middle of its body */
	if (x->queueing) destroy_later(x);
	else destroy(x);
}

/* --- the answer's way out --- */

void exchange_response(struct exchange *x, int status, struct MHD_Response *r)
{
	exchange_is_answered(x, status);
	if (x->gone) {
		destroy_later(x);
		return;
	}
	x->answering = true;
	x->http->answering++;
	client_hears(x->client);
	if (x->waiting) stop_waiting(x);
	x->queueing = true; /* a connection that breaks here ends the exchange inside */
	MHD_queue_response(x->conn, (unsigned)status, r);
	x->queueing = false;
	if (x->suspended) {
		stop_waiting(x);
		MHD_resume_connection(x->conn);
	}
}

void exchange_is_stream(struct exchange *x)
{
	if (x->answering) x->http->answering--;
	x->answering = false;
	arena_finish(&x->arena);
}

void exchange_abandon(struct http *h)
{
	struct exchange *x, *next;

	for (x = LIST_FIRST(&h->unanswered); x; x = next) {
		next = LIST_NEXT(x, unanswered);
		if (x->gone) {
			no_longer_busy(x);
			destroy(x);
		} else if (x->dispatched) {
			exchange_problem(x, PROBLEM_UNAVAILABLE);
		} /* else its body is still arriving, and libmicrohttpd ends it */
	}
}
