/* /tickets/...: hold, release, one's own holds. */
#include "api/http/hold_routes.h"

#include <string.h>

#include "adapter/json/json_codec.h"
#include "api/app/hold_seat.h"
#include "api/app/release_seat.h"
#include "api/http/exchange.h"
#include "runtime/log.h"

struct seat_request {
	int64_t user, schedule;
	struct seat_no seat, seats[HOLD_SEATS_MAX];
	unsigned count;
	bool has_seat, has_seats;
};

#define SEAT_REQUEST_USER JSON_INT(struct seat_request, user, "userId", 1, ID_MAX, JSON_OPTIONAL)
#define SEAT_REQUEST_SCHEDULE JSON_INT(struct seat_request, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED)

static const struct json_field HOLD_FIELDS[] = {
	SEAT_REQUEST_USER,
	SEAT_REQUEST_SCHEDULE,
	JSON_SEAT(struct seat_request, seat, "seatNo", JSON_OPTIONAL, JSON_HAS(struct seat_request, has_seat)),
	JSON_SEATS(struct seat_request, seats, count, "seatNos", JSON_OPTIONAL | JSON_COUNTS_ON,
		JSON_HAS(struct seat_request, has_seats)),
};

static const struct json_field RELEASE_FIELDS[] = {
	SEAT_REQUEST_USER,
	SEAT_REQUEST_SCHEDULE,
	JSON_SEAT(struct seat_request, seat, "seatNo", JSON_REQUIRED),
};

/* --- a hold as clients see it --- */

static void put_hold(struct buf *b, int64_t schedule, const struct seat *s, int64_t now_ms, int64_t expires_ms)
{
	int64_t left_ms = expires_ms > now_ms ? expires_ms - now_ms : 0;

	j_obj_k(b, NULL);
	j_int(b, "scheduleId", schedule);
	j_strn(b, "seatNo", s->no.s, s->no.len);
	j_str(b, "section", s->section);
	j_str(b, "grade", GRADE_NAME[s->grade]);
	j_int(b, "price", s->price_krw);
	j_int(b, "ttlSeconds", (left_ms + 999) / 1000);
	j_time(b, "expiresAt", expires_ms);
	j_obj_end(b);
}

/* --- POST /tickets/hold --- */

struct hold_request {
	struct exchange *x;
	bool many;
	struct hold_seat use;
};

static const enum problem HOLD_PROBLEM[HOLD_OUTCOMES] = {
	[HOLD_NO_SCHEDULE] = PROBLEM_SCHEDULE_NOT_FOUND,
	[HOLD_CLOSED] = PROBLEM_SCHEDULE_CLOSED,
	[HOLD_NEEDS_TOKEN] = PROBLEM_QUEUE_TOKEN_REQUIRED,
	[HOLD_TOKEN_REFUSED] = PROBLEM_QUEUE_TOKEN_INVALID,
	[HOLD_STILL_WAITING] = PROBLEM_QUEUE_NOT_ADMITTED,
	[HOLD_NO_QUEUE] = PROBLEM_QUEUE_UNAVAILABLE,
	[HOLD_NO_SEAT] = PROBLEM_SEAT_NOT_FOUND,
	[HOLD_NOT_OPEN] = PROBLEM_SALE_NOT_OPEN,
	[HOLD_OVER_LIMIT] = PROBLEM_HOLD_LIMIT_EXCEEDED,
	[HOLD_SEAT_HELD] = PROBLEM_SEAT_HELD,
	[HOLD_SEAT_SOLD] = PROBLEM_SEAT_SOLD,
};

