/* http_internal: what http.c, exchange.c, guard.c and stream.c share. Nobody else includes this. */
#ifndef TK_HTTP_INTERNAL_H
#define TK_HTTP_INTERNAL_H

#include <sys/queue.h>

#include "api/http/exchange.h"
#include "api/http/http.h"
#include "runtime/loop.h"

enum { MEMORY_PER_CONNECTION = 7168 }; /* request line and headers must fit, beside the answer's headers */

TAILQ_HEAD(client_list, client);
LIST_HEAD(stream_list, stream);
LIST_HEAD(exchange_list, exchange);

/* A connection. Its deadline stands in one of three lists, each in the order of time because each has one length. */
struct client {
	struct http *http;
	int fd;
	struct client_list *list; /* where it stands; NULL: waits for its use case, or listens and has heard all there is */
	int64_t deadline_ms;
	int64_t asked_us;	   /* when the request line of the request under way was whole */
	bool bad_uri;		   /* in it */
	int64_t idle_since_ms; /* while idle the deadline is when it is looked at next */
	TAILQ_ENTRY(client) link;
};

struct http {
	struct services *app;
	struct MHD_Daemon *mhd;
	struct watch listener, epoll;
	struct hook hook;
	struct timer tick; /* each 100 ms: the reaper, and libmicrohttpd's own time-outs */
	int spare_fd;	   /* let go for the moment in which a connection is refused for want of descriptors; -1: none */
	unsigned max_connections, connections; /* of all shards; of this one */
	bool reserved;						   /* a connection counted, but not yet started */
	size_t busy;
	bool draining, closed; /* closed: there are no use cases any more */
	bool resumed;		   /* libmicrohttpd has to run before the loop sleeps */
	bool moved;			   /* a connection got further in this run, and may get further in the next */
	unsigned waiting, reading,
		answering; /* requests: left unsuspended; their bodies under way; their answers under way */
	struct client_list arriving, idle, sending;
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
void exchange_cors(struct exchange *x);
void exchange_abandon(struct http *h); /* answers 503 to all who wait; their use cases never wake again */
enum MHD_Result exchange_begin(struct exchange *x, const char *path, const char *method, const char *version);
enum MHD_Result exchange_body(struct exchange *x, const char *data, size_t n);
enum MHD_Result exchange_dispatch(struct exchange *x);
void exchange_is_stream(struct exchange *x); /* its answer has no end that is worth waiting for; the arena is let go */
void exchange_still_waits(struct exchange *x); /* asked for its answer again */

/* guard.c: promises.md section 4. Collects the headers; false: answered already (400 or 413, and the connection closes). */
bool guard_admits(struct exchange *x, const char *method, const char *version);
bool guard_uri_is_bad(const char *raw_uri);
void guard_traceparent(struct exchange *x, const char *given); /* the client's if valid, else a new one */

/* http.c */
void client_moves(struct client *c, struct client_list *to, int64_t deadline_ms);
void client_hears(struct client *c); /* an answer, or a stream's next event, is on its way to it */

/* http_metrics.c */
struct http_metrics *http_metrics_create(void);
void http_metrics_observe(struct http_metrics *m, const struct route *r, int status, int64_t us);

#endif
