#include "adapter/pg/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/pg/pg.h"
#include "runtime/arena.h"
#include "runtime/mem.h"
#include "runtime/when.h"

struct pg_catalogue {
	struct catalogue port;
	struct pg *pg;
};

static struct pg *pg_of(struct catalogue *c)
{
	return container_of(c, struct pg_catalogue, port)->pg;
}

#define CALL(type, c) container_of(c, struct type, call)
#define ASKED(type, c) container_of(c, const struct type, call)

/* From column `col`: id, concert, show, sale opens, status, queue required. */
static struct schedule schedule_at(const struct pg_row *row, int col)
{
	size_t n;
	const char *status = pg_get_text(row, col + 4, &n);
	bool on_sale = n == strlen(SCHEDULE_STATUS_NAME[SCHEDULE_ON_SALE]) &&
		memcmp(status, SCHEDULE_STATUS_NAME[SCHEDULE_ON_SALE], n) == 0;
	return (struct schedule){
		.id = pg_get_i64(row, col),
		.concert_id = pg_get_i64(row, col + 1),
		.show_at_ms = pg_get_time(row, col + 2),
		.sale_opens_at_ms = pg_get_time(row, col + 3),
		.status = on_sale ? SCHEDULE_ON_SALE : SCHEDULE_CLOSED,
		.queue_required = pg_get_bool(row, col + 5),
	};
}

/* --- concerts --- */

static void concerts_bind(struct pg_args *a, const struct port_call *c)
{
	const struct concerts_list *l = ASKED(concerts_list, c);
	pg_i64(a, l->after_id);
	pg_i32(a, (int32_t)l->limit);
}

static const char *text_in(struct arena *arena, const struct pg_row *row, int col)
{
	size_t n;
	const char *s = pg_get_text(row, col, &n);
	return arena_strdup(arena, s, n);
}

static void concerts_row(struct port_call *c, const struct pg_row *row)
{
	struct concerts_list *l = CALL(concerts_list, c);
	if (!l->items) l->items = arena_zalloc(l->arena, l->limit * sizeof *l->items);
	l->items[l->count++] = (struct concert){
		.id = pg_get_i64(row, 0),
		.title = text_in(l->arena, row, 1),
		.description = text_in(l->arena, row, 2),
		.queue_required = pg_get_bool(row, 3),
	};
}

static const struct pg_query CONCERTS = {
	.stmt = STMT_CONCERT_LIST,
	.lane = PG_FAST,
	.params = 2,
	.types = {PG_I64, PG_I32},
	.bind = concerts_bind,
	.row = concerts_row,
};

static void concerts(struct catalogue *c, struct concerts_list *l)
{
	l->items = NULL;
	l->count = 0;
	pg_query_call(pg_of(c), &CONCERTS, &l->call);
}

/* --- the schedules of a concert --- */

static void schedules_bind(struct pg_args *a, const struct port_call *c)
{
	const struct schedules_list *l = ASKED(schedules_list, c);
	pg_i64(a, l->concert);
	pg_i64(a, l->after_id);
	pg_time(a, l->from_ms);
	pg_time(a, l->to_ms);
	pg_text(a, l->status < 0 ? NULL : SCHEDULE_STATUS_NAME[l->status]);
	pg_i32(a, (int32_t)l->limit);
}

static void schedules_row(struct port_call *c, const struct pg_row *row)
{
	struct schedules_list *l = CALL(schedules_list, c);
	l->concert_found = true;
	if (pg_is_null(row, 0)) return; /* it has none that fit */
	if (!l->items) l->items = arena_zalloc(l->arena, l->limit * sizeof *l->items);
	l->items[l->count++] = schedule_at(row, 0);
}

static const struct pg_query SCHEDULES = {
	.stmt = STMT_SCHEDULE_LIST,
	.lane = PG_FAST,
	.params = 6,
	.types = {PG_I64, PG_I64, PG_TIME, PG_TIME, PG_TEXT, PG_I32},
	.bind = schedules_bind,
	.row = schedules_row,
};

static void schedules(struct catalogue *c, struct schedules_list *l)
{
	l->items = NULL;
	l->count = 0;
	l->concert_found = false;
	pg_query_call(pg_of(c), &SCHEDULES, &l->call);
}

/* --- one schedule and its seats --- */

struct load_job {
	struct flow flow;
	struct port_call call;
	struct schedule_load *asked;
	struct pg *pg;
	struct seat *seats;
	uint32_t count, cap;
};

static void load_bind(struct pg_args *a, const struct port_call *c)
{
	const struct schedule_load *l = ASKED(load_job, c)->asked;
	pg_i64(a, l->id);
	pg_bool(a, l->with_seats);
}

