#include "api/http/seat_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/app/seating.h"
#include "api/http/exchange.h"
#include "api/http/http_internal.h"
#include "api/http/stream.h"

/* --- answers, made once per version --- */

enum { PLAIN, GZIP, ENCODINGS, ANSWERS_MAX = 64 };

/* Direct-mapped by schedule: a hot sale has a place of its own, a cold one costs a copy of pointers. */
struct seat_answers {
	struct {
		struct seat_map *map;
		struct MHD_Response *made[SEATS_BODIES][ENCODINGS];
	} of[ANSWERS_MAX];
};

static void unref_map(void *map)
{
	seat_map_unref(map);
}

static struct MHD_Response *make(struct seat_map *m, unsigned which, unsigned encoding)
{
	struct seat_body *b = &m->body[which];
	struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
		encoding == GZIP ? b->gzip_len : b->json_len, encoding == GZIP ? b->gzip : b->json, unref_map, seat_map_ref(m));

	MHD_add_response_header(r, "Content-Type", "application/json");
	MHD_add_response_header(r, "ETag", encoding == GZIP ? b->gzip_etag : b->etag);
	MHD_add_response_header(r, "Cache-Control", "public, max-age=1, stale-while-revalidate=2");
	MHD_add_response_header(r, "Vary", "Accept-Encoding");
	if (encoding == GZIP) MHD_add_response_header(r, "Content-Encoding", "gzip");
	return r;
}

static void forget(struct seat_answers *a, size_t slot)
{
	for (unsigned i = 0; i < SEATS_BODIES * ENCODINGS; i++) {
		struct MHD_Response **r = &a->of[slot].made[i / ENCODINGS][i % ENCODINGS];
		if (*r) MHD_destroy_response(*r);
		*r = NULL;
	}
	seat_map_unref(a->of[slot].map);
	a->of[slot].map = NULL;
}

static struct MHD_Response *answer_for(
	const struct services *app, struct seat_answers *a, struct seat_map *m, unsigned which, unsigned encoding)
{
	size_t slot = (size_t)m->schedule % ANSWERS_MAX;

	if (a->of[slot].map != m) {
		forget(a, slot);
		a->of[slot].map = seat_map_ref(m);
	}
	struct MHD_Response **r = &a->of[slot].made[which][encoding];
	if (!*r) {
		*r = make(m, which, encoding);
		exchange_vary(app, *r);
	}
	return *r;
}

struct seat_answers *seat_answers_create(void)
{
	return calloc(1, sizeof(struct seat_answers));
}

void seat_answers_destroy(struct seat_answers *a)
{
	for (size_t slot = 0; a && slot < ANSWERS_MAX; slot++) forget(a, slot);
	free(a);
}

/* --- what the client takes --- */

/* Accept-Encoding, RFC 9110 section 12.5.3: gzip, unless with q=0; where it is not named, so with *. */
static bool takes_gzip(const char *accept)
{
	bool any = false;

	while (accept && *accept) {
		accept += strspn(accept, " \t,");
		size_t n = strcspn(accept, ","), name = strcspn(accept, ",; \t");
		const char *q = memmem(accept, n, "q=", 2);
		bool welcome = !q || strtod(q + 2, NULL) > 0;
		if (name == 4 && strncasecmp(accept, "gzip", 4) == 0) return welcome;
		if (name == 1 && *accept == '*') any = welcome;
		accept += n;
	}
	return any;
}

/* If-None-Match, RFC 9110 section 13.1.2: a list, compared weakly. */
static bool has_version(const char *list, const char *etag)
{
	if (!list) return false;
	if (strcmp(list, "*") == 0) return true;
	return strstr(list, etag) != NULL;
}

static void answer_map(struct exchange *x, struct seat_map *m, unsigned which)
{
	unsigned encoding = takes_gzip(x->headers.accept_encoding) ? GZIP : PLAIN;
	const char *etag = encoding == GZIP ? m->body[which].gzip_etag : m->body[which].etag;
	/* The same answer: its headers are what a 200 would have, and a 304 has no body. */
	int status = has_version(x->headers.if_none_match, etag) ? 304 : 200;

	if (x->extra_count || x->http->draining) {
		struct MHD_Response *own = make(m, which, encoding); /* headers of its own (CORS, Connection) */
		exchange_add_headers(x, own);
		exchange_response(x, status, own);
		MHD_destroy_response(own);
	} else {
		exchange_response(x, status, answer_for(x->app, x->http->seat_answers, m, which, encoding));
	}
}

/* --- GET /schedules/{id}/seats and its relatives --- */

struct map_request {
	struct exchange *x;
	struct flow flow;
	struct seating_ask ask;
	unsigned which;
	void (*got)(struct exchange *x, struct seat_map *m, unsigned which);
};

