#include "adapter/pg/queue_books.h"

#include <string.h>

#include "adapter/pg/pg.h"

#define CALL(type, c) container_of(c, struct type, call)
#define ASKED(type, c) container_of(c, const struct type, call)

static struct pg *pg_of(struct queue_books *b)
{
	return container_of(b, struct pg_queue_books, port)->pg;
}

static void bind_ids(struct pg_args *a, const int64_t *ids, unsigned count)
{
	pg_array(a);
	for (unsigned i = 0; i < count; i++) pg_i64(a, ids[i]);
	pg_array_end(a);
}

/* --- epoch --- */

static void epoch_bind(struct pg_args *a, const struct port_call *c)
{
	pg_i64(a, ASKED(queue_epoch_next, c)->schedule);
	pg_i64(a, ASKED(queue_epoch_next, c)->birth);
}

static void epoch_row(struct port_call *c, const struct pg_row *row)
{
	CALL(queue_epoch_next, c)->epoch = pg_get_i64(row, 0);
}

/* An epoch drawn in vain is only a gap in the numbers. */
static const struct pg_query EPOCH = {
	.stmt = STMT_QUEUE_EPOCH_NEXT,
	.lane = PG_SLOW,
	.params = 2,
	.types = {PG_I64, PG_I64},
	.bind = epoch_bind,
	.row = epoch_row,
};

static void epoch(struct queue_books *b, struct queue_epoch_next *e)
{
	pg_query_call(pg_of(b), &EPOCH, &e->call);
}

/* --- settings --- */

static void settings_bind(struct pg_args *a, const struct port_call *c)
{
	const struct queue_settings_poll *p = ASKED(queue_settings_poll, c);
	bind_ids(a, p->ids, p->count);
}

static void settings_row(struct port_call *c, const struct pg_row *row)
{
	struct queue_settings_poll *p = CALL(queue_settings_poll, c);
	int64_t at = pg_get_i64(row, 0) - 1;
	p->items[at] = (struct queue_setting){
		.schedule = p->ids[at],
		.max_active = pg_get_i64(row, 1),
		.admit_per_s = pg_get_i64(row, 2),
		.paused = pg_get_bool(row, 3),
	};
}

static const struct pg_query SETTINGS = {
	.stmt = STMT_QUEUE_SETTING_POLL,
	.lane = PG_FAST,
	.params = 1,
	.types = {PG_I64},
	.bind = settings_bind,
	.row = settings_row,
};

static void settings(struct queue_books *b, struct queue_settings_poll *p)
{
	memset(p->items, 0, p->count * sizeof *p->items);
	pg_query_call(pg_of(b), &SETTINGS, &p->call);
}

static void put_bind(struct pg_args *a, const struct port_call *c)
{
	const struct queue_setting *s = &ASKED(queue_setting_put, c)->setting;
	pg_i64(a, s->schedule);
	pg_i64(a, s->max_active);
	pg_i64(a, s->admit_per_s);
	pg_bool(a, s->paused);
}

static void put_row(struct port_call *c, const struct pg_row *row)
{
	(void)row;
	CALL(queue_setting_put, c)->found = true;
}

static const struct pg_query PUT = {
	.stmt = STMT_QUEUE_SETTING_PUT,
	.lane = PG_SLOW,
	.write = true,
	.params = 4,
	.types = {PG_I64, PG_I64, PG_I64, PG_BOOL},
	.bind = put_bind,
	.row = put_row,
};

static void put(struct queue_books *b, struct queue_setting_put *p)
{
	p->found = false;
	pg_query_call(pg_of(b), &PUT, &p->call);
}

/* --- unsold --- */

static void unsold_bind(struct pg_args *a, const struct port_call *c)
{
	const struct queue_unsold_poll *p = ASKED(queue_unsold_poll, c);
	bind_ids(a, p->ids, p->count);
	pg_i64(a, p->most);
}

