#include "api/http/queue_routes.h"

#include <string.h>

#include "adapter/json/json_codec.h"
#include "api/app/leave_queue.h"
#include "api/http/http_internal.h"
#include "api/http/queue_internal.h"

struct queue_request {
	int64_t user, schedule, concert;
};

static const struct json_field PLACE_FIELDS[] = {
	JSON_INT(struct queue_request, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_INT(struct queue_request, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_INT(struct queue_request, concert, "concertId", 1, ID_MAX, JSON_OPTIONAL),
};

bool queue_schedule_arg(struct exchange *x, int64_t *ret)
{
	*ret = 0;
	if (!exchange_int_arg(x, "scheduleId", 1, ID_MAX, ret)) return false;
	if (!*ret) exchange_invalid(x, "scheduleId", "is missing");
	return *ret != 0;
}

/* --- a place as clients see it --- */

void queue_put_int_or_null(struct buf *b, const char *key, bool there, int64_t v)
{
	if (there) j_int(b, key, v);
	else j_null(b, key);
}

void queue_put_place(struct buf *b, struct services *app, int64_t schedule, int64_t user, const struct queue_place *p)
{
	struct queue_prospect prospect;

	queue_prospect_of(app, schedule, user, p, &prospect);
	j_obj_k(b, NULL);
	j_int(b, "scheduleId", schedule);
	j_int(b, "userId", user);
	j_str(b, "status", QUEUE_STATUS_NAME[p->status]);
	queue_put_int_or_null(b, "number", p->number > 0, p->number);
	queue_put_int_or_null(b, "rank", p->rank >= 0, p->rank);
	j_int(b, "total", p->total);
	queue_put_int_or_null(b, "etaSeconds", prospect.eta_s >= 0, prospect.eta_s);
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
	queue_put_place(&b, r->x->app, r->use.schedule, r->use.user, &r->use.call.place);
	exchange_json(r->x, 200, &b);
}

void queue_visit_refused(struct exchange *x, enum visit_outcome o, const struct flow *f)
{
	if (o == VISIT_FAILED) exchange_failed(x, f->err, f->steps[f->at].name);
	else if (o == VISIT_OTHER_CONCERT) exchange_invalid(x, "concertId", "is not this schedule's");
	else exchange_problem(x, VISIT_PROBLEM[o]);
}

static void visit_done(struct flow *f)
{
	struct visit_request *r = container_of(f, struct visit_request, use.flow);

	if (r->use.outcome == VISIT_PLACED) answer_place(r);
	else queue_visit_refused(r->x, r->use.outcome, f);
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
	if (exchange_user_arg(x, &r->use.user) && queue_schedule_arg(x, &r->use.schedule))
		visit_queue_start(&r->use, x->app, visit_done);
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
