/* http: a shard's HTTP server: libmicrohttpd in external-epoll mode on the shard's loop.
 *
 * Accepts by itself (listener.h). Has the guard (guard.c) and the reaper (client.h): a request
 * that has not arrived whole at its deadline is cut off, and so is a client that takes more than 60 s to read an answer
 * (of a stream: one event). There is no limit per address: behind a proxy all come from one.
 * Thread: the shard's. */
#ifndef TK_HTTP_H
#define TK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct services;
struct http;

/* Takes the socket (listener.h). At most max_connections in all of the process, whichever shard has them. NULL: errno. */
struct http *http_create(struct services *app, int listen_fd, unsigned max_connections);
void http_drain(struct http *h);		/* accepts what waits, then refuses; closes idle connections and streams */
size_t http_busy(const struct http *h); /* requests without an answer */
size_t http_open(const struct http *h); /* connections */
void http_destroy(struct http *h);		/* who still waits hears 503; no use case may wake any more */
bool http_draining(const struct http *h);
void http_metrics_finish(void); /* after all shards have ended */

#endif