static void look_up(struct flow *f)
{
	struct map_request *r = container_of(f, struct map_request, flow);

	r->ask.call.flow = f;
	r->ask.need = NEED_MAP;
	seating_ask(r->x->app->seating, &r->ask);
}

static int looked_up(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"look_up_map", look_up, looked_up}};

static void map_done(struct flow *f)
{
	struct map_request *r = container_of(f, struct map_request, flow);
	struct seat_map *m = tk_failed(f->err) ? NULL : seating_map(r->x->app->seating, r->ask.schedule);

	if (!tk_failed(f->err) && !r->ask.found) exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND);
	else if (!m)
		exchange_failed(r->x, tk_failed(f->err) ? f->err : TK_ERR(TK_UNAVAILABLE, "no fresh map"), "look_up_map");
	else r->got(r->x, m, r->which);
}

static void with_map(struct exchange *x, int64_t schedule, unsigned which,
	void (*got)(struct exchange *x, struct seat_map *m, unsigned which))
{
	struct seat_map *m = seating_map(x->app->seating, schedule);

	if (m) {
		got(x, m, which);
		return;
	}
	struct map_request *r = arena_new(&x->arena, struct map_request);
	r->x = x;
	r->ask.schedule = schedule;
	r->which = which;
	r->got = got;
	flow_start(&r->flow, STEPS, 0, map_done);
}

void seats_get(struct exchange *x)
{
	int64_t schedule;
	if (exchange_id_param(x, &schedule)) with_map(x, schedule, SEATS_ALL, answer_map);
}

void seats_available_get(struct exchange *x)
{
	int64_t schedule;
	if (exchange_id_param(x, &schedule)) with_map(x, schedule, SEATS_AVAILABLE, answer_map);
}

void seats_available_arg_get(struct exchange *x)
{
	int64_t schedule = 0;

	if (!exchange_int_arg(x, "scheduleId", 1, ID_MAX, &schedule)) return;
	if (!schedule) exchange_invalid(x, "scheduleId", "is missing");
	else with_map(x, schedule, SEATS_AVAILABLE, answer_map);
}

/* --- GET /schedules/{id}/seats/events --- */

struct seat_stream {
	struct stream stream;
	struct seating_watch watch;
	struct seating *seating;
	struct seat_map *latest;  /* NULL: it is under way, or has been sent */
	struct seat_map *sending; /* what the event under way is made of */
	uint64_t sent;			  /* version; 0: none yet */
};

static bool fill(struct stream *s, struct stream_event *ret)
{
	struct seat_stream *ss = container_of(s, struct seat_stream, stream);
	struct seat_map *m = ss->latest;

	seat_map_unref(ss->sending);
	ss->sending = m;
	ss->latest = NULL;
	if (!m || m->version == ss->sent) return false;
	bool step = ss->sent && m->version == ss->sent + 1 && m->delta;
	ret->head_len =
		(size_t)snprintf(ret->head, sizeof ret->head, "id: %s\nevent: seats\ndata: ", m->body[SEATS_ALL].etag);
	ret->data = step ? m->delta : m->whole;
	ret->data_len = step ? m->delta_len : m->whole_len;
	ss->sent = m->version;
	return true;
}

static void changed(struct seating_watch *w, struct seat_map *m)
{
	struct seat_stream *ss = container_of(w, struct seat_stream, watch);

	seat_map_unref(ss->latest);
	ss->latest = seat_map_ref(m);
	stream_poke(&ss->stream);
}

static void closed(struct stream *s)
{
	struct seat_stream *ss = container_of(s, struct seat_stream, stream);

	seating_unwatch(ss->seating, &ss->watch);
	seat_map_unref(ss->latest);
	seat_map_unref(ss->sending);
	free(ss);
}

static void start_stream(struct exchange *x, struct seat_map *m, unsigned which)
{
	struct seat_stream *ss = calloc(1, sizeof *ss);
	const char *last = x->headers.last_event_id;

	(void)which;
	if (!ss) abort();
	ss->stream.fill = fill;
	ss->stream.closed = closed;
	ss->seating = x->app->seating;
	ss->latest = seat_map_ref(m);
	/* The id is the content's hash: whoever has seen this very map, from whichever daemon, needs only what follows. */
	if (last && strcmp(last, m->body[SEATS_ALL].etag) == 0) ss->sent = m->version;
	ss->watch.schedule = m->schedule;
	ss->watch.changed = changed;
	seating_watch(ss->seating, &ss->watch);
	stream_start(&ss->stream, x);
}

void seat_events_get(struct exchange *x)
{
	int64_t schedule;
	if (exchange_id_param(x, &schedule)) with_map(x, schedule, SEATS_ALL, start_stream);
}
