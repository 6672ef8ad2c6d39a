/* http: a shard's HTTP server: libmicrohttpd in external-epoll mode on the shard's loop.
 *
 * Accepts by itself (SO_REUSEPORT), so that connections beyond the limit are refused at once and a stopping
 * daemon drains its accept queue. Keeps the guard of promises.md section 4 (guard.c) and the reaper: a request
 * that has not arrived whole at its deadline is cut off, a client that does not read is let go after 60 s.
 * Thread: the shard's, but for http_listen. */
#ifndef TK_HTTP_H
#define TK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/config.h"

struct services;
struct http;

/* A listening socket of its own for each shard. -1: errno. `exclusive_probe` fails when the address is taken at all. */
int http_listen(const struct addr *a, bool exclusive_probe);

struct http *http_create(struct services *app, int listen_fd, unsigned max_connections); /* takes the socket; NULL: errno */
void http_drain(struct http *h);        /* accepts what waits, then refuses; closes idle connections and streams */
size_t http_busy(const struct http *h); /* requests without an answer */
size_t http_open(const struct http *h); /* connections */
void http_destroy(struct http *h);      /* no request may be busy */
bool http_draining(const struct http *h);
void http_metrics_finish(void); /* after all shards have ended */

#endif
