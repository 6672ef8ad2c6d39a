#include "api/http/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "adapter/json/json_codec.h"
#include "api/http/auth.h"
#include "api/http/http_internal.h"
#include "api/http/rate_limit.h"
#include "runtime/log.h"
#include "runtime/when.h"

enum { SPARES_MAX = 1024, WAITING_MAX = 256 };

struct exchange *exchange_create(struct http *h, struct MHD_Connection *conn, struct client *c)
{
	struct exchange *x = h->spare;

	if (x) {
		h->spare = x->next_free;
		h->spares--;
	} else if (!(x = malloc(sizeof *x))) {
		abort();
	}
	memset(x, 0, sizeof *x);
	x->http = h;
	x->app = h->app;
	x->conn = conn;
	x->client = c;
	x->started_us = c->asked_us;
	arena_init(&x->arena, &h->app->arenas);
	return x;
}

static void destroy(struct exchange *x)
{
	struct http *h = x->http;

	arena_finish(&x->arena);
	if (h->spares >= SPARES_MAX) {
		free(x);
		return;
	}
	x->next_free = h->spare;
	h->spare = x;
	h->spares++;
}

/* Not at once: somebody up the stack, or a flow that answered, still uses it. */
static void destroy_later(struct exchange *x)
{
	x->next_free = x->http->ended;
	x->http->ended = x;
	x->http->resumed = true;
}

void exchange_sweep(struct http *h)
{
	struct exchange *x;

	while ((x = h->ended)) {
		h->ended = x->next_free;
		destroy(x);
	}
}

/* --- waiting --- */

/* A request that waits for its use case is not suspended: libmicrohttpd asks for its answer again in every run, which
 * costs less than what a suspension does (two epoll_ctl and a read in vain). */
static void await(struct exchange *x)
{
	x->waiting = true;
	x->http->waiting++;
}

/* Only so many, since each run visits them. Never in the call that brought the end of the request: a connection that is
 * suspended there is read from when it resumes, and a client that has shut down its half by then loses its answer. */
void exchange_still_waits(struct exchange *x)
{
	if (x->http->waiting <= WAITING_MAX) return;
	x->waiting = false;
	x->http->waiting--;
	MHD_suspend_connection(x->conn);
	x->suspended = true;
}

static void stop_waiting(struct exchange *x)
{
	if (x->waiting) x->http->waiting--;
	x->waiting = false;
	x->http->resumed = true;
}

/* The use case goes on; the arena keeps what it looks at. */
static void client_left(struct exchange *x)
{
	stop_waiting(x);
	x->gone = true;
	x->conn = NULL;
	x->client = NULL;
}

static void no_longer_busy(struct exchange *x)
{
	x->http->busy--;
	LIST_REMOVE(x, unanswered);
}

void exchange_end(struct exchange *x)
{
	struct http *h = x->http;

	h->moved = true;
	if (x->answering) h->answering--;
	x->answering = false;
	if (!x->dispatched) h->reading--;
	if (x->waiting) {
		client_left(x);
		return;
	}
	if (!x->answered) no_longer_busy(x); /* cut off in the middle of its body */
	if (x->queueing) destroy_later(x);
	else destroy(x);
}

/* --- answering --- */

void exchange_add_headers(struct exchange *x, struct MHD_Response *r)
{
	for (unsigned i = 0; i < x->extra_count; i++) MHD_add_response_header(r, x->extra[i].name, x->extra[i].value);
	if (x->closing || x->http->draining) MHD_add_response_header(r, "Connection", "close");
	exchange_vary(x->app, r);
}

void exchange_vary(const struct services *app, struct MHD_Response *r)
{
	if (app->config->cors_origins) MHD_add_response_header(r, "Vary", "Origin");
}

void exchange_header(struct exchange *x, const char *name, const char *value)
{
	if (x->extra_count == EXTRA_HEADERS) return;
	x->extra[x->extra_count].name = name;
	x->extra[x->extra_count++].value = arena_strdup(&x->arena, value, strlen(value));
}

void exchange_response(struct exchange *x, int status, struct MHD_Response *r)
{
	x->answered = true;
	no_longer_busy(x);
	http_metrics_observe(x->http->metrics, x->route, status, loop_now_us() - x->started_us);
	if (x->gone) {
		destroy_later(x);
		return;
	}
	x->answering = true;
	x->http->answering++;
	client_hears(x->client);
	if (x->waiting) stop_waiting(x);
	x->queueing = true; /* a connection that breaks here ends the exchange inside */
	MHD_queue_response(x->conn, (unsigned)status, r);
	x->queueing = false;
	if (x->suspended) {
		stop_waiting(x);
		MHD_resume_connection(x->conn);
	}
}

