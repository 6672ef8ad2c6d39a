#include "api/http/queue_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_codec.h"
#include "api/app/check_place.h"
#include "api/app/leave_queue.h"
#include "api/app/look_draw.h"
#include "api/app/visit_queue.h"
#include "api/http/exchange.h"
#include "api/http/http_internal.h"
#include "api/http/stream.h"
#include "runtime/hmac.h"

struct queue_request {
	int64_t user, schedule, concert;
};

static const struct json_field PLACE_FIELDS[] = {
	JSON_INT(struct queue_request, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_INT(struct queue_request, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_INT(struct queue_request, concert, "concertId", 1, ID_MAX, JSON_OPTIONAL),
};

static bool schedule_arg(struct exchange *x, int64_t *ret)
{
	*ret = 0;
	if (!exchange_int_arg(x, "scheduleId", 1, ID_MAX, ret)) return false;
	if (!*ret) exchange_invalid(x, "scheduleId", "is missing");
	return *ret != 0;
}

/* --- a place as clients see it --- */

static void put_int_or_null(struct buf *b, const char *key, bool there, int64_t v)
{
	if (there) j_int(b, key, v);
	else j_null(b, key);
}

static void put_place(struct buf *b, struct services *app, int64_t schedule, int64_t user, const struct queue_place *p)
{
	struct queue_prospect prospect;

	queue_prospect_of(app, schedule, user, p, &prospect);
	j_obj_k(b, NULL);
	j_int(b, "scheduleId", schedule);
	j_int(b, "userId", user);
	j_str(b, "status", QUEUE_STATUS_NAME[p->status]);
	put_int_or_null(b, "number", p->number > 0, p->number);
	put_int_or_null(b, "rank", p->rank >= 0, p->rank);
	j_int(b, "total", p->total);
	put_int_or_null(b, "etaSeconds", prospect.eta_s >= 0, prospect.eta_s);
	j_str(b, "token", *prospect.token ? prospect.token : NULL);
	j_int(b, "pollAfterMs", prospect.poll_after_ms);
	j_time(b, "expiresAt", p->expires_ms);
	j_obj_end(b);
}

/* --- POST /queue/enter, GET /queue/status --- */

struct visit_request {
	struct exchange *x;
	struct visit_queue use;
};

static const enum problem VISIT_PROBLEM[VISIT_OUTCOMES] = {
	[VISIT_NO_SCHEDULE] = PROBLEM_SCHEDULE_NOT_FOUND,
	[VISIT_NO_QUEUE] = PROBLEM_QUEUE_NOT_REQUIRED,
	[VISIT_CLOSED] = PROBLEM_SCHEDULE_CLOSED,
	[VISIT_SOLD_OUT] = PROBLEM_SOLD_OUT,
	[VISIT_NO_PLACE] = PROBLEM_NOT_IN_QUEUE,
};

static void answer_place(struct visit_request *r)
{
	struct buf b;

	buf_init(&b, &r->x->arena);
	put_place(&b, r->x->app, r->use.schedule, r->use.user, &r->use.call.place);
	exchange_json(r->x, 200, &b);
}

static void answer_refused(struct exchange *x, enum visit_outcome o, const struct flow *f)
{
	if (o == VISIT_FAILED) exchange_failed(x, f->err, f->steps[f->at].name);
	else if (o == VISIT_OTHER_CONCERT) exchange_invalid(x, "concertId", "is not this schedule's");
	else exchange_problem(x, VISIT_PROBLEM[o]);
}

static void visit_done(struct flow *f)
{
	struct visit_request *r = container_of(f, struct visit_request, use.flow);

	if (r->use.outcome == VISIT_PLACED) answer_place(r);
	else answer_refused(r->x, r->use.outcome, f);
	visit_queue_finish(&r->use);
}

void queue_enter_post(struct exchange *x)
{
	struct queue_request q = {0};

	if (!exchange_decode(x, PLACE_FIELDS, JSON_FIELDS(PLACE_FIELDS), &q)) return;
	struct visit_request *r = arena_new(&x->arena, struct visit_request);
	if (!exchange_user(x, q.user, &r->use.user) || !exchange_rate(x, r->use.user)) return;
	r->x = x;
	r->use.schedule = q.schedule;
	r->use.concert = q.concert;
	r->use.token = x->headers.queue_token;
	r->use.enter = true;
	visit_queue_start(&r->use, x->app, visit_done);
}

void queue_status_get(struct exchange *x)
{
	struct visit_request *r = arena_new(&x->arena, struct visit_request);

	r->x = x;
	if (exchange_user_arg(x, &r->use.user) && schedule_arg(x, &r->use.schedule))
		visit_queue_start(&r->use, x->app, visit_done);
}

/* --- GET /queue/events --- */

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

	put_place(&s->data, s->app, s->watch.schedule, s->watch.user, p);
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
	answer_refused(r->x, r->use.outcome, f);
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
	if (schedule_arg(x, &r->use.schedule) && events_user(x, r->use.schedule, &r->use.user))
		visit_queue_start(&r->use, x->app, events_visited);
}

/* --- POST /queue/leave, /queue/tokens/expire --- */

struct leave_request {
	struct exchange *x;
	struct leave_queue use;
};

static void leave_done(struct flow *f)
{
	struct leave_request *r = container_of(f, struct leave_request, use.flow);

	if (r->use.outcome == LEAVE_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome == LEAVE_NO_SCHEDULE) exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND);
	else exchange_empty(r->x, 204);
	leave_queue_finish(&r->use);
}