static void unsold_row(struct port_call *c, const struct pg_row *row)
{
	CALL(queue_unsold_poll, c)->unsold[pg_get_i64(row, 0) - 1] = pg_get_i64(row, 1);
}

static const struct pg_query UNSOLD = {
	.stmt = STMT_QUEUE_UNSOLD,
	.lane = PG_SLOW,
	.params = 2,
	.types = {PG_I64, PG_I64},
	.bind = unsold_bind,
	.row = unsold_row,
};

static void unsold(struct queue_books *b, struct queue_unsold_poll *p)
{
	for (unsigned i = 0; i < p->count; i++) p->unsold[i] = p->most;
	pg_query_call(pg_of(b), &UNSOLD, &p->call);
}

/* --- the draw --- */

static void draw_bind(struct pg_args *a, const struct port_call *c)
{
	const struct queue_draw *d = ASKED(queue_draw, c);
	pg_i64(a, d->schedule);
	pg_bytes(a, d->candidate, sizeof d->candidate);
	pg_time(a, d->opens_at_ms);
}

static void draw_row(struct port_call *c, const struct pg_row *row)
{
	struct queue_draw *d = CALL(queue_draw, c);
	size_t n;
	const char *seed = pg_get_text(row, 0, &n);
	if (n == sizeof d->seed) memcpy(d->seed, seed, n);
	d->count = pg_is_null(row, 1) ? -1 : pg_get_i64(row, 1);
}

static struct tk_err draw_settle(struct port_call *c, int rows)
{
	(void)c;
	return rows == 1 ? TK_NONE : TK_ERR(TK_INTERNAL, "a draw without a seed");
}

/* No harm in asking again: the first seed stands. */
static const struct pg_query DRAW = {
	.stmt = STMT_QUEUE_DRAW,
	.lane = PG_SLOW,
	.params = 3,
	.types = {PG_I64, PG_BYTEA, PG_TIME},
	.bind = draw_bind,
	.row = draw_row,
	.settle = draw_settle,
};

static void draw(struct queue_books *b, struct queue_draw *d)
{
	pg_query_call(pg_of(b), &DRAW, &d->call);
}

static void due_bind(struct pg_args *a, const struct port_call *c)
{
	pg_i64(a, ASKED(queue_draws_due, c)->max);
}

static void due_row(struct port_call *c, const struct pg_row *row)
{
	struct queue_draws_due *d = CALL(queue_draws_due, c);

	if (d->count < d->max) d->schedules[d->count++] = pg_get_i64(row, 0);
}

static const struct pg_query DUE = {
	.stmt = STMT_QUEUE_DRAW_DUE,
	.lane = PG_FAST,
	.params = 1,
	.types = {PG_I64},
	.bind = due_bind,
	.row = due_row,
};

static void draws_due(struct queue_books *b, struct queue_draws_due *d)
{
	d->count = 0;
	pg_query_call(pg_of(b), &DUE, &d->call);
}

static void drawn_bind(struct pg_args *a, const struct port_call *c)
{
	pg_i64(a, ASKED(queue_draw_done, c)->schedule);
	pg_i64(a, ASKED(queue_draw_done, c)->count);
}

static const struct pg_query DRAWN = {
	.stmt = STMT_QUEUE_DRAWN,
	.lane = PG_SLOW,
	.params = 2,
	.types = {PG_I64, PG_I64},
	.bind = drawn_bind,
};

static void drawn(struct queue_books *b, struct queue_draw_done *d)
{
	pg_query_call(pg_of(b), &DRAWN, &d->call);
}

void pg_queue_books_init(struct pg_queue_books *b, struct pg *pg)
{
	*b = (struct pg_queue_books){
		.port = {.epoch = epoch,
			.settings = settings,
			.put = put,
			.unsold = unsold,
			.draw = draw,
			.draws_due = draws_due,
			.drawn = drawn},
		.pg = pg,
	};
}