void exchange_is_stream(struct exchange *x)
{
	if (x->answering) x->http->answering--;
	x->answering = false;
	arena_finish(&x->arena);
}

void exchange_abandon(struct http *h)
{
	struct exchange *x, *next;

	for (x = LIST_FIRST(&h->unanswered); x; x = next) {
		next = LIST_NEXT(x, unanswered);
		if (x->gone) {
			no_longer_busy(x);
			destroy(x);
		} else if (x->dispatched) {
			exchange_problem(x, PROBLEM_UNAVAILABLE);
		} /* else its body is still arriving, and libmicrohttpd ends it */
	}
}

/* Where libmicrohttpd has no room left for the answer's headers: by ourselves, and it closes. */
static void answer_cramped(struct exchange *x, int status, const char *content_type, const struct buf *body)
{
	struct buf b;

	buf_init(&b, &x->arena);
	buf_printf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status,
		MHD_get_reason_phrase_for((unsigned)status), content_type, body->len);
	for (unsigned i = 0; i < x->extra_count; i++) buf_printf(&b, "%s: %s\r\n", x->extra[i].name, x->extra[i].value);
	buf_puts(&b, "\r\n");
	if (!x->head) buf_put(&b, body->data, body->len);
	(void)!send(x->client->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	no_longer_busy(x);
	x->answered = true;
	http_metrics_observe(x->http->metrics, x->route, status, loop_now_us() - x->started_us);
}

void exchange_text(struct exchange *x, int status, const char *content_type, const struct buf *body)
{
	if (x->cramped) {
		answer_cramped(x, status, content_type, body);
		return;
	}
	/* The body lives in the arena, and the arena until the answer is out. */
	struct MHD_Response *r = MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_PERSISTENT);

	MHD_add_response_header(r, "Content-Type", content_type);
	exchange_add_headers(x, r);
	exchange_response(x, status, r);
	MHD_destroy_response(r);
}

void exchange_json(struct exchange *x, int status, const struct buf *body)
{
	exchange_text(x, status, "application/json", body);
}

void exchange_empty(struct exchange *x, int status)
{
	if (status == 204 && !x->extra_count && !x->closing && !x->http->draining) {
		exchange_response(x, status, x->http->no_content);
		return;
	}
	struct MHD_Response *r = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	exchange_add_headers(x, r);
	exchange_response(x, status, r);
	MHD_destroy_response(r);
}

static void problem_open(struct exchange *x, struct buf *b, const struct problem_row *p, const char *detail)
{
	enum lang lang = lang_choose(x->headers.accept_language);

	if (!*x->traceparent) guard_traceparent(x, x->headers.traceparent);
	buf_init(b, &x->arena);
	j_obj_k(b, NULL);
	j_str(b, "type", "about:blank");
	j_str(b, "title", p->title[lang]);
	j_int(b, "status", p->status);
	j_str(b, "detail", detail ? detail : p->detail[lang]);
	j_str(b, "code", p->code);
	j_strn(b, "traceId", x->traceparent + 3, 32);
}

static void problem_close(struct exchange *x, struct buf *b, const struct problem_row *p)
{
	j_obj_end(b);
	if (p->status == 503 || p->status == 429) exchange_header(x, "Retry-After", "1");
	if (p->status == 401) exchange_header(x, "WWW-Authenticate", "Bearer");
	exchange_header(x, "Content-Language", lang_choose(x->headers.accept_language) == LANG_KO ? "ko" : "en");
	exchange_text(x, p->status, "application/problem+json", b);
}

void exchange_problem_detail(struct exchange *x, enum problem which, const char *detail)
{
	const struct problem_row *p = &PROBLEM_ROW[which];
	struct buf b;

	problem_open(x, &b, p, detail);
	problem_close(x, &b, p);
}

void exchange_problem(struct exchange *x, enum problem p)
{
	exchange_problem_detail(x, p, NULL);
}

static void put_error(struct buf *b, const char *field, const char *message)
{
	j_obj_k(b, NULL);
	j_str(b, "field", field);
	j_str(b, "message", message);
	j_obj_end(b);
}

void exchange_invalid(struct exchange *x, const char *field, const char *message)
{
	const struct problem_row *p = &PROBLEM_ROW[PROBLEM_VALIDATION_FAILED];
	struct buf b;

	problem_open(x, &b, p, NULL);
	j_arr_k(&b, "errors");
	put_error(&b, field, message);
	j_arr_end(&b);
	problem_close(x, &b, p);
}

static void invalid_body(struct exchange *x, const struct json_errors *errors)
{
	const struct problem_row *p = &PROBLEM_ROW[PROBLEM_VALIDATION_FAILED];
	struct buf b;

	problem_open(x, &b, p, NULL);
	j_arr_k(&b, "errors");
	for (unsigned i = 0; i < errors->count && i < JSON_ERRORS_MAX; i++)
		put_error(&b, errors->error[i].field, errors->error[i].message);
	j_arr_end(&b);
	problem_close(x, &b, p);
}

