/* /admin/...: what operators do. The routes' R_ADMIN has seen their token. */
#include "api/http/admin_routes.h"

#include "adapter/json/json_codec.h"
#include "api/app/steer_queue.h"
#include "api/http/exchange.h"

/* --- GET, PUT /admin/schedules/{id}/queue --- */

enum { MAX_ACTIVE_MAX = 10000000, ADMIT_MAX = 1000000 }; /* as in config_rows.h */

struct steer_request {
	struct exchange *x;
	struct steer_queue use;
};

static const struct json_field SETTING_FIELDS[] = {
	JSON_INT(struct queue_setting, max_active, "maxActive", 0, MAX_ACTIVE_MAX, JSON_REQUIRED),
	JSON_INT(struct queue_setting, admit_per_s, "admitPerSecond", 1, ADMIT_MAX, JSON_REQUIRED),
	JSON_BOOL(struct queue_setting, paused, "paused", JSON_REQUIRED),
};

static void count(struct buf *b, const char *key, bool known, int64_t n)
{
	if (known) j_int(b, key, n);
	else j_null(b, key);
}

static void answer_steered(struct exchange *x, const struct steer_queue *s)
{
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_int(&b, "maxActive", s->setting.max_active);
	j_int(&b, "admitPerSecond", s->setting.admit_per_s);
	j_bool(&b, "paused", s->setting.paused);
	count(&b, "waiting", s->counted, s->look.waiting);
	count(&b, "active", s->counted, s->look.active);
	j_obj_end(&b);
	exchange_json(x, 200, &b);
}

static void steer_done(struct flow *f)
{
	struct steer_request *r = container_of(f, struct steer_request, use.flow);

	if (r->use.outcome == STEER_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome == STEER_NO_SCHEDULE) exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND);
	else answer_steered(r->x, &r->use);
	steer_queue_finish(&r->use);
}

void admin_queue_get(struct exchange *x)
{
	struct steer_request *r = arena_new(&x->arena, struct steer_request);

	r->x = x;
	if (exchange_id_param(x, &r->use.schedule)) steer_queue_start(&r->use, x->app, steer_done);
}

void admin_queue_put(struct exchange *x)
{
	struct steer_request *r = arena_new(&x->arena, struct steer_request);

	r->x = x;
	r->use.set = true;
	if (!exchange_id_param(x, &r->use.schedule)) return;
	if (exchange_decode(x, SETTING_FIELDS, JSON_FIELDS(SETTING_FIELDS), &r->use.setting))
		steer_queue_start(&r->use, x->app, steer_done);
}
