#include "api/app/find_schedule.h"

static const struct seating_entry *entry_of(const struct find_schedule *f, struct services *s)
{
	return f->last_known ? seating_find_last(s->seating, f->ask.schedule) : seating_find(s->seating, f->ask.schedule);
}

void find_schedule_ask(struct find_schedule *f, struct services *s, struct flow *flow, int64_t schedule)
{
	f->ask.call.flow = flow;
	f->ask.schedule = schedule;
	if (!f->asked_plan && entry_of(f, s)) {
		f->ask.found = true;
		port_answer(&f->ask.call, TK_NONE);
		return;
	}
	f->ask.need = f->asked_plan ? NEED_PLAN : NEED_SCHEDULE;
	seating_ask(s->seating, &f->ask);
}

static bool seats_known(struct find_schedule *f, const struct seat_no *seats, unsigned count, int32_t *ret_index)
{
	for (unsigned i = 0; i < count; i++) {
		int32_t at = seat_plan_find(f->plan, &seats[i]);
		if (at < 0) {
			f->missing = i;
			return false;
		}
		if (ret_index) ret_index[i] = at;
	}
	return true;
}

enum found find_schedule_got(
	struct find_schedule *f, struct services *s, const struct seat_no *seats, unsigned count, int32_t *ret_index)
{
	const struct seating_entry *e = f->ask.found ? entry_of(f, s) : NULL;

	if (!e) return FOUND_NO_SCHEDULE;
	f->schedule = e->schedule;
	seat_plan_unref(f->plan);
	f->plan = seat_plan_ref(e->plan);
	if (seats_known(f, seats, count, ret_index)) return FOUND;
	if (f->asked_plan) return FOUND_NO_SEAT;
	f->asked_plan = true;
	return FIND_AGAIN;
}

void find_schedule_finish(struct find_schedule *f)
{
	seat_plan_unref(f->plan);
	f->plan = NULL;
}

void reload_ask(struct seating_ask *a, struct services *s, struct flow *flow, int64_t schedule)
{
	*a = (struct seating_ask){.call.flow = flow, .schedule = schedule, .need = NEED_RELOAD};
	seating_ask(s->seating, a);
}
