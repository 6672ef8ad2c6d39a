#include "api/app/hold_seat.h"

#include "runtime/metrics.h"
#include "runtime/when.h"

enum { FIND_SCHEDULE, LOCK_SEATS, LOAD_COPY };

static struct hold_seat *self(struct flow *f)
{
	return container_of(f, struct hold_seat, flow);
}

static int end(struct hold_seat *h, enum hold_outcome o)
{
	/* held, again, refused, failed: as in metrics_rows.h */
	metrics_add(h->services->metrics, METRIC_HOLDS, o < HOLD_NO_SCHEDULE ? (o == HOLD_FAILED ? 3 : o) : 2, 1);
	h->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct hold_seat *h = self(f);
	find_schedule_ask(&h->find, h->services, f, h->schedule);
}

static int schedule_found(struct flow *f)
{
	struct hold_seat *h = self(f);

	if (tk_failed(f->err)) return end(h, HOLD_FAILED);
	/* More were asked for than are kept: they are over the limit, once the schedule and the others are known. */
	unsigned kept = h->count < HOLD_SEATS_MAX ? h->count : HOLD_SEATS_MAX;
	enum found found = find_schedule_got(&h->find, h->services, h->seats, kept, h->place);
	const struct schedule *s = &h->find.schedule;

	if (found == FOUND_NO_SCHEDULE) return end(h, HOLD_NO_SCHEDULE);
	if (s->status == SCHEDULE_CLOSED) return end(h, HOLD_CLOSED);
	if (s->queue_required) return end(h, HOLD_NEEDS_TOKEN);
	if (found == FIND_AGAIN) return FIND_SCHEDULE;
	if (found == FOUND_NO_SEAT) {
		h->culprit = h->find.missing;
		return end(h, HOLD_NO_SEAT);
	}
	if (s->sale_opens_at_ms != TIME_NONE && s->sale_opens_at_ms > when_now_ms()) return end(h, HOLD_NOT_OPEN);
	if (h->count > h->services->config->max_seats_per_user) return end(h, HOLD_OVER_LIMIT);
	return LOCK_SEATS;
}

static void lock_seats(struct flow *f)
{
	struct hold_seat *h = self(f);
	const struct config *c = h->services->config;

	h->hold.call.flow = f;
	h->hold.schedule = h->schedule;
	h->hold.user = h->user;
	h->hold.ttl_ms = c->hold_ttl_s * 1000;
	h->hold.limit = c->max_seats_per_user;
	h->hold.seats = h->seats;
	h->hold.count = h->count;
	h->services->seats->hold(h->services->seats, &h->hold);
}

static enum hold_outcome placed(const struct hold_seat *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (!h->hold.own[i]) return HELD_NEW;
	}
	return HELD_BEFORE;
}

static int seats_locked(struct flow *f)
{
	struct hold_seat *h = self(f);

	if (tk_failed(f->err)) return end(h, HOLD_FAILED);
	h->culprit = h->hold.culprit;
	switch (h->hold.verdict) {
	case HOLD_PLACED: return end(h, placed(h));
	case HOLD_LIMIT: return end(h, HOLD_OVER_LIMIT);
	case HOLD_HELD: return end(h, HOLD_SEAT_HELD);
	case HOLD_SOLD: return end(h, HOLD_SEAT_SOLD);
	case HOLD_NOT_LOADED: break;
	}
	if (h->reloads++ < RELOADS_MAX) return LOAD_COPY;
	f->err = TK_ERR(TK_UNAVAILABLE, "Redis keeps losing its copy");
	return end(h, HOLD_FAILED);
}

static void load_copy(struct flow *f)
{
	struct hold_seat *h = self(f);
	reload_ask(&h->reload, h->services, f, h->schedule);
}

static int copy_loaded(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), HOLD_FAILED) : LOCK_SEATS;
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[LOCK_SEATS] = {"lock_seats", lock_seats, seats_locked},
	[LOAD_COPY] = {"load_copy", load_copy, copy_loaded},
};

void hold_seat_start(struct hold_seat *h, struct services *s, void (*done)(struct flow *f))
{
	h->services = s;
	flow_start(&h->flow, STEPS, FIND_SCHEDULE, done);
}

void hold_seat_finish(struct hold_seat *h)
{
	find_schedule_finish(&h->find);
}
