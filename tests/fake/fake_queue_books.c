#include "fake/fake_queue_books.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/when.h"

static struct fake_queue_books *fake_of(struct queue_books *b)
{
	return container_of(b, struct fake_queue_books, port);
}

struct fake_book *fake_book_of(struct fake_queue_books *f, int64_t schedule)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (f->books[i].schedule == schedule) return &f->books[i];
	}
	if (f->count == FAKE_BOOKS) abort();
	f->books[f->count] = (struct fake_book){.schedule = schedule, .unsold = FAKE_UNSOLD_SEATS, .drawn = -1};
	return &f->books[f->count++];
}

/* True: this one fails, and has been answered. */
static bool fails(struct fake_queue_books *f, enum fake_books_call which, struct port_call *c)
{
	f->calls[which]++;
	if (!fake_fault_hits(&f->fault[which])) return false;
	fake_desk_answer(&f->desk, c, f->fault[which].err);
	return true;
}

static void epoch(struct queue_books *b, struct queue_epoch_next *e)
{
	struct fake_queue_books *f = fake_of(b);
	struct fake_book *k = fake_book_of(f, e->schedule);

	if (fails(f, FAKE_EPOCH, &e->call)) return;
	if (k->epochs == 0 || k->birth != e->birth) k->epochs++;
	k->birth = e->birth;
	e->epoch = k->epochs - 1;
	fake_desk_answer(&f->desk, &e->call, TK_NONE);
}

static void settings(struct queue_books *b, struct queue_settings_poll *p)
{
	struct fake_queue_books *f = fake_of(b);

	if (fails(f, FAKE_SETTINGS, &p->call)) return;
	for (unsigned i = 0; i < p->count; i++) p->items[i] = fake_book_of(f, p->ids[i])->setting;
	fake_desk_answer(&f->desk, &p->call, TK_NONE);
}

static void put(struct queue_books *b, struct queue_setting_put *p)
{
	struct fake_queue_books *f = fake_of(b);

	if (fails(f, FAKE_PUT, &p->call)) return;
	fake_book_of(f, p->setting.schedule)->setting = p->setting;
	p->found = true;
	fake_desk_answer(&f->desk, &p->call, TK_NONE);
}

static void unsold(struct queue_books *b, struct queue_unsold_poll *p)
{
	struct fake_queue_books *f = fake_of(b);

	if (fails(f, FAKE_UNSOLD, &p->call)) return;
	for (unsigned i = 0; i < p->count; i++) {
		int64_t left = fake_book_of(f, p->ids[i])->unsold;

		p->unsold[i] = left < p->most ? left : p->most;
	}
	fake_desk_answer(&f->desk, &p->call, TK_NONE);
}

static void draw(struct queue_books *b, struct queue_draw *d)
{
	struct fake_queue_books *f = fake_of(b);
	struct fake_book *k = fake_book_of(f, d->schedule);

	if (fails(f, FAKE_DRAW, &d->call)) return;
	if (!k->has_seed) memcpy(k->seed, d->candidate, sizeof k->seed);
	k->has_seed = true;
	k->opens_at_ms = d->opens_at_ms;
	memcpy(d->seed, k->seed, sizeof d->seed);
	d->count = k->drawn;
	fake_desk_answer(&f->desk, &d->call, TK_NONE);
}

static void draws_due(struct queue_books *b, struct queue_draws_due *d)
{
	struct fake_queue_books *f = fake_of(b);

	d->count = 0;
	if (fails(f, FAKE_DRAWS_DUE, &d->call)) return;
	for (unsigned i = 0; i < f->count && d->count < d->max; i++) {
		const struct fake_book *k = &f->books[i];

		if (k->has_seed && k->drawn < 0 && k->opens_at_ms <= when_now_ms()) d->schedules[d->count++] = k->schedule;
	}
	fake_desk_answer(&f->desk, &d->call, TK_NONE);
}

static void drawn(struct queue_books *b, struct queue_draw_done *d)
{
	struct fake_queue_books *f = fake_of(b);
	struct fake_book *k = fake_book_of(f, d->schedule);

	if (fails(f, FAKE_DRAWN, &d->call)) return;
	if (k->drawn < 0) k->drawn = d->count;
	fake_desk_answer(&f->desk, &d->call, TK_NONE);
}

void fake_queue_books_init(struct fake_queue_books *f, struct loop *l)
{
	*f = (struct fake_queue_books){.port = {epoch, settings, put, unsold, draw, draws_due, drawn}};
	fake_desk_init(&f->desk, l);
}

void fake_queue_books_finish(struct fake_queue_books *f)
{
	fake_desk_finish(&f->desk);
}