void queue_leave_post(struct exchange *x)
{
	struct queue_request q = {0};
	int64_t user;

	if (!exchange_decode(x, PLACE_FIELDS, JSON_FIELDS(PLACE_FIELDS), &q)) return;
	if (!exchange_user(x, q.user, &user)) return;
	struct leave_request *r = arena_new(&x->arena, struct leave_request);
	r->x = x;
	leave_queue_start(&r->use, x->app, q.schedule, user, leave_done);
}

struct token_request {
	char token[QUEUE_TOKEN_TEXT + 200];
};

static const struct json_field TOKEN_FIELDS[] = {
	JSON_BYTES(struct token_request, token, "token", 1, 200, JSON_REQUIRED),
};

void queue_expire_post(struct exchange *x)
{
	struct token_request q = {0};
	struct queue_ticket t;

	if (!exchange_decode(x, TOKEN_FIELDS, JSON_FIELDS(TOKEN_FIELDS), &q)) return;
	if (!x->app->tokens->read(x->app->tokens, q.token, strlen(q.token), &t)) {
		exchange_problem(x, PROBLEM_QUEUE_TOKEN_INVALID);
		return;
	}
	struct leave_request *r = arena_new(&x->arena, struct leave_request);
	r->x = x;
	expire_token_start(&r->use, x->app, &t, leave_done);
}

/* --- GET /queue/tokens/verify, /queue/ping --- */

struct verify_request {
	struct exchange *x;
	struct check_place use;
};

static void answer_admitted(struct exchange *x, const struct check_place *c)
{
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_int(&b, "userId", c->ticket.user);
	j_int(&b, "scheduleId", c->ticket.schedule);
	j_str(&b, "status", QUEUE_STATUS_NAME[QUEUE_ACTIVE]);
	j_int(&b, "expiresInSeconds", (c->call.expires_in_ms + 999) / 1000);
	j_obj_end(&b);
	exchange_json(x, 200, &b);
}

static void verify_done(struct flow *f)
{
	struct verify_request *r = container_of(f, struct verify_request, use.flow);

	if (tk_failed(f->err)) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.call.verdict == VERIFY_ACTIVE) answer_admitted(r->x, &r->use);
	else if (r->use.call.verdict == VERIFY_WAITING) exchange_problem(r->x, PROBLEM_QUEUE_NOT_ADMITTED);
	else exchange_problem(r->x, PROBLEM_QUEUE_TOKEN_INVALID);
}

