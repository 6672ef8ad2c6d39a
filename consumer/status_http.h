/* status_http: the consumer's health and metrics over HTTP, on its loop.
 * GET and HEAD of /livez /readyz /actuator/health /metrics /actuator/prometheus, each also under /api. For operators:
 * few connections, short deadlines, no bodies. Thread: the loop's. */
#ifndef TK_STATUS_HTTP_H
#define TK_STATUS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/config.h"

struct loop;
struct status_http;

struct status_source {
	/* What is away, by name, ", " between, into `ret`; true: ready all the same. */
	bool (*ready)(void *ctx, char *ret, size_t n);
	void *ctx;
};

/* NULL: errno says why (EADDRINUSE: the address is taken). */
struct status_http *status_http_create(struct loop *l, const struct addr *a, const struct status_source *source);
void status_http_destroy(struct status_http *h); /* NULL is fine */

#endif
