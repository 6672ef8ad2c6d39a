/* Health and metrics. */
#include "api/http/ops_routes.h"

#include <string.h>

#include "api/app/read.h"
#include "api/http/exchange.h"
#include "api/http/http.h"
#include "api/jobs/backstage.h"
#include "runtime/metrics.h"

static void answer_status(struct exchange *x, int status, const char *word, const char *away)
{
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_str(&b, "status", word);
	if (away) j_str(&b, "away", *away ? away : NULL);
	j_obj_end(&b);
	if (status == 503) exchange_header(x, "Retry-After", "1");
	exchange_json(x, status, &b);
}

void livez_get(struct exchange *x)
{
	answer_status(x, 200, "UP", NULL);
}

void readyz_get(struct exchange *x)
{
	char away[200] = "";
	bool fatal = false;

	x->app->away(x->app, away, sizeof away, &fatal);
	if (http_draining(x->http)) answer_status(x, 503, "STOPPING", away);
	else answer_status(x, fatal ? 503 : 200, fatal ? "DOWN" : "UP", away);
}

/* Spring's word for it: as readyz, in its form, and without a word of what is away or of a stop. */
void health_get(struct exchange *x)
{
	char away[200] = "";
	bool fatal = false;

	x->app->away(x->app, away, sizeof away, &fatal);
	answer_status(x, fatal ? 503 : 200, fatal ? "DOWN" : "UP", NULL);
}

/* --- GET /metrics: the backlog is counted anew first, if the database answers in time --- */

struct metrics_request {
	struct exchange *x;
	struct read read;
	struct backstage_stats_ask ask;
};

static void ask_stats(struct read *read)
{
	struct metrics_request *r = container_of(read, struct metrics_request, read);
	backstage_stats(read->services->seating, &r->ask);
}

static void metrics_done(struct flow *f)
{
	struct exchange *x = container_of(f, struct metrics_request, read.flow)->x;
	bool openmetrics = x->headers.accept && strstr(x->headers.accept, "application/openmetrics-text");
	struct buf b;

	buf_init(&b, &x->arena);
	metrics_render(&b, openmetrics);
	exchange_text(x, 200,
		openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					: "text/plain; version=0.0.4; charset=utf-8",
		&b);
}

void metrics_get(struct exchange *x)
{
	struct metrics_request *r = arena_new(&x->arena, struct metrics_request);

	r->x = x;
	read_start(&r->read, x->app, &r->ask.call, ask_stats, metrics_done);
}
