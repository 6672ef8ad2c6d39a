/* GET /queue/tokens/verify, and GET /queue/ping, which takes the same way. */
#include "api/http/queue_routes.h"

#include "adapter/json/json_codec.h"
#include "api/app/check_place.h"
#include "api/http/http_internal.h"
#include "api/http/queue_internal.h"

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
	if (!queue_schedule_arg(x, &schedule)) return;
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
