#include "api/app/pending_marks.h"

#include "api/app/seating.h"
#include "api/app/services.h"
#include "port/orders.h"

/* A script costs Redis much beside its marks. Under load a seat is often sold before its mark comes, which then costs a
 * look instead of two writes. */
static const struct pace_terms TERMS = {.calm_ms = 5, .busy_ms = 400, .crowd = 16, .enough = PENDING_MARKS_MAX / 2};

static void mark_seats(struct flow *f)
{
	struct pending_marks *m = container_of(f, struct pending_marks, flow);

	m->apply = (struct seat_apply){.call.flow = f, .changes = m->marks[m->filling], .count = m->count};
	m->filling ^= 1;
	m->count = 0;
	m->services->seats->apply(m->services->seats, &m->apply);
}

static int seats_marked(struct flow *f)
{
	struct pending_marks *m = container_of(f, struct pending_marks, flow);

	for (unsigned i = 0; tk_failed(f->err) && i < m->apply.count; i++)
		seating_mend(m->services->seating, m->apply.changes[i].schedule);
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"mark_seats", mark_seats, seats_marked}};

static void mark_waiting(struct pending_marks *m);

static void done(struct flow *f)
{
	struct pending_marks *m = container_of(f, struct pending_marks, flow);

	m->under_way = false;
	mark_waiting(m);
}

static void mark_waiting(struct pending_marks *m)
{
	if (m->under_way || m->count == 0 || !pace_is_time(&m->pace, m->count)) return;
	pace_went(&m->pace, m->count);
	m->under_way = true;
	flow_start(&m->flow, STEPS, 0, done);
}

static void it_is_time(struct timer *t)
{
	mark_waiting(container_of(t, struct pending_marks, pace.timer));
}

void pending_marks_add(struct pending_marks *m, const struct order_approve *o)
{
	if (m->count == PENDING_MARKS_MAX) {
		seating_mend(m->services->seating, o->event.schedule);
		return;
	}
	m->marks[m->filling][m->count++] = (struct seat_change){
		.schedule = o->event.schedule,
		.rev = o->rev,
		.user = o->event.user,
		.seat = o->event.seat,
		.kind = CLAIM_PENDING,
	};
	mark_waiting(m);
}

bool pending_marks_idle(const struct pending_marks *m)
{
	return !m->under_way && m->count == 0;
}

void pending_marks_init(struct pending_marks *m, struct services *s)
{
	m->services = s;
	pace_init(&m->pace, s->loop, TERMS, it_is_time);
}

void pending_marks_finish(struct pending_marks *m)
{
	pace_stop(&m->pace);
}
