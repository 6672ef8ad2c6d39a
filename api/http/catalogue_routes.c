/* /concerts, /schedules: lists and single ones. */
#include "api/http/catalogue_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app/read.h"
#include "api/app/seating.h"
#include "api/http/exchange.h"
#include "port/catalogue.h"
#include "runtime/when.h"

enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100 };

/* --- pages: the cursor is the last id, in a form that invites nobody to count with it --- */

static bool page_args(struct exchange *x, unsigned *ret_limit, int64_t *ret_after)
{
	const char *cursor;
	int64_t limit = LIMIT_DEFAULT;
	char *end;

	if (!exchange_int_arg(x, "limit", 1, LIMIT_MAX, &limit) || !exchange_arg(x, "cursor", &cursor)) return false;
	*ret_limit = (unsigned)limit;
	*ret_after = 0;
	if (!cursor) return true;
	if (cursor[0] == 'c' && strlen(cursor) <= 15 && cursor[1] &&
		cursor[1 + strspn(cursor + 1, "0123456789abcdef")] == '\0') {
		*ret_after = strtoll(cursor + 1, &end, 16);
		return true;
	}
	exchange_invalid(x, "cursor", "not a cursor of this list");
	return false;
}

static void put_cursor(struct buf *b, bool more, int64_t last_id)
{
	char text[24];

	snprintf(text, sizeof text, "c%llx", (unsigned long long)last_id);
	j_str(b, "nextCursor", more ? text : NULL);
}

/* --- GET /concerts --- */

struct concerts_request {
	struct exchange *x;
	struct read read;
	struct concerts_list list;
	unsigned limit;
};

static void ask_concerts(struct read *read)
{
	struct concerts_request *r = container_of(read, struct concerts_request, read);
	read->services->catalogue->concerts(read->services->catalogue, &r->list);
}

static void put_concert(struct buf *b, const struct concert *c)
{
	j_obj_k(b, NULL);
	j_int(b, "id", c->id);
	j_str(b, "title", c->title);
	j_str(b, "description", c->description);
	j_bool(b, "queueRequired", c->queue_required);
	j_obj_end(b);
}

static void concerts_done(struct flow *f)
{
	struct concerts_request *r = container_of(f, struct concerts_request, read.flow);
	unsigned n = r->list.count < r->limit ? r->list.count : r->limit;
	struct buf b;

	if (tk_failed(f->err)) {
		exchange_failed(r->x, f->err, "list_concerts");
		return;
	}
	buf_init(&b, &r->x->arena);
	j_obj_k(&b, NULL);
	j_arr_k(&b, "items");
	for (unsigned i = 0; i < n; i++) put_concert(&b, &r->list.items[i]);
	j_arr_end(&b);
	put_cursor(&b, r->list.count > r->limit, n ? r->list.items[n - 1].id : 0);
	j_obj_end(&b);
	exchange_json(r->x, 200, &b);
}

void concerts_get(struct exchange *x)
{
	struct concerts_request *r = arena_new(&x->arena, struct concerts_request);

	r->x = x;
	r->list.arena = &x->arena;
	if (!page_args(x, &r->limit, &r->list.after_id)) return;
	r->list.limit = r->limit + 1;
	read_start(&r->read, x->app, &r->list.call, ask_concerts, concerts_done);
}

/* --- schedules, each with what is left of it --- */

static void put_schedule(struct buf *b, const struct schedule *s, const int64_t remaining[GRADES])
{
	j_obj_k(b, NULL);
	j_int(b, "id", s->id);
	j_int(b, "concertId", s->concert_id);
	j_time(b, "showAt", s->show_at_ms);
	j_time(b, "saleOpensAt", s->sale_opens_at_ms);
	j_str(b, "status", SCHEDULE_STATUS_NAME[s->status]);
	j_obj_k(b, "remaining");
	for (unsigned g = 0; g < GRADES; g++) j_int(b, GRADE_NAME[g], remaining[g]);
	j_obj_end(b);
	j_obj_end(b);
}

/* GET /concerts/{id}/schedules and GET /schedules/{id}: the rows, then the map of each in turn. */
struct schedules_request {
	struct exchange *x;
	struct flow flow;
	struct schedules_list list;
	struct seating_ask ask;
	unsigned limit, shown, at;
	int64_t (*remaining)[GRADES];
};

enum { LIST_SCHEDULES, COUNT_SEATS };

static struct schedules_request *self(struct flow *f)
{
	return container_of(f, struct schedules_request, flow);
}

static void list_schedules(struct flow *f)
{
	struct schedules_request *r = self(f);

	r->list.call.flow = f;
	r->x->app->catalogue->schedules(r->x->app->catalogue, &r->list);
}

