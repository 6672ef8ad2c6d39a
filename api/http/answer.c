/* The answers of exchange.h. */
#include <string.h>
#include <sys/socket.h>

#include "adapter/json/json_codec.h"
#include "api/http/http_internal.h"
#include "runtime/log.h"

void exchange_add_headers(struct exchange *x, struct MHD_Response *r)
{
	for (unsigned i = 0; i < x->extra_count; i++) MHD_add_response_header(r, x->extra[i].name, x->extra[i].value);
	if (x->closing || x->http->draining) MHD_add_response_header(r, "Connection", "close");
	exchange_vary(x->app, r);
}

void exchange_header(struct exchange *x, const char *name, const char *value)
{
	if (x->extra_count == EXTRA_HEADERS) return;
	x->extra[x->extra_count].name = name;
	x->extra[x->extra_count++].value = arena_strdup(&x->arena, value, strlen(value));
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
	exchange_is_answered(x, status);
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

void exchange_invalid_body(struct exchange *x, const struct json_errors *errors)
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

void exchange_failed(struct exchange *x, struct tk_err err, const char *step)
{
	bool transient = TK_KIND[err.kind].http_status == 503 || err.kind == TK_UNCERTAIN;

	LOG_LIMITED(request_failed, LF_S("route", x->route ? x->route->pattern : ""), LF_S("step", step), LF_ERR(err));
	if (err.kind == TK_INVALID) exchange_invalid(x, "", "a value that cannot be stored");
	else exchange_problem(x, transient ? PROBLEM_UNAVAILABLE : PROBLEM_INTERNAL);
}
