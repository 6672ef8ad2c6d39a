/* What everybody may know of a line: GET /queue/serving, GET /queue/draw. */
#include "api/http/queue_routes.h"

#include <stdlib.h>

#include "adapter/json/json_codec.h"
#include "api/app/look_draw.h"
#include "api/http/http_internal.h"
#include "api/http/queue_internal.h"
#include "runtime/hmac.h"

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
	r->find.last_known = true;
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

	if (!queue_schedule_arg(x, &schedule)) return;
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
	queue_put_int_or_null(&b, "count", l->draw.count >= 0, l->draw.count);
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
	if (queue_schedule_arg(x, &r->use.schedule)) look_draw_start(&r->use, x->app, draw_done);
}