void queue_verify_get(struct exchange *x)
{
	struct verify_request *r = arena_new(&x->arena, struct verify_request);
	int64_t schedule;

	r->x = x;
	if (!schedule_arg(x, &schedule)) return;
	if (!x->headers.queue_token) exchange_problem(x, PROBLEM_QUEUE_TOKEN_REQUIRED);
	else if (queue_ticket_of(x->app, x->headers.queue_token, schedule, &r->use.ticket))
		check_place_start(&r->use, x->app, verify_done);
	else exchange_problem(x, PROBLEM_QUEUE_TOKEN_INVALID);
}

/* The way of verify, for a place that nobody has: whatever the store says, it has answered. */
struct ping_request {
	struct exchange *x;
	struct flow flow;
	struct queue_verify call;
};

static void ask_nobody(struct flow *f)
{
	struct ping_request *r = container_of(f, struct ping_request, flow);

	r->call.call.flow = f;
	r->x->app->queue->verify(r->x->app->queue, &r->call);
}

static int nobody_found(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step PING_STEPS[] = {{"ask_nobody", ask_nobody, nobody_found}};

static void ping_done(struct flow *f)
{
	struct exchange *x = container_of(f, struct ping_request, flow)->x;
	struct buf b;

	if (tk_failed(f->err)) {
		exchange_failed(x, f->err, f->steps[f->at].name);
		return;
	}
	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_str(&b, "status", "UP");
	j_obj_end(&b);
	exchange_json(x, 200, &b);
}

void queue_ping_get(struct exchange *x)
{
	struct ping_request *r = arena_new(&x->arena, struct ping_request);

	r->x = x;
	flow_start(&r->flow, PING_STEPS, 0, ping_done);
}

/* --- GET /queue/serving --- */

enum { ANSWERS_MAX = 64 };

/* Direct-mapped by schedule, as in seat_routes.c. */
struct queue_answers {
	struct {
		struct queue_news *news;
		struct MHD_Response *made;
	} of[ANSWERS_MAX];
};

static void forget(struct queue_answers *a, size_t slot)
{
	if (a->of[slot].made) MHD_destroy_response(a->of[slot].made);
	queue_news_unref(a->of[slot].news);
	a->of[slot].made = NULL;
	a->of[slot].news = NULL;
}

struct queue_answers *queue_answers_create(void)
{
	return calloc(1, sizeof(struct queue_answers));
}

void queue_answers_destroy(struct queue_answers *a)
{
	for (size_t slot = 0; a && slot < ANSWERS_MAX; slot++) forget(a, slot);
	free(a);
}

static struct MHD_Response *make_serving(const struct queue_news *n)
{
	bool stands = n->setting.paused || n->setting.max_active == 0;
	struct MHD_Response *r;
	struct buf b;

	buf_init(&b, NULL);
	j_obj_k(&b, NULL);
	j_int(&b, "serving", n->look.serving);
	j_int(&b, "waiting", n->look.waiting);
	j_int(&b, "admitPerSecond", stands ? 0 : n->setting.admit_per_s);
	j_obj_end(&b);
	r = MHD_create_response_from_buffer(b.len, b.data, MHD_RESPMEM_MUST_COPY);
	buf_finish(&b);
	MHD_add_response_header(r, "Content-Type", "application/json");
	MHD_add_response_header(r, "Cache-Control", "public, max-age=1");
	return r;
}

static void answer_serving(struct exchange *x, struct queue_news *n)
{
	struct queue_answers *a = x->http->queue_answers;
	size_t slot = (size_t)n->schedule % ANSWERS_MAX;

	if (x->extra_count || x->http->draining) {
		struct MHD_Response *own = make_serving(n); /* headers of its own (CORS, Connection) */

		exchange_add_headers(x, own);
		exchange_response(x, 200, own);
		MHD_destroy_response(own);
		return;
	}
	if (a->of[slot].news != n) {
		forget(a, slot);
		a->of[slot].news = queue_news_ref(n);
		a->of[slot].made = make_serving(n);
		exchange_vary(x->app, a->of[slot].made);
	}
	exchange_response(x, 200, a->of[slot].made);
}

struct serving_request {
	struct exchange *x;
	struct flow flow;
	struct find_schedule find;
	struct queue_ask ask;
	int64_t schedule;
	enum problem refused; /* PROBLEMS: not */
};

static struct serving_request *serving_self(struct flow *f)
{
	return container_of(f, struct serving_request, flow);
}

static void serving_find(struct flow *f)
{
	struct serving_request *r = serving_self(f);
	find_schedule_ask(&r->find, r->x->app, f, r->schedule);
}

static int serving_found(struct flow *f)
{
	struct serving_request *r = serving_self(f);

	if (tk_failed(f->err)) return FLOW_END;
	if (find_schedule_got(&r->find, r->x->app, NULL, 0, NULL) != FOUND) r->refused = PROBLEM_SCHEDULE_NOT_FOUND;
	else if (!r->find.schedule.queue_required) r->refused = PROBLEM_QUEUE_NOT_REQUIRED;
	return r->refused == PROBLEMS ? 1 : FLOW_END;
}

static void serving_look(struct flow *f)
{
	struct serving_request *r = serving_self(f);

	r->ask = (struct queue_ask){.call.flow = f, .schedule = r->schedule, .sight = true};
	queue_board_ask(r->x->app->board, &r->ask);
}

static int serving_looked(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step SERVING_STEPS[] = {
	{"find_schedule", serving_find, serving_found},
	{"look", serving_look, serving_looked},
};

static void serving_done(struct flow *f)
{
	struct serving_request *r = serving_self(f);
	struct queue_news *n = tk_failed(f->err) ? NULL : queue_board_sight(r->x->app->board, r->schedule);

	if (tk_failed(f->err)) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->refused != PROBLEMS) exchange_problem(r->x, r->refused);
	else if (!n) exchange_failed(r->x, TK_ERR(TK_UNAVAILABLE, "no fresh sight"), "look");
	else answer_serving(r->x, n);
	find_schedule_finish(&r->find);
}

/* Nearly always answered from what is known already; a sight is only kept of concerts that need a queue. */
void queue_serving_get(struct exchange *x)
{
	int64_t schedule;

	if (!schedule_arg(x, &schedule)) return;
	struct queue_news *n = queue_board_sight(x->app->board, schedule);
	if (n) {
		answer_serving(x, n);
		return;
	}
	struct serving_request *r = arena_new(&x->arena, struct serving_request);
	r->x = x;
	r->schedule = schedule;
	r->refused = PROBLEMS;
	flow_start(&r->flow, SERVING_STEPS, 0, serving_done);
}

/* --- GET /queue/draw --- */

struct draw_request {
	struct exchange *x;
	struct look_draw use;
};

static void answer_draw(struct exchange *x, const struct look_draw *l)
{
	char commitment[2 * HMAC_SIZE + 1], seed[2 * QUEUE_SEED + 1];
	uint8_t hash[HMAC_SIZE];
	struct buf b;

	sha256(l->draw.seed, sizeof l->draw.seed, hash);
	hex_text(commitment, hash, sizeof hash);
	hex_text(seed, l->draw.seed, sizeof l->draw.seed);
	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_time(&b, "opensAt", l->find.schedule.sale_opens_at_ms);
	j_str(&b, "algorithm", "HMAC-SHA256");
	j_str(&b, "commitment", commitment);
	j_str(&b, "seed", l->draw.count >= 0 ? seed : NULL);
	put_int_or_null(&b, "count", l->draw.count >= 0, l->draw.count);
	j_obj_end(&b);
	exchange_json(x, 200, &b);
}

static void draw_done(struct flow *f)
{
	struct draw_request *r = container_of(f, struct draw_request, use.flow);

	switch (r->use.outcome) {
	case DRAW_KNOWN: answer_draw(r->x, &r->use); break;
	case DRAW_FAILED: exchange_failed(r->x, f->err, f->steps[f->at].name); break;
	case DRAW_NO_SCHEDULE: exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND); break;
	case DRAW_NONE: exchange_problem(r->x, PROBLEM_NOT_FOUND); break;
	}
	look_draw_finish(&r->use);
}

void queue_draw_get(struct exchange *x)
{
	struct draw_request *r = arena_new(&x->arena, struct draw_request);

	r->x = x;
	if (schedule_arg(x, &r->use.schedule)) look_draw_start(&r->use, x->app, draw_done);
}
