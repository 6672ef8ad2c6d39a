/* route: every path and method, one row each (routes.c), with what the request must bring and who answers it.
 * `pattern` is the label of the metric too: `{id}` stands for every parameter (at most one a path).
 * Handlers decode, start a use case and encode; they answer at once or later, exactly once. Thread: the shard's. */
#ifndef TK_ROUTE_H
#define TK_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct config;

enum method { GET, POST, PUT, PATCH, DELETE, METHODS_KNOWN, OPTIONS = METHODS_KNOWN, TRACE /* nowhere */ };

enum route_flag {
	R_PUBLIC = 0,
	R_USER = 1 << 0,	/* jwt: a valid token is needed; off: the request names the user */
	R_BODY = 1 << 1,	/* application/json */
	R_BOOKING = 1 << 2, /* answered by the roles all and booking */
	R_QUEUE = 1 << 3,	/* answered by the roles all and queue */
	R_BOTH = R_BOOKING | R_QUEUE,
	R_MOCK = 1 << 4, /* exists only with the mock gateway */
	R_ADMIN = 1 << 5 /* a valid token of an administrator; without TICKET_JWT_SECRET the path does not exist */
};

struct route {
	enum method method;
	const char *pattern;
	unsigned flags;
	void (*handle)(struct exchange *x);
	const char *doc;
};

extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

struct route_match {
	const struct route *route; /* NULL: none with this method */
	unsigned allowed;		   /* bits of the methods that this path has; 0: unknown path */
	const char *param;		   /* into the path; not NUL-terminated */
	size_t param_len;
};
/* `path` without query; "/api" in front and "/queues" are understood. */
struct route_match route_find(const struct config *c, enum method m, const char *path);

#endif