static int schedules_listed(struct flow *f)
{
	struct schedules_request *r = self(f);

	if (tk_failed(f->err)) return FLOW_END;
	r->shown = r->list.count < r->limit ? r->list.count : r->limit;
	r->remaining = arena_zalloc(&r->x->arena, (r->shown + 1) * sizeof *r->remaining);
	return r->shown ? COUNT_SEATS : FLOW_END;
}

static void count_seats(struct flow *f)
{
	struct schedules_request *r = self(f);

	r->ask = (struct seating_ask){.call.flow = f, .schedule = r->list.items[r->at].id, .need = NEED_MAP, .found = true};
	if (seating_map(r->x->app->seating, r->ask.schedule)) port_answer(&r->ask.call, TK_NONE);
	else seating_ask(r->x->app->seating, &r->ask);
}

static int seats_counted(struct flow *f)
{
	struct schedules_request *r = self(f);
	struct seat_map *m;

	if (tk_failed(f->err)) return FLOW_END;
	m = r->ask.found ? seating_map(r->x->app->seating, r->ask.schedule) : NULL;
	if (r->ask.found && !m) {
		f->err = TK_ERR(TK_UNAVAILABLE, "no fresh map");
		return FLOW_END;
	}
	if (m) memcpy(r->remaining[r->at], m->remaining, sizeof m->remaining);
	return ++r->at < r->shown ? COUNT_SEATS : FLOW_END;
}

static const struct flow_step STEPS[] = {
	[LIST_SCHEDULES] = {"list_schedules", list_schedules, schedules_listed},
	[COUNT_SEATS] = {"count_seats", count_seats, seats_counted},
};

static void answer_list(struct schedules_request *r)
{
	struct buf b;

	buf_init(&b, &r->x->arena);
	j_obj_k(&b, NULL);
	j_arr_k(&b, "items");
	for (unsigned i = 0; i < r->shown; i++) put_schedule(&b, &r->list.items[i], r->remaining[i]);
	j_arr_end(&b);
	put_cursor(&b, r->list.count > r->limit, r->shown ? r->list.items[r->shown - 1].id : 0);
	j_obj_end(&b);
	exchange_json(r->x, 200, &b);
}

static void schedules_done(struct flow *f)
{
	struct schedules_request *r = self(f);

	if (tk_failed(f->err)) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (!r->list.concert_found) exchange_problem(r->x, PROBLEM_NOT_FOUND);
	else answer_list(r);
}

static bool time_arg(struct exchange *x, const char *name, int64_t *ret)
{
	const char *s;

	*ret = TIME_NONE;
	if (!exchange_arg(x, name, &s)) return false;
	if (!s || when_parse(s, strlen(s), ret)) return true;
	exchange_invalid(x, name, "a time as in RFC 3339");
	return false;
}

static bool status_arg(struct exchange *x, int *ret)
{
	const char *s;

	*ret = SCHEDULE_ON_SALE;
	if (!exchange_arg(x, "status", &s)) return false;
	if (!s) return true;
	for (int i = 0; i < SCHEDULE_STATUSES; i++) {
		if (strcmp(s, SCHEDULE_STATUS_NAME[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	exchange_invalid(x, "status", "one of ON_SALE, CLOSED");
	return false;
}

void schedules_get(struct exchange *x)
{
	struct schedules_request *r = arena_new(&x->arena, struct schedules_request);

	r->x = x;
	r->list.arena = &x->arena;
	if (!exchange_id_param(x, &r->list.concert) || !page_args(x, &r->limit, &r->list.after_id)) return;
	if (!time_arg(x, "from", &r->list.from_ms) || !time_arg(x, "to", &r->list.to_ms)) return;
	if (!status_arg(x, &r->list.status)) return;
	r->list.limit = r->limit + 1;
	flow_start(&r->flow, STEPS, LIST_SCHEDULES, schedules_done);
}

static void schedule_done(struct flow *f)
{
	struct schedules_request *r = self(f);
	const struct seating_entry *e;
	struct buf b;

	if (tk_failed(f->err)) {
		exchange_failed(r->x, f->err, f->steps[f->at].name);
	} else if (!r->ask.found || !(e = seating_find(r->x->app->seating, r->ask.schedule))) {
		exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND);
	} else {
		buf_init(&b, &r->x->arena);
		put_schedule(&b, &e->schedule, r->remaining[0]);
		exchange_json(r->x, 200, &b);
	}
}

void schedule_get(struct exchange *x)
{
	struct schedules_request *r = arena_new(&x->arena, struct schedules_request);

	r->x = x;
	r->list.items = arena_new(&x->arena, struct schedule);
	r->remaining = arena_zalloc(&x->arena, sizeof *r->remaining);
	r->shown = 1;
	if (exchange_id_param(x, &r->list.items[0].id)) flow_start(&r->flow, STEPS, COUNT_SEATS, schedule_done);
}
