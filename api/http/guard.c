#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http/http_internal.h"
#include "event/traceparent.h"
#include "runtime/uuid.h"

enum { POOL_ENTRY = 64, ANSWER_HEADERS = 1024 };

/* libmicrohttpd would cut %00 silently, serves absolute-form as if it were a path, and takes blanks into the path. */
bool guard_uri_is_bad(const char *raw_uri)
{
	return (raw_uri[0] != '/' && strcmp(raw_uri, "*") != 0) || strchr(raw_uri, ' ') || strstr(raw_uri, "%00");
}

bool guard_uri_is_cramped(const char *raw_uri)
{
	const char *arg = strchr(raw_uri, '?');
	size_t entries = 0;

	for (; arg; arg = strchr(arg + 1, '&')) entries++;
	return strlen(raw_uri) + entries * POOL_ENTRY > MEMORY_PER_CONNECTION - ANSWER_HEADERS;
}

/* Without the blanks behind it, which are not part of it (RFC 9110, section 5.5); libmicrohttpd leaves those. */
static size_t length(const char *value)
{
	size_t n = value ? strlen(value) : 0;

	while (n && (value[n - 1] == ' ' || value[n - 1] == '\t')) n--;
	return n;
}

static const char *taken(struct exchange *x, const char *value)
{
	size_t n = length(value);

	return n && !value[n] ? value : arena_strdup(&x->arena, value, n);
}

struct collection {
	struct exchange *x;
	size_t pool; /* bytes of libmicrohttpd's pool that the entries take */
};

/* libmicrohttpd keeps an entry for each header, argument and cookie. */
static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct collection *all = cls;
	struct exchange *x = all->x;
	struct request_headers *h = &x->headers;

	all->pool += POOL_ENTRY;
	if (kind != MHD_HEADER_KIND) return MHD_YES;
#define TAKE(name, field)                                                                                              \
	if (strcasecmp(key, name) == 0) {                                                                                  \
		h->field = taken(x, value);                                                                                    \
		return MHD_YES;                                                                                                \
	}
/* Outlives the connection. */
#define KEEP(name, field)                                                                                              \
	if (strcasecmp(key, name) == 0) {                                                                                  \
		h->field = arena_strdup(&x->arena, value, length(value));                                                      \
		return MHD_YES;                                                                                                \
	}
	switch (key[0] | 0x20) {
	case 'a':
		KEEP("Accept", accept)
		KEEP("Accept-Encoding", accept_encoding)
		KEEP("Accept-Language", accept_language)
		TAKE("Access-Control-Request-Method", request_method)
		TAKE("Authorization", authorization)
		break;
	case 'c':
		TAKE("Content-Type", content_type)
		if (strcasecmp(key, "Content-Length") == 0) h->lengths++;
		TAKE("Content-Length", content_length)
		if (strcasecmp(key, "Cookie") == 0 && value) all->pool += strlen(value); /* it is parsed in a copy */
		break;
	case 'h':
		if (strcasecmp(key, "Host") == 0) h->hosts++;
		TAKE("Host", host)
		break;
	case 'i': KEEP("If-None-Match", if_none_match) break;
	case 'l': KEEP("Last-Event-ID", last_event_id) break;
	case 'o': TAKE("Origin", origin) break;
	case 'q': KEEP("Queue-Token", queue_token) break;
	case 't':
		KEEP("traceparent", traceparent)
		if (strcasecmp(key, "Transfer-Encoding") != 0) break;
		h->encodings++;
		h->transfer_encoding = value ? value : ""; /* as it came: "chunked " is not chunked to libmicrohttpd */
		return MHD_YES;
	}
#undef TAKE
#undef KEEP
	/* "Content-Length : 5" is another header to libmicrohttpd, and none to a proxy (RFC 9112, section 5.1). */
	if (key[strcspn(key, " \t")] != '\0') h->odd_names = true;
	return MHD_YES;
}

