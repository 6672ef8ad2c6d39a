/* queue_http: the port admission over HTTP, by libcurl's multi interface on the loop: GET /queue/tokens/verify and
 * /queue/ping of the queue daemon, connections kept. A 403 is an answer; anything but that and 200 is none.
 *
 * Bounded: VERIFIES_MAX calls under way, beyond them TK_UNAVAILABLE at once; pings have connections of their own in
 * effect, since nothing waits for one.
 * Thread: the loop's. curl_global_init is main's. */
#ifndef TK_QUEUE_HTTP_H
#define TK_QUEUE_HTTP_H

#include "port/admission.h"

struct loop;
struct queue_http;

struct queue_http_settings {
	const char *url; /* http://host:port, of the daemon or of what stands before it */
	int64_t timeout_ms;
};
struct queue_http *queue_http_create(struct loop *l, const struct queue_http_settings *s);
void queue_http_close(struct queue_http *q);   /* answers what is under way, refuses what comes after; NULL is fine */
void queue_http_destroy(struct queue_http *q); /* closes first; NULL is fine */
struct admission *queue_http_port(struct queue_http *q);

#endif
