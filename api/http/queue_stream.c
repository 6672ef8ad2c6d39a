/* GET /queue/events: one user's place as it changes, from the shard's board. */
#include "api/http/queue_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app/check_place.h"
#include "api/http/http_internal.h"
#include "api/http/queue_internal.h"
#include "api/http/stream.h"

struct queue_stream {
	struct stream stream;
	struct queue_watch watch;
	struct services *app;
	struct queue_place sent;
	enum queue_status announced; /* QUEUE_ACTIVE, QUEUE_SOLD_OUT: the client knows */
	struct buf data;			 /* of the event under way */
};

static const char *announcement(enum queue_status s)
{
	return s == QUEUE_ACTIVE ? "admitted" : s == QUEUE_SOLD_OUT ? "sold_out" : NULL;
}

/* An id says what the client has been told: who comes back with it is not told of an admission twice. */
static bool give_event(struct queue_stream *s, const char *name, struct stream_event *ret)
{
	const struct queue_place *p = &s->watch.place;

	queue_put_place(&s->data, s->app, s->watch.schedule, s->watch.user, p);
	ret->head_len = (size_t)snprintf(ret->head, sizeof ret->head,
		"id: %s-%lld-%lld\nevent: %s\ndata: ", QUEUE_STATUS_NAME[p->status], (long long)p->number, (long long)p->rank,
		name);
	ret->data = s->data.data;
	ret->data_len = s->data.len;
	return true;
}

static bool is_told(const struct queue_stream *s)
{
	const struct queue_place *a = &s->sent, *b = &s->watch.place;

	return a->status == b->status && a->number == b->number && a->rank == b->rank && a->total == b->total &&
		a->expires_ms == b->expires_ms;
}

/* The position, then what it means. */
static bool fill_places(struct stream *stream, struct stream_event *ret)
{
	struct queue_stream *s = container_of(stream, struct queue_stream, stream);
	enum queue_status now = s->watch.place.status, before = s->announced;

	buf_finish(&s->data);
	buf_init(&s->data, NULL);
	if (now == QUEUE_NOBODY) {
		stream_end(stream); /* coming back, the client hears 404 */
		return false;
	}
	if (!is_told(s)) {
		s->sent = s->watch.place;
		return give_event(s, "position", ret);
	}
	s->announced = now;
	return announcement(now) && before != now && give_event(s, announcement(now), ret);
}

static void place_changed(struct queue_watch *w)
{
	stream_poke(&container_of(w, struct queue_stream, watch)->stream);
}

static void stream_closed(struct stream *stream)
{
	struct queue_stream *s = container_of(stream, struct queue_stream, stream);

	queue_board_unwatch(s->app->board, &s->watch);
	buf_finish(&s->data);
	free(s);
}

static enum queue_status status_of_id(const char *id)
{
	static const enum queue_status ANNOUNCED[] = {QUEUE_ACTIVE, QUEUE_SOLD_OUT};

	for (size_t i = 0; id && i < sizeof ANNOUNCED / sizeof *ANNOUNCED; i++) {
		size_t n = strlen(QUEUE_STATUS_NAME[ANNOUNCED[i]]);

		if (strncmp(id, QUEUE_STATUS_NAME[ANNOUNCED[i]], n) == 0 && id[n] == '-') return ANNOUNCED[i];
	}
	return QUEUE_NOBODY;
}

/* Nothing of the exchange's arena may be touched after stream_start. */
static void start_places(struct exchange *x, const struct visit_queue *v)
{
	struct queue_stream *s = calloc(1, sizeof *s);

	if (!s) abort();
	s->stream.fill = fill_places;
	s->stream.closed = stream_closed;
	s->app = x->app;
	s->announced = status_of_id(x->headers.last_event_id);
	s->watch.schedule = v->schedule;
	s->watch.user = v->user;
	s->watch.place = v->call.place;
	s->watch.changed = place_changed;
	buf_init(&s->data, NULL);
	queue_board_watch(x->app->board, &s->watch);
	stream_start(&s->stream, x);
}

/* First where the user stands, then the board, which must know the room before it can be watched. */
struct events_request {
	struct exchange *x;
	struct visit_queue use;
	struct flow flow;
	struct queue_ask ask;
};

static void ask_sight(struct flow *f)
{
	struct events_request *r = container_of(f, struct events_request, flow);

	r->ask = (struct queue_ask){.call.flow = f, .schedule = r->use.schedule, .sight = true};
	queue_board_ask(r->x->app->board, &r->ask);
}

static int sight_known(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step EVENTS_STEPS[] = {{"ask_sight", ask_sight, sight_known}};

static void sight_done(struct flow *f)
{
	struct events_request *r = container_of(f, struct events_request, flow);

	visit_queue_finish(&r->use);
	if (tk_failed(f->err)) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else start_places(r->x, &r->use);
}

static void events_visited(struct flow *f)
{
	struct events_request *r = container_of(f, struct events_request, use.flow);

	if (r->use.outcome == VISIT_PLACED) {
		flow_start(&r->flow, EVENTS_STEPS, 0, sight_done);
		return;
	}
	queue_visit_refused(r->x, r->use.outcome, f);
	visit_queue_finish(&r->use);
}

/* EventSource sends no headers: the queue token says as much as the bearer's. */
static bool events_user(struct exchange *x, int64_t schedule, int64_t *ret)
{
	const char *token;
	struct queue_ticket t;

	if (!exchange_arg(x, "token", &token)) return false;
	if (!token) return exchange_authenticated(x) && exchange_user_arg(x, ret);
	if (queue_ticket_of(x->app, token, schedule, &t)) {
		x->user = t.user;
		return exchange_user_arg(x, ret);
	}
	exchange_problem(x, PROBLEM_QUEUE_TOKEN_INVALID);
	return false;
}

void queue_events_get(struct exchange *x)
{
	struct events_request *r = arena_new(&x->arena, struct events_request);

	r->x = x;
	if (queue_schedule_arg(x, &r->use.schedule) && events_user(x, r->use.schedule, &r->use.user))
		visit_queue_start(&r->use, x->app, events_visited);
}