static bool all_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* Why the request can't be trusted, or NULL. A proxy and we must agree where a request ends. */
static const char *distrust(const struct exchange *x, const char *version)
{
	const struct request_headers *h = &x->headers;

	if (x->client->bad_uri) return "The request target is not an absolute path.";
	if (h->lengths > 1 || h->encodings > 1) return "Content-Length or Transfer-Encoding came twice.";
	if (h->lengths && h->encodings) return "Content-Length and Transfer-Encoding exclude each other.";
	if (h->lengths && !all_digits(h->content_length)) return "Content-Length is not a number.";
	if (h->encodings && strcasecmp(h->transfer_encoding, "chunked") != 0) return "Transfer-Encoding is not chunked.";
	if (h->odd_names) return "A header's name has a blank in it.";
	if (h->hosts > 1) return "Host came twice.";
	if (!h->hosts && strcmp(version, "HTTP/1.0") != 0) return "Host is missing.";
	return NULL;
}

static bool method_known(const char *s, enum method *ret, bool *ret_head)
{
	static const char *const NAME[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};

	*ret_head = strcmp(s, "HEAD") == 0;
	if (*ret_head) {
		*ret = GET;
		return true;
	}
	for (unsigned i = 0; i < sizeof NAME / sizeof *NAME; i++) {
		if (strcmp(s, NAME[i]) == 0) {
			*ret = (enum method)i;
			return true;
		}
	}
	return false;
}

static bool refuse(struct exchange *x, enum problem p, const char *detail)
{
	x->closing = true;
	exchange_cors(x);
	if (detail) exchange_invalid(x, "", detail);
	else exchange_problem(x, p);
	return false;
}

static char *hex(char *p, const uint8_t *bytes, size_t n)
{
	static const char HEX[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*p++ = HEX[bytes[i] >> 4];
		*p++ = HEX[bytes[i] & 15];
	}
	return p;
}

/* A trace id from the 128 bits of a UUID, a span id from another's random half. */
static void trace_make(char out[TRACEPARENT_TEXT])
{
	struct uuid trace = uuid_v7(0, 0), span = uuid_v7(0, 0);

	memcpy(trace.b, span.b + 9, 7);
	char *p = hex(stpcpy(out, "00-"), trace.b, 16);
	*p++ = '-';
	p = hex(p, trace.b + 8, 8);
	strcpy(p, "-01");
}

void guard_traceparent(struct exchange *x, const char *given)
{
	if (!given || !traceparent_read(given, strlen(given), x->traceparent)) trace_make(x->traceparent);
}

/* libmicrohttpd closes without a word if the answer's headers don't fit beside the request's. */
static bool is_cramped(struct MHD_Connection *conn, size_t entries)
{
	const union MHD_ConnectionInfo *head = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return (head ? head->header_size : 0) + entries > MEMORY_PER_CONNECTION - ANSWER_HEADERS;
}

/* Digits only, as distrust() has seen to. */
static bool is_too_long(const char *content_length)
{
	return strlen(content_length) > 9 || strtol(content_length, NULL, 10) > BODY_MAX;
}

bool guard_admits(struct exchange *x, const char *method, const char *version)
{
	struct collection all = {.x = x};
	int kinds = MHD_HEADER_KIND | MHD_GET_ARGUMENT_KIND | MHD_COOKIE_KIND;

	MHD_get_connection_values(x->conn, (enum MHD_ValueKind)kinds, collect, &all);
	bool known = method_known(method, &x->method, &x->head);
	x->cramped = is_cramped(x->conn, all.pool);
	if (x->cramped) return refuse(x, PROBLEM_VALIDATION_FAILED, "The headers are too large.");
	const char *why = distrust(x, version);
	if (why || !known) return refuse(x, PROBLEM_VALIDATION_FAILED, why ? why : "The method is not known.");
	if (x->headers.lengths && is_too_long(x->headers.content_length)) return refuse(x, PROBLEM_BODY_TOO_LARGE, NULL);
	return true;
}
