/* exchange: one request and its one answer.
 *
 * Lives from the end of the headers to the end of the answer. Its arena holds the body and the answer; what a handler
 * allocates there needs no freeing. A client's going away never cancels anything: the use case goes on, and what it
 * answers finds nobody.
 * Thread: the shard's. */
#ifndef TK_EXCHANGE_H
#define TK_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "api/app/services.h"
#include "api/http/problem.h"
#include "api/http/route.h"
#include "event/payment_completed.h"
#include "runtime/arena.h"
#include "runtime/buf.h"
#include "runtime/err.h"

struct http;
struct client;
struct json_field;

enum { BODY_MAX = 65536, EXTRA_HEADERS = 12 };

/* Of the headers only those that something here reads; NULL: not sent. Valid until the answer, but for those of the
 * second line, which are judged before the handler is called and valid until it returns. */
struct request_headers {
	const char *accept, *accept_encoding, *accept_language, *if_none_match, *last_event_id, *queue_token, *traceparent;
	const char *authorization, *content_length, *content_type, *host, *origin, *request_method, *transfer_encoding;
	uint8_t hosts, lengths, encodings; /* how often they came */
	bool odd_names;					   /* of headers, with a blank */
};

struct exchange {
	struct http *http;
	struct services *app;
	struct MHD_Connection *conn;
	struct client *client;
	struct arena arena;
	struct exchange *next_free;
	LIST_ENTRY(exchange) unanswered;

	const struct route *route;
	unsigned allowed;
	const char *param;
	size_t param_len;
	struct request_headers headers;
	struct buf body;
	size_t dropped; /* bytes of a body over the cap */

	int64_t user; /* the token's; 0: none */
	bool admin;
	enum method method;
	bool dispatched, head, answered, closing;
	bool waiting, suspended; /* for its use case; see exchange.c */
	bool gone;				 /* the client has left: there is no connection */
	bool queueing, answering;
	bool cramped; /* the headers fill libmicrohttpd's pool for the connection */
	char traceparent[TRACEPARENT_TEXT];
	int64_t started_us, answered_us;
	struct {
		const char *name, *value;
	} extra[EXTRA_HEADERS];
	unsigned extra_count;
};

/* --- answers (exactly one) --- */
void exchange_json(struct exchange *x, int status, const struct buf *body); /* body in the exchange's arena */
void exchange_empty(struct exchange *x, int status);
void exchange_text(struct exchange *x, int status, const char *content_type, const struct buf *body);
void exchange_response(struct exchange *x, int status,
	struct MHD_Response *r); /* a shared or special one; the caller keeps its reference */
void exchange_problem(struct exchange *x, enum problem p);
void exchange_problem_detail(struct exchange *x, enum problem p, const char *detail); /* detail instead of the row's */
void exchange_invalid(struct exchange *x, const char *field, const char *message);
/* A port failed at `step`: logged once here, answered by the error table. */
void exchange_failed(struct exchange *x, struct tk_err err, const char *step);

/* One more header for the answer that follows; the value is copied; at most EXTRA_HEADERS. */
void exchange_header(struct exchange *x, const char *name, const char *value);
void exchange_add_headers(struct exchange *x, struct MHD_Response *r);	/* for answers built by hand */
void exchange_vary(const struct services *app, struct MHD_Response *r); /* for those that are shared instead */

/* --- requests --- */
/* The body by a table of fields; false: answered 400 already. */
bool exchange_decode(struct exchange *x, const struct json_field *fields, size_t n, void *ret);
/* A query argument, decoded; *ret NULL: not there. Given twice: false, answered with 400 already. */
bool exchange_arg(struct exchange *x, const char *name, const char **ret);
/* An integer argument within bounds; false: answered with 400 already. Absent: *ret stays. */
bool exchange_int_arg(struct exchange *x, const char *name, int64_t min, int64_t max, int64_t *ret);
/* The path parameter as an id, or false: answered 404 NOT_FOUND already. */
bool exchange_id_param(struct exchange *x, int64_t *ret);
bool exchange_uuid_param(struct exchange *x, const char *name, struct uuid *ret); /* false: answered 400 already */
/* Whose request it is: the token's user, or (TICKET_AUTH=off) `named`; 0 named: not given. False: answered already. */
bool exchange_user(struct exchange *x, int64_t named, int64_t *ret);
/* The same where a GET names the user by ?userId=. */
bool exchange_user_arg(struct exchange *x, int64_t *ret);
/* A valid bearer token, where one is needed, for routes that don't always need one; false: answered 401 already. */
bool exchange_authenticated(struct exchange *x);
/* Within TICKET_RATE_LIMIT_PER_S for this user; false: answered 429 already. */
bool exchange_rate(struct exchange *x, int64_t user);

#endif