bool exchange_decode(struct exchange *x, const struct json_field *fields, size_t n, void *ret)
{
	struct json_errors errors;

	errors.count = 0;
	if (json_decode(x->http->json, x->body.data ? x->body.data : "", x->body.len, fields, n, ret, &errors)) return true;
	invalid_body(x, &errors);
	return false;
}

void exchange_failed(struct exchange *x, struct tk_err err, const char *step)
{
	bool transient = TK_KIND[err.kind].http_status == 503 || err.kind == TK_UNCERTAIN;

	LOG_LIMITED(request_failed, LF_S("route", x->route ? x->route->pattern : ""), LF_S("step", step), LF_ERR(err));
	if (err.kind == TK_INVALID) exchange_invalid(x, "", "a value that cannot be stored");
	else exchange_problem(x, transient ? PROBLEM_UNAVAILABLE : PROBLEM_INTERNAL);
}

/* --- reading the request --- */

struct arg_search {
	const char *name, *value;
	unsigned times;
};

static enum MHD_Result see_arg(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct arg_search *s = cls;

	(void)kind;
	if (strcasecmp(key, s->name) != 0) return MHD_YES;
	s->value = value;
	s->times++;
	return MHD_YES;
}

bool exchange_arg(struct exchange *x, const char *name, const char **ret)
{
	struct arg_search s = {.name = name};

	if (!x->gone) MHD_get_connection_values(x->conn, MHD_GET_ARGUMENT_KIND, see_arg, &s);
	if (s.times > 1) {
		exchange_invalid(x, name, "given twice");
		return false;
	}
	*ret = s.value ? arena_strdup(&x->arena, s.value, strlen(s.value)) : NULL;
	return true;
}

static bool parse_int(const char *s, int64_t *ret)
{
	char *end;

	if (!*s || strlen(s) > 17 || s[strspn(s, "0123456789")]) return false;
	*ret = strtoll(s, &end, 10);
	return *end == '\0';
}

