#include "api/app/hold_seat.h"

#include "runtime/metrics.h"

enum { FIND_SCHEDULE, CHECK_ADMISSION, LOCK_SEATS, LOAD_COPY };

static struct hold_seat *self(struct flow *f)
{
	return container_of(f, struct hold_seat, flow);
}

static int end(struct hold_seat *h, enum hold_outcome o)
{
	/* held, again, refused, failed: as in metrics_rows.h */
	metrics_add(h->services->metrics, METRIC_HOLDS, o < HOLD_NO_SCHEDULE ? (o == HOLD_FAILED ? 3 : o) : 2, 1);
	if (h->bypassed) metrics_add(h->services->metrics, METRIC_QUEUE_BYPASS, 0, 1);
	h->outcome = o;
	return FLOW_END;
}

static void find_schedule(struct flow *f)
{
	struct hold_seat *h = self(f);
	find_schedule_ask(&h->find, h->services, f, h->schedule);
}

/* Where queue and holds share a Redis the script of the hold is the gate, for a token that may be admitted. */
static bool is_gated_by_script(const struct hold_seat *h)
{
	const struct services *s = h->services;

	return s->queue && !s->pulse && h->ticket.user == h->user && h->ticket.number > 0;
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
	if (found == FIND_AGAIN) return FIND_SCHEDULE;
	h->no_seat = found == FOUND_NO_SEAT;
	h->admitted = !s->queue_required;
	if (h->admitted || !queue_ticket_of(h->services, h->token, h->schedule, &h->ticket)) h->ticket.number = 0;
	if (!h->admitted && (h->no_seat || !is_gated_by_script(h))) return CHECK_ADMISSION;
	if (!h->no_seat) return LOCK_SEATS;
	h->culprit = h->find.missing;
	return end(h, HOLD_NO_SEAT);
}

static void check_admission(struct flow *f)
{
	struct hold_seat *h = self(f);

	h->check.schedule = h->schedule;
	h->check.user = h->user;
	h->check.token = h->token;
	check_admission_ask(&h->check, h->services, f);
}

/* There is no bypass before the opening. */
static int too_early(struct hold_seat *h)
{
	bool bypassed = h->bypassed;

	h->bypassed = false;
	return end(h, bypassed ? HOLD_NO_QUEUE : HOLD_NOT_OPEN);
}

static int admission_checked(struct flow *f)
{
	static const enum hold_outcome REFUSAL[ADMISSION_OUTCOMES] = {
		[ADMISSION_NEEDS_TOKEN] = HOLD_NEEDS_TOKEN,
		[ADMISSION_REFUSED] = HOLD_TOKEN_REFUSED,
		[ADMISSION_NOT_YET] = HOLD_STILL_WAITING,
		[ADMISSION_NO_QUEUE] = HOLD_NO_QUEUE,
	};
	struct hold_seat *h = self(f);

	h->bypassed = h->check.outcome == ADMISSION_BYPASSED;
	h->admitted = h->check.outcome == ADMITTED || h->bypassed;
	if (!h->admitted) return end(h, REFUSAL[h->check.outcome]);
	if (!h->no_seat || h->bypassed) return LOCK_SEATS;
	h->culprit = h->find.missing;
	return end(h, HOLD_NO_SEAT);
}

/* More seats than the limit are refused whatever their states, but only after the gate and the opening; and whether a
 * sale has opened that a bypass may not come before, Redis' clock says: one seat and a limit of 0 ask for those. */
static bool is_over_limit(const struct hold_seat *h)
{
	return h->count > h->services->config->max_seats_per_user;
}

static void lock_seats(struct flow *f)
{
	struct hold_seat *h = self(f);
	const struct config *c = h->services->config;
	bool only_asks = is_over_limit(h) || h->no_seat;

	h->hold.call.flow = f;
	h->hold.schedule = h->schedule;
	h->hold.user = h->user;
	h->hold.ttl_ms = c->hold_ttl_s * 1000;
	h->hold.limit = only_asks ? 0 : c->max_seats_per_user;
	h->hold.opens_at_ms = h->find.schedule.sale_opens_at_ms;
	h->hold.gate = (struct seat_gate){h->admitted ? 0 : h->ticket.number, c->queue_active_ttl_s * 1000};
	h->hold.seats = h->seats;
	h->hold.count = only_asks ? 1 : h->count;
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
	enum hold_verdict verdict = h->hold.verdict;

	if (tk_failed(f->err)) return end(h, HOLD_FAILED);
	h->culprit = h->no_seat ? h->find.missing : h->hold.culprit;
	if (h->no_seat && verdict != HOLD_TOO_EARLY) return end(h, HOLD_NO_SEAT);
	if (is_over_limit(h) && verdict <= HOLD_SOLD) verdict = HOLD_LIMIT;
	switch (verdict) {
	case HOLD_PLACED: return end(h, placed(h));
	case HOLD_LIMIT: return end(h, HOLD_OVER_LIMIT);
	case HOLD_HELD: return end(h, HOLD_SEAT_HELD);
	case HOLD_SOLD: return end(h, HOLD_SEAT_SOLD);
	case HOLD_TOO_EARLY: return too_early(h);
	case HOLD_NO_ENTRY: return CHECK_ADMISSION; /* the queue says why, or that it is admitted by now */
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
	[CHECK_ADMISSION] = {"check_admission", check_admission, admission_checked},
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
