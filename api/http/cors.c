/* Which pages of other origins may read the answers. */
#include <string.h>
#include <strings.h>

#include "api/http/http_internal.h"

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

/* As the client calls us: behind a proxy that is https. */
static bool origin_is_own(const struct exchange *x, const char *origin)
{
	size_t scheme = strncasecmp(origin, "http://", 7) == 0 ? 7 : strncasecmp(origin, "https://", 8) == 0 ? 8 : 0;

	return scheme && x->headers.host && strcasecmp(origin + scheme, x->headers.host) == 0;
}

static bool origin_allowed(const struct exchange *x)
{
	const char *origin = x->headers.origin;

	return origin && (origin_is_own(x, origin) || origin_listed(x->app->config->cors_origins, origin));
}

/* Fetch standard (CORS protocol). */
void exchange_cors(struct exchange *x)
{
	if (!origin_allowed(x)) return;
	exchange_header(x, "Access-Control-Allow-Origin", x->headers.origin);
	exchange_header(x, "Access-Control-Expose-Headers", "ETag, Retry-After, Location, Idempotency-Replayed");
}

void exchange_cors_preflight(struct exchange *x)
{
	if (!x->headers.request_method || !origin_allowed(x)) return;
	exchange_header(x, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
	exchange_header(x, "Access-Control-Allow-Headers",
		"Authorization, Content-Type, Idempotency-Key, Queue-Token, Last-Event-ID, traceparent");
	exchange_header(x, "Access-Control-Max-Age", "600");
}

void exchange_vary(const struct services *app, struct MHD_Response *r)
{
	if (app->config->cors_origins) MHD_add_response_header(r, "Vary", "Origin");
}
