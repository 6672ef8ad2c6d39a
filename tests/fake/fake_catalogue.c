#include "fake/fake_catalogue.h"

#include <stdio.h>
#include <string.h>

#include "runtime/mem.h"
#include "runtime/when.h"

static struct fake_catalogue *fake_of(struct catalogue *c)
{
	return container_of(c, struct fake_catalogue, port);
}

struct seat_no fake_seat_no(unsigned seat)
{
	char text[SEAT_NO_MAX + 1];
	struct seat_no no;
	int n = snprintf(text, sizeof text, "A-%u", seat);

	if (!seat_no_parse(text, (size_t)n, &no)) abort();
	return no;
}

struct fake_show *fake_catalogue_show(struct fake_catalogue *f, int64_t id)
{
	for (unsigned i = 0; i < f->show_count; i++) {
		if (f->shows[i].row.id == id) return &f->shows[i];
	}
	return NULL;
}

struct fake_show *fake_catalogue_add(struct fake_catalogue *f, int64_t id, unsigned seats)
{
	struct fake_show *s = &f->shows[f->show_count++];

	s->row = (struct schedule){.id = id, .concert_id = 1, .show_at_ms = 1, .sale_opens_at_ms = TIME_NONE};
	s->seats = seats;
	return s;
}

void fake_catalogue_claim(
	struct fake_catalogue *f, int64_t id, unsigned seat, enum seat_claim_kind kind, int64_t user, int64_t rev)
{
	struct fake_show *s = fake_catalogue_show(f, id);
	struct seat_change c = {.schedule = id, .rev = rev, .user = user, .seat = fake_seat_no(seat), .kind = kind};

	for (unsigned i = 0; i < s->claim_count; i++) {
		if (!seat_no_equal(&s->claims[i].seat, &c.seat)) continue;
		s->claims[i] = c;
		return;
	}
	s->claims = mem_must(realloc(s->claims, (s->claim_count + 1) * sizeof c));
	s->claims[s->claim_count++] = c;
}

static struct seat_plan *plan_of(const struct fake_show *s)
{
	struct seat *seats = mem_must(calloc(s->seats + 1, sizeof *seats));

	for (unsigned i = 0; i < s->seats; i++) {
		seats[i] = (struct seat){.no = fake_seat_no(i + 1), .grade = GRADE_VIP, .section = "A", .price_krw = 150000};
	}
	return seat_plan_create(seats, s->seats);
}

static void schedule(struct catalogue *c, struct schedule_load *l)
{
	struct fake_catalogue *f = fake_of(c);
	const struct fake_show *s = fake_catalogue_show(f, l->id);

	f->calls[FAKE_SCHEDULE]++;
	if (fake_fault_hits(&f->fault[FAKE_SCHEDULE])) {
		fake_desk_answer(&f->desk, &l->call, f->fault[FAKE_SCHEDULE].err);
		return;
	}
	l->found = s != NULL;
	if (s) l->schedule = s->row;
	l->plan = s && l->with_seats ? plan_of(s) : NULL;
	fake_desk_answer(&f->desk, &l->call, TK_NONE);
}

static void poll(struct catalogue *c, struct schedules_poll *p)
{
	struct fake_catalogue *f = fake_of(c);

	f->calls[FAKE_POLL]++;
	if (fake_fault_hits(&f->fault[FAKE_POLL])) {
		fake_desk_answer(&f->desk, &p->call, f->fault[FAKE_POLL].err);
		return;
	}
	for (unsigned i = 0; i < p->count; i++) {
		const struct fake_show *s = fake_catalogue_show(f, p->ids[i]);

		p->items[i] = s ? s->row : (struct schedule){0};
	}
	fake_desk_answer(&f->desk, &p->call, TK_NONE);
}

static void claims(struct catalogue *c, struct claims_load *l)
{
	struct fake_catalogue *f = fake_of(c);
	const struct fake_show *s = fake_catalogue_show(f, l->schedule);

	f->calls[FAKE_CLAIMS]++;
	if (fake_fault_hits(&f->fault[FAKE_CLAIMS])) {
		fake_desk_answer(&f->desk, &l->call, f->fault[FAKE_CLAIMS].err);
		return;
	}
	l->count = s ? s->claim_count : 0;
	l->changes = mem_must(calloc(l->count + 1, sizeof *l->changes));
	if (l->count) memcpy(l->changes, s->claims, l->count * sizeof *l->changes);
	fake_desk_answer(&f->desk, &l->call, TK_NONE);
}

void fake_catalogue_init(struct fake_catalogue *f, struct loop *l)
{
	*f = (struct fake_catalogue){.port = {.schedule = schedule, .poll = poll, .claims = claims}};
	fake_desk_init(&f->desk, l);
}

void fake_catalogue_finish(struct fake_catalogue *f)
{
	fake_desk_finish(&f->desk);
	for (unsigned i = 0; i < f->show_count; i++) free(f->shows[i].claims);
}
