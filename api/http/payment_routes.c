/* /payment/...: order, simulated gateway, the order's state. */
#include "api/http/payment_routes.h"

#include <string.h>

#include "adapter/json/json_codec.h"
#include "api/app/complete_payment.h"
#include "api/app/fail_payment.h"
#include "api/app/read.h"
#include "api/app/ready_payment.h"
#include "api/http/exchange.h"
#include "api/http/http_internal.h"

/* Where the order can be seen; 202 carries it (RFC 9110, section 15.3.3). */
static void location(struct exchange *x, const struct uuid *order_no)
{
	static const char ORDERS[] = "/payment/orders/";
	char path[sizeof ORDERS + UUID_TEXT];

	memcpy(path, ORDERS, sizeof ORDERS);
	uuid_text(path + sizeof ORDERS - 1, order_no);
	exchange_header(x, "Location", path);
}

/* --- POST /payment/ready --- */

struct ready_request {
	struct exchange *x;
	struct ready_payment use;
};

static const struct json_field READY_FIELDS[] = {
	JSON_INT(struct ready_payment, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_INT(struct ready_payment, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_SEAT(struct ready_payment, seat, "seatNo", JSON_REQUIRED),
};

static const enum problem READY_PROBLEM[READY_OUTCOMES] = {
	[READY_NO_SCHEDULE] = PROBLEM_SCHEDULE_NOT_FOUND,
	[READY_NO_SEAT] = PROBLEM_SEAT_NOT_FOUND,
	[READY_NOT_OWNED] = PROBLEM_HOLD_NOT_OWNED,
	[READY_OTHERS_HELD] = PROBLEM_SEAT_HELD,
	[READY_OTHERS_SOLD] = PROBLEM_SEAT_SOLD,
	[READY_OVER_LIMIT] = PROBLEM_HOLD_LIMIT_EXCEEDED,
};

static void answer_ready(struct exchange *x, const struct ready_payment *u)
{
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_uuid(&b, "orderNo", &u->order.order_no);
	j_int(&b, "amount", u->order.amount_krw);
	j_str(&b, "status", ORDER_STATUS_NAME[ORDER_READY]);
	j_time(&b, "expiresAt", u->order.expires_ms);
	j_obj_end(&b);
	exchange_json(x, u->outcome == READIED ? 201 : 200, &b);
}

static void ready_done(struct flow *f)
{
	struct ready_request *r = container_of(f, struct ready_request, use.flow);

	if (r->use.outcome == READY_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome <= READY_BEFORE) answer_ready(r->x, &r->use);
	else exchange_problem(r->x, READY_PROBLEM[r->use.outcome]);
	ready_payment_finish(&r->use);
}

void ready_post(struct exchange *x)
{
	struct ready_request *r = arena_new(&x->arena, struct ready_request);

	r->x = x;
	if (!exchange_decode(x, READY_FIELDS, JSON_FIELDS(READY_FIELDS), &r->use)) return;
	if (!exchange_user(x, r->use.user, &r->use.user)) return;
	ready_payment_start(&r->use, x->app, ready_done);
}

/* --- POST /payment/mock-success --- */

struct success_request {
	struct exchange *x;
	struct complete_payment use;
};

/* Orders are found by their number; a user that is named all the same must be the token's. */
struct order_body {
	int64_t user;
	struct uuid order_no;
	char reason[4 * 200 + 1];
};

static const struct json_field SUCCESS_FIELDS[] = {
	JSON_INT(struct order_body, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_UUID(struct order_body, order_no, "orderNo", JSON_REQUIRED),
};

static bool is_not_somebody_else(struct exchange *x, int64_t named)
{
	if (!x->user || !named || named == x->user) return true;
	exchange_problem(x, PROBLEM_USER_MISMATCH);
	return false;
}

static const enum problem COMPLETE_PROBLEM[COMPLETE_OUTCOMES] = {
	[COMPLETE_REFUSED] = PROBLEM_ORDER_NOT_PAYABLE,
	[COMPLETE_NO_ORDER] = PROBLEM_ORDER_NOT_FOUND,
};

static void answer_completed(struct exchange *x, const struct complete_payment *u)
{
	bool paid = u->outcome == COMPLETE_PAID;
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_uuid(&b, "orderNo", &u->approve.order_no);
	j_str(&b, "status", ORDER_STATUS_NAME[paid ? ORDER_PAID : ORDER_READY]);
	j_uuid(&b, "eventId", &u->approve.event_id);
	j_obj_end(&b);
	if (!paid) location(x, &u->approve.order_no);
	exchange_json(x, paid ? 200 : 202, &b);
}

static void success_done(struct flow *f)
{
	struct success_request *r = container_of(f, struct success_request, use.flow);

	if (r->use.outcome == COMPLETE_FAILED) exchange_failed(r->x, f->err, f->steps[f->at].name);
	else if (r->use.outcome <= COMPLETE_PAID) answer_completed(r->x, &r->use);
	else exchange_problem(r->x, COMPLETE_PROBLEM[r->use.outcome]);
}

void mock_success_post(struct exchange *x)
{
	struct success_request *r = arena_new(&x->arena, struct success_request);
	struct order_body q = {0};

	r->x = x;
	if (!exchange_decode(x, SUCCESS_FIELDS, JSON_FIELDS(SUCCESS_FIELDS), &q) || !is_not_somebody_else(x, q.user))
		return;
	r->use.approve.order_no = q.order_no;
	guard_traceparent(x, x->headers.traceparent);
	memcpy(r->use.approve.traceparent, x->traceparent, TRACEPARENT_TEXT);
	r->use.approve.user = x->user;
	complete_payment_start(&r->use, x->app, success_done);
}

/* --- POST /payment/mock-fail --- */

struct fail_request {
	struct exchange *x;
	struct order_body body;
	struct fail_payment use;
};

static const struct json_field FAIL_FIELDS[] = {
	JSON_INT(struct order_body, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_UUID(struct order_body, order_no, "orderNo", JSON_REQUIRED),
	JSON_TEXT(struct order_body, reason, "reason", 1, 200, JSON_OPTIONAL),
};

static const enum problem FAIL_PROBLEM[FAIL_OUTCOMES] = {
	[FAIL_NOT_PAYABLE] = PROBLEM_ORDER_NOT_PAYABLE,
	[FAIL_NO_ORDER] = PROBLEM_ORDER_NOT_FOUND,
};

static void fail_done(struct flow *f)
{
	struct fail_request *r = container_of(f, struct fail_request, use.flow);
	struct buf b;

	if (r->use.outcome == FAIL_ERROR) {
		exchange_failed(r->x, f->err, f->steps[f->at].name);
		return;
	}
	if (r->use.outcome != FAILED_NOW_OR_BEFORE) {
		exchange_problem(r->x, FAIL_PROBLEM[r->use.outcome]);
		return;
	}
	buf_init(&b, &r->x->arena);
	j_obj_k(&b, NULL);
	j_uuid(&b, "orderNo", &r->body.order_no);
	j_str(&b, "status", ORDER_STATUS_NAME[ORDER_FAILED]);
	j_obj_end(&b);
	exchange_json(r->x, 200, &b);
}

void mock_fail_post(struct exchange *x)
{
	struct fail_request *r = arena_new(&x->arena, struct fail_request);

	r->x = x;
	strcpy(r->body.reason, "DECLINED");
	if (!exchange_decode(x, FAIL_FIELDS, JSON_FIELDS(FAIL_FIELDS), &r->body)) return;
	if (!is_not_somebody_else(x, r->body.user)) return;
	r->use.fail.order_no = r->body.order_no;
	r->use.fail.reason = r->body.reason;
	r->use.fail.user = x->user;
	fail_payment_start(&r->use, x->app, fail_done);
}

/* --- GET /payment/orders/{orderNo} --- */

struct order_request {
	struct exchange *x;
	struct read read;
	struct order_view view;
};

static void ask_order(struct read *read)
{
	struct order_request *r = container_of(read, struct order_request, read);
	read->services->orders->view(read->services->orders, &r->view);
}

static void answer_order(struct exchange *x, const struct order_view *v)
{
	struct buf b;

	buf_init(&b, &x->arena);
	j_obj_k(&b, NULL);
	j_uuid(&b, "orderNo", &v->order_no);
	j_int(&b, "userId", v->owner);
	j_int(&b, "scheduleId", v->schedule);
	j_strn(&b, "seatNo", v->seat.s, v->seat.len);
	j_str(&b, "status", ORDER_STATUS_NAME[v->status]);
	j_int(&b, "amount", v->amount_krw);
	j_str(&b, "method", v->has_payment ? METHOD_NAME[v->method] : NULL);
	j_str(&b, "failReason", *v->fail_reason ? v->fail_reason : NULL);
	j_uuid(&b, "reservationId", &v->reservation_id);
	if (v->has_payment) {
		j_obj_k(&b, "payment");
		j_str(&b, "status", PAYMENT_STATUS_NAME[v->payment_status]);
		j_obj_end(&b);
	} else {
		j_null(&b, "payment");
	}
	j_time(&b, "createdAt", v->created_ms);
	j_time(&b, "updatedAt", v->updated_ms);
	j_obj_end(&b);
	exchange_json(x, 200, &b);
}

static void order_done(struct flow *f)
{
	struct order_request *r = container_of(f, struct order_request, read.flow);

	if (tk_failed(f->err)) exchange_failed(r->x, f->err, "view_order");
	else if (!r->view.found) exchange_problem(r->x, PROBLEM_ORDER_NOT_FOUND);
	else answer_order(r->x, &r->view);
}

void order_get(struct exchange *x)
{
	struct order_request *r = arena_new(&x->arena, struct order_request);

	int64_t named = 0;

	r->x = x;
	if (!exchange_uuid_param(x, "orderNo", &r->view.order_no)) return;
	if (!exchange_int_arg(x, "userId", 1, ID_MAX, &named) || !is_not_somebody_else(x, named)) return;
	r->view.user = x->user;
	read_start(&r->read, x->app, &r->view.call, ask_order, order_done);
}