static void put_holds(struct buf *b, const struct hold_seat *h)
{
	int64_t first_ms = h->hold.expires_ms[0];

	j_obj_k(b, NULL);
	j_int(b, "scheduleId", h->schedule);
	j_arr_k(b, "holds");
	for (unsigned i = 0; i < h->count; i++) {
		put_hold(b, h->schedule, &h->find.plan->seats[h->place[i]], h->hold.now_ms, h->hold.expires_ms[i]);
		if (h->hold.expires_ms[i] < first_ms) first_ms = h->hold.expires_ms[i];
	}
	j_arr_end(b);
	j_int(b, "ttlSeconds", (first_ms - h->hold.now_ms + 999) / 1000);
	j_time(b, "expiresAt", first_ms);
	j_obj_end(b);
}

static void answer_held(struct hold_request *r)
{
	const struct hold_seat *h = &r->use;
	struct buf b;

	buf_init(&b, &r->x->arena);
	if (r->many) put_holds(&b, h);
	else put_hold(&b, h->schedule, &h->find.plan->seats[h->place[0]], h->hold.now_ms, h->hold.expires_ms[0]);
	exchange_json(r->x, h->outcome == HELD_NEW ? 201 : 200, &b);
}

static void answer_refused(struct hold_request *r)
{
	const struct hold_seat *h = &r->use;
	enum problem p = HOLD_PROBLEM[h->outcome];
	bool names_seat = h->outcome == HOLD_NO_SEAT || h->outcome == HOLD_SEAT_HELD || h->outcome == HOLD_SEAT_SOLD;
	struct buf b;

	if (!r->many || !names_seat) {
		exchange_problem(r->x, p);
		return;
	}
	buf_init(&b, &r->x->arena);
	buf_puts(&b, h->seats[h->culprit].s);
	buf_puts(&b, ": ");
	buf_puts(&b, PROBLEM_ROW[p].detail[lang_choose(r->x->headers.accept_language)]);
	exchange_problem_detail(r->x, p, buf_cstr(&b));
}

static void hold_done(struct flow *f)
{
	struct hold_request *r = container_of(f, struct hold_request, use.flow);

	if (r->use.bypassed) LOG_LIMITED(queue_bypassed, LF_I("schedule", r->use.schedule), LF_I("user", r->use.user));
	if (r->use.outcome == HOLD_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome <= HELD_BEFORE) answer_held(r);
	else answer_refused(r);
	hold_seat_finish(&r->use);
}

/* Exactly one of seatNo and seatNos. */
static bool seats_named(struct exchange *x, const struct seat_request *q)
{
	if (q->has_seat == q->has_seats)
		exchange_invalid(x, "seatNo", q->has_seat ? "excludes seatNos" : "is missing (or seatNos)");
	else return true;
	return false;
}

static const struct seat_no *kept_seats(struct exchange *x, const struct seat_request *q)
{
	unsigned count = !q->has_seats ? 1 : q->count < HOLD_SEATS_MAX ? q->count : HOLD_SEATS_MAX;
	struct seat_no *seats = arena_alloc(&x->arena, count * sizeof *seats);

	return memcpy(seats, q->has_seats ? q->seats : &q->seat, count * sizeof *seats);
}

void hold_post(struct exchange *x)
{
	struct seat_request q = {0};

	if (!exchange_decode(x, HOLD_FIELDS, JSON_FIELDS(HOLD_FIELDS), &q) || !seats_named(x, &q)) return;
	struct hold_request *r = arena_new(&x->arena, struct hold_request);
	if (!exchange_user(x, q.user, &r->use.user) || !exchange_rate(x, r->use.user)) return;
	r->x = x;
	r->many = q.has_seats;
	r->use.schedule = q.schedule;
	r->use.token = x->headers.queue_token;
	r->use.count = q.has_seats ? q.count : 1;
	r->use.seats = kept_seats(x, &q);
	hold_seat_start(&r->use, x->app, hold_done);
}

/* --- POST /tickets/release --- */

struct release_request {
	struct exchange *x;
	struct release_seat use;
};

