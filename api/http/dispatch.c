/* From the request line to the handler. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/http/auth.h"
#include "api/http/http_internal.h"
#include "runtime/when.h"

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

static void options(struct exchange *x)
{
	allow(x);
	exchange_cors_preflight(x);
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
	client_waits(x->client);
	answer(x);
	if (!x->answered) exchange_waits(x);
	return MHD_YES;
}

static void begin(struct exchange *x)
{
	x->http->busy++;
	LIST_INSERT_HEAD(&x->http->unanswered, x, unanswered);
	x->http->reading++;
}

/* Before libmicrohttpd takes the arguments apart: where they don't fit, it says nothing and closes when it comes to it. */
void exchange_refuse_line(struct http *h, struct MHD_Connection *conn, struct client *c)
{
	struct exchange *x = exchange_create(h, conn, c);

	begin(x);
	x->cramped = true;
	exchange_invalid(x, "", "The request target is too long, or has too many arguments.");
	exchange_end(x);
	client_is_let_go(c);
}

enum MHD_Result exchange_begin(struct exchange *x, const char *path, const char *method, const char *version)
{
	begin(x);
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