bool exchange_int_arg(struct exchange *x, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	char message[80];
	const char *s;
	int64_t v;

	if (!exchange_arg(x, name, &s)) return false;
	if (!s) return true;
	if (parse_int(s, &v) && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	snprintf(message, sizeof message, "an integer from %lld to %lld", (long long)min, (long long)max);
	exchange_invalid(x, name, message);
	return false;
}

bool exchange_id_param(struct exchange *x, int64_t *ret)
{
	char text[20];

	if (x->param_len < sizeof text) {
		memcpy(text, x->param, x->param_len);
		text[x->param_len] = '\0';
		if (parse_int(text, ret) && *ret >= 1 && *ret <= ID_MAX) return true;
	}
	exchange_problem(x, PROBLEM_NOT_FOUND);
	return false;
}

bool exchange_uuid_param(struct exchange *x, const char *name, struct uuid *ret)
{
	if (uuid_parse(x->param, x->param_len, ret)) return true;
	exchange_invalid(x, name, "a UUID");
	return false;
}

bool exchange_user(struct exchange *x, int64_t named, int64_t *ret)
{
	*ret = x->user ? x->user : named;
	if (!*ret) exchange_invalid(x, "userId", "is missing");
	else if (x->user && named && named != x->user) exchange_problem(x, PROBLEM_USER_MISMATCH);
	else return true;
	return false;
}

bool exchange_user_arg(struct exchange *x, int64_t *ret)
{
	int64_t named = 0;
	return exchange_int_arg(x, "userId", 1, ID_MAX, &named) && exchange_user(x, named, ret);
}

bool exchange_rate(struct exchange *x, int64_t user)
{
	if (rate_limit_admits(x->app->rate_limit, user, when_now_ms())) return true;
	exchange_problem(x, PROBLEM_RATE_LIMITED);
	return false;
}

/* --- from the request line to the handler --- */

static void allow(struct exchange *x)
{
	static const char *const NAME[] = {"GET, HEAD", "POST", "PUT", "PATCH", "DELETE"};
	char list[64];
	size_t n = 0;

	for (unsigned m = 0; m < METHODS_KNOWN; m++) {
		if (x->allowed >> m & 1) n += (size_t)snprintf(list + n, sizeof list - n, "%s, ", NAME[m]);
	}
	snprintf(list + n, sizeof list - n, "OPTIONS");
	exchange_header(x, "Allow", list);
}

static bool origin_listed(const char *list, const char *origin)
{
	size_t n = strlen(origin);

	while (list && *list) {
		list += strspn(list, ", ");
		size_t len = strcspn(list, ", ");
		if (len == n && strncasecmp(list, origin, n) == 0) return true;
		list += len;
	}
	return false;
}

/* Fetch standard (CORS protocol). The daemon's own origin needs no permission. */
void exchange_cors(struct exchange *x)
{
	const char *origin = x->headers.origin;

	if (!origin || !origin_listed(x->app->config->cors_origins, origin)) return;
	exchange_header(x, "Access-Control-Allow-Origin", origin);
	exchange_header(x, "Access-Control-Expose-Headers", "ETag, Retry-After, Location, Idempotency-Replayed");
}

static void options(struct exchange *x)
{
	allow(x);
	if (x->headers.origin && x->headers.request_method &&
		origin_listed(x->app->config->cors_origins, x->headers.origin)) {
		exchange_header(x, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
		exchange_header(x, "Access-Control-Allow-Headers",
			"Authorization, Content-Type, Idempotency-Key, Queue-Token, Last-Event-ID, traceparent");
		exchange_header(x, "Access-Control-Max-Age", "600");
	}
	exchange_empty(x, 204);
}

static bool bearer_holds(struct exchange *x)
{
	const char *h = x->headers.authorization;
	struct jwt_claims claims;

	if (!h || strncasecmp(h, "Bearer ", 7) != 0) return false;
	if (!auth_verify(x->app->config->jwt_secret, h + 7 + strspn(h + 7, " "), when_now_ms() / 1000, &claims))
		return false;
	x->user = claims.user;
	x->admin = claims.admin;
	return true;
}

bool exchange_authenticated(struct exchange *x)
{
	if (x->app->config->auth != AUTH_JWT || bearer_holds(x)) return true;
	exchange_problem(x, PROBLEM_UNAUTHENTICATED);
	return false;
}

/* Whatever TICKET_AUTH says. */
static bool is_admin(struct exchange *x)
{
	if (!bearer_holds(x)) exchange_problem(x, PROBLEM_UNAUTHENTICATED);
	else if (!x->admin) exchange_problem(x, PROBLEM_FORBIDDEN);
	else return true;
	return false;
}

static bool is_json(const char *type)
{
	static const char JSON[] = "application/json";
	return type && strncasecmp(type, JSON, sizeof JSON - 1) == 0 && strchr("; \t", type[sizeof JSON - 1]);
}

static void answer(struct exchange *x)
{
	exchange_cors(x);
	if (x->http->closed) {
		exchange_problem(x, PROBLEM_UNAVAILABLE);
	} else if (!x->allowed) {
		exchange_problem(x, PROBLEM_NOT_FOUND);
	} else if (x->method == OPTIONS) {
		options(x);
	} else if (!x->route) {
		allow(x);
		exchange_problem(x, PROBLEM_METHOD_NOT_ALLOWED);
	} else if (x->dropped) {
		x->closing = true;
		exchange_problem(x, PROBLEM_BODY_TOO_LARGE);
	} else if ((x->route->flags & R_USER) && !exchange_authenticated(x)) {
		return;
	} else if ((x->route->flags & R_ADMIN) && !is_admin(x)) {
		return;
	} else if ((x->route->flags & R_BODY) && x->body.len && !is_json(x->headers.content_type)) {
		exchange_problem(x, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
	} else {
		x->route->handle(x);
	}
}

enum MHD_Result exchange_dispatch(struct exchange *x)
{
	x->dispatched = true;
	x->http->reading--;
	client_moves(x->client, NULL, 0);
	answer(x);
	if (!x->answered) await(x);
	return MHD_YES;
}

enum MHD_Result exchange_begin(struct exchange *x, const char *path, const char *method, const char *version)
{
	x->http->busy++;
	LIST_INSERT_HEAD(&x->http->unanswered, x, unanswered);
	x->http->reading++;
	if (!guard_admits(x, method, version)) return x->cramped ? MHD_NO : MHD_YES;
	struct route_match m = route_find(x->app->config, x->method, path);
	x->route = m.route;
	x->allowed = x->method == OPTIONS && strcmp(path, "*") == 0 ? (1u << METHODS_KNOWN) - 1 : m.allowed;
	x->param = m.param ? arena_strdup(&x->arena, m.param, m.param_len) : NULL;
	x->param_len = m.param_len;
	/* Answered in the second call at the earliest: after an answer in the first one libmicrohttpd closes. */
	buf_init(&x->body, &x->arena);
	return MHD_YES;
}

enum MHD_Result exchange_body(struct exchange *x, const char *data, size_t n)
{
	x->http->moved = true;
	if (x->dropped || x->body.len + n > BODY_MAX) {
		x->dropped += n; /* for as long as the request may take: who is cut off earlier never hears why */
		return MHD_YES;
	}
	buf_put(&x->body, data, n);
	return MHD_YES;
}