static const enum problem RELEASE_PROBLEM[RELEASE_OUTCOMES] = {
	[RELEASE_NO_SCHEDULE] = PROBLEM_SCHEDULE_NOT_FOUND,
	[RELEASE_NO_SEAT] = PROBLEM_SEAT_NOT_FOUND,
	[RELEASE_OF_OTHERS] = PROBLEM_HOLD_NOT_OWNED,
	[RELEASE_PAYMENT_IN_PROGRESS] = PROBLEM_PAYMENT_IN_PROGRESS,
	[RELEASE_SEAT_SOLD] = PROBLEM_SEAT_SOLD,
};

static void release_done(struct flow *f)
{
	struct release_request *r = container_of(f, struct release_request, use.flow);

	if (r->use.outcome == RELEASE_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome == RELEASED) exchange_empty(r->x, 204);
	else exchange_problem(r->x, RELEASE_PROBLEM[r->use.outcome]);
	release_seat_finish(&r->use);
}

void release_post(struct exchange *x)
{
	struct seat_request q = {0};

	if (!exchange_decode(x, RELEASE_FIELDS, JSON_FIELDS(RELEASE_FIELDS), &q)) return;
	struct release_request *r = arena_new(&x->arena, struct release_request);
	if (!exchange_user(x, q.user, &r->use.user)) return;
	r->x = x;
	r->use.schedule = q.schedule;
	r->use.seat = q.seat;
	release_seat_start(&r->use, x->app, release_done);
}

/* --- GET /tickets/holds --- */

struct holds_request {
	struct exchange *x;
	struct flow flow;
	struct find_schedule find;
	struct seat_holds holds;
	bool unknown;
};

static struct holds_request *holds_self(struct flow *f)
{
	return container_of(f, struct holds_request, flow);
}

static void holds_find(struct flow *f)
{
	struct holds_request *r = holds_self(f);
	find_schedule_ask(&r->find, r->x->app, f, r->holds.schedule);
}

static int holds_found(struct flow *f)
{
	struct holds_request *r = holds_self(f);

	if (tk_failed(f->err)) return FLOW_END;
	r->unknown = find_schedule_got(&r->find, r->x->app, NULL, 0, NULL) != FOUND;
	return r->unknown ? FLOW_END : 1;
}

static void holds_list(struct flow *f)
{
	struct holds_request *r = holds_self(f);

	r->holds.call.flow = f;
	r->x->app->seats->holds(r->x->app->seats, &r->holds);
}

static int holds_listed(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step HOLDS_STEPS[] = {
	{"find_schedule", holds_find, holds_found},
	{"list_holds", holds_list, holds_listed},
};

static void holds_answer(struct holds_request *r)
{
	const struct seat_holds *h = &r->holds;
	struct buf b;

	buf_init(&b, &r->x->arena);
	j_obj_k(&b, NULL);
	j_arr_k(&b, "items");
	for (unsigned i = 0; i < h->count; i++) {
		int32_t at = seat_plan_find(r->find.plan, &h->seats[i]);
		if (at >= 0) put_hold(&b, h->schedule, &r->find.plan->seats[at], h->now_ms, h->expires_ms[i]);
	}
	j_arr_end(&b);
	j_obj_end(&b);
	exchange_json(r->x, 200, &b);
}

static void holds_done(struct flow *f)
{
	struct holds_request *r = holds_self(f);

	if (tk_failed(f->err)) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->unknown) exchange_problem(r->x, PROBLEM_SCHEDULE_NOT_FOUND);
	else holds_answer(r);
	find_schedule_finish(&r->find);
}

void holds_get(struct exchange *x)
{
	struct holds_request *r = arena_new(&x->arena, struct holds_request);

	r->x = x;
	if (!exchange_user_arg(x, &r->holds.user)) return;
	if (!exchange_int_arg(x, "scheduleId", 1, ID_MAX, &r->holds.schedule)) return;
	if (!r->holds.schedule) exchange_invalid(x, "scheduleId", "is missing");
	else flow_start(&r->flow, HOLDS_STEPS, 0, holds_done);
}