static void load_seat(struct load_job *j, const struct pg_row *row)
{
	if (j->count == j->cap) {
		j->cap = j->cap ? j->cap * 2 : 1024;
		j->seats = mem_must(reallocarray(j->seats, j->cap, sizeof *j->seats));
	}
	struct seat *s = &j->seats[j->count++];
	size_t n;
	memset(s, 0, sizeof *s);
	s->no = pg_get_seat_no(row, 6);
	const char *grade = pg_get_text(row, 7, &n);
	if (!grade_parse(grade, n, &s->grade)) s->grade = GRADE_S;
	pg_get_str(row, 8, s->section, sizeof s->section);
	s->price_krw = pg_get_i64(row, 9);
}

static void load_row(struct port_call *c, const struct pg_row *row)
{
	struct load_job *j = CALL(load_job, c);
	if (!j->asked->found) j->asked->schedule = schedule_at(row, 0);
	j->asked->found = true;
	if (!pg_is_null(row, 6)) load_seat(j, row);
}

static const struct pg_query LOAD = {
	.stmt = STMT_SCHEDULE_LOAD,
	.lane = PG_SLOW,
	.params = 2,
	.types = {PG_I64, PG_BOOL},
	.bind = load_bind,
	.row = load_row,
};

static void load_rows(struct flow *f)
{
	struct load_job *j = container_of(f, struct load_job, flow);
	j->call.flow = f;
	pg_query_call(j->pg, &LOAD, &j->call);
}

static int rows_loaded(struct flow *f)
{
	struct load_job *j = container_of(f, struct load_job, flow);
	if (tk_failed(f->err) || !j->asked->found || !j->asked->with_seats) return FLOW_END;
	j->asked->plan = seat_plan_create(j->seats, j->count);
	j->seats = NULL;
	return FLOW_END;
}

static const struct flow_step LOAD_STEPS[] = {{"load_rows", load_rows, rows_loaded}};

static void load_done(struct flow *f)
{
	struct load_job *j = container_of(f, struct load_job, flow);
	struct port_call *asked = &j->asked->call;
	struct tk_err err = f->err;
	free(j->seats);
	free(j);
	port_answer(asked, err);
}

static void schedule(struct catalogue *c, struct schedule_load *l)
{
	struct load_job *j = mem_must(calloc(1, sizeof *j));
	j->pg = pg_of(c);
	j->asked = l;
	l->found = false;
	l->plan = NULL;
	flow_start(&j->flow, LOAD_STEPS, 0, load_done);
}

/* --- many schedules as they are now --- */

static void poll_bind(struct pg_args *a, const struct port_call *c)
{
	const struct schedules_poll *p = ASKED(schedules_poll, c);
	pg_array(a);
	for (unsigned i = 0; i < p->count; i++) pg_i64(a, p->ids[i]);
	pg_array_end(a);
}

static void poll_row(struct port_call *c, const struct pg_row *row)
{
	CALL(schedules_poll, c)->items[pg_get_i64(row, 0) - 1] = schedule_at(row, 1);
}

static const struct pg_query POLL = {
	.stmt = STMT_SCHEDULE_POLL,
	.lane = PG_FAST,
	.params = 1,
	.types = {PG_I64},
	.bind = poll_bind,
	.row = poll_row,
};

static void poll(struct catalogue *c, struct schedules_poll *p)
{
	memset(p->items, 0, p->count * sizeof *p->items);
	pg_query_call(pg_of(c), &POLL, &p->call);
}

/* --- claims --- */

static void claims_bind(struct pg_args *a, const struct port_call *c)
{
	pg_i64(a, ASKED(claims_load, c)->schedule);
}

static void claims_row(struct port_call *c, const struct pg_row *row)
{
	struct claims_load *l = CALL(claims_load, c);
	if (!l->changes) l->changes = mem_must(calloc((size_t)PQntuples(row->res), sizeof *l->changes));
	l->changes[l->count++] = (struct seat_change){
		.schedule = l->schedule,
		.seat = pg_get_seat_no(row, 0),
		.kind = (enum seat_claim_kind) * pg_get_text(row, 1, NULL),
		.rev = pg_get_i64(row, 2),
		.user = pg_get_i64(row, 3),
	};
}

static const struct pg_query CLAIMS = {
	.stmt = STMT_CLAIMS_LOAD,
	.lane = PG_SLOW,
	.params = 1,
	.types = {PG_I64},
	.bind = claims_bind,
	.row = claims_row,
};

static void claims(struct catalogue *c, struct claims_load *l)
{
	l->changes = NULL;
	l->count = 0;
	pg_query_call(pg_of(c), &CLAIMS, &l->call);
}

struct catalogue *pg_catalogue_create(struct pg *pg)
{
	struct pg_catalogue *c = mem_must(calloc(1, sizeof *c));
	*c = (struct pg_catalogue){{concerts, schedules, schedule, poll, claims}, pg};
	return &c->port;
}

void pg_catalogue_destroy(struct catalogue *c)
{
	if (c) free(container_of(c, struct pg_catalogue, port));
}
