/* http_internal: a shard's HTTP server from inside, for the files that make it up. */
#ifndef TK_HTTP_INTERNAL_H
#define TK_HTTP_INTERNAL_H

#include <sys/queue.h>

#include "api/http/client.h"
#include "api/http/exchange.h"
#include "api/http/http.h"
#include "api/http/listener.h"
#include "runtime/loop.h"

enum { MEMORY_PER_CONNECTION = 8192 }; /* request line and headers must fit, beside the answer's headers */

LIST_HEAD(stream_list, stream);
LIST_HEAD(exchange_list, exchange);

struct http {
	struct services *app;
	struct MHD_Daemon *mhd;
	struct listener listener;
	struct clients clients;
	struct watch epoll; /* libmicrohttpd's */
	struct hook hook;
	struct timer tick; /* each 100 ms: the reaper */
	size_t busy;
	bool draining, closed; /* closed: there are no use cases any more */
	bool resumed;		   /* libmicrohttpd has to run before the loop sleeps */
	bool moved;			   /* a connection got further in this run, and may get further in the next */
	/* requests: left unsuspended; their bodies under way; their answers under way */
	unsigned waiting, reading, answering;
	struct stream_list streams;
	struct exchange_list unanswered;
	struct exchange *ended; /* whose client left before the answer; let go when nobody is at work */
	struct exchange *spare; /* exchanges kept for the next requests */
	unsigned spares;
	struct MHD_Response *no_content;
	struct http_metrics *metrics;
	struct json_decoder *json;
	struct seat_answers *seat_answers;
	struct queue_answers *queue_answers;
};

/* exchange.c */
struct exchange *exchange_create(struct http *h, struct MHD_Connection *conn, struct client *c);
void exchange_end(struct exchange *x); /* libmicrohttpd is done with it */
void exchange_sweep(struct http *h);
void exchange_spares_free(struct http *h);
void exchange_abandon(struct http *h);		   /* answers 503 to all who wait; their use cases never wake again */
void exchange_waits(struct exchange *x);	   /* for its use case */
void exchange_still_waits(struct exchange *x); /* asked for its answer again */
void exchange_is_answered(struct exchange *x, int status);
void exchange_is_stream(struct exchange *x); /* its answer has no end that is worth waiting for; the arena is let go */

/* dispatch.c */
enum MHD_Result exchange_begin(struct exchange *x, const char *path, const char *method, const char *version);
void exchange_refuse_line(struct http *h, struct MHD_Connection *conn, struct client *c);
enum MHD_Result exchange_body(struct exchange *x, const char *data, size_t n);
enum MHD_Result exchange_dispatch(struct exchange *x);

/* cors.c */
void exchange_cors(struct exchange *x);
void exchange_cors_preflight(struct exchange *x);

/* answer.c */
struct json_errors;
void exchange_invalid_body(struct exchange *x, const struct json_errors *errors);

/* guard.c: what a proxy could read in another way than we do is refused (RFC 9112, section 11.2). Collects the headers;
 * false: answered already (400 or 413, and the connection closes). */
bool guard_admits(struct exchange *x, const char *method, const char *version);
bool guard_uri_is_bad(const char *raw_uri);
bool guard_uri_is_cramped(const char *raw_uri);				   /* its arguments alone don't fit libmicrohttpd's pool */
void guard_traceparent(struct exchange *x, const char *given); /* the client's if valid, else a new one */

/* turn.c */
void http_turn(struct http *h); /* libmicrohttpd's, with what has moved meanwhile */
bool http_turn_start(struct http *h);
void http_turn_stop(struct http *h); /* but for the tick */

/* http_metrics.c */
struct http_metrics *http_metrics_create(void);
void http_metrics_observe(struct http_metrics *m, const struct route *r, int status, int64_t us);

#endif
