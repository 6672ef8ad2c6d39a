/* plan: what to ask for: one constant request, or one a line of a file: METHOD PATH [BODY].
 * Thread: one. Ownership: the text of a request is the plan's and valid until the next one. Errors end the program. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

struct plan_settings {
	const char *host;				  /* of the Host header */
	const char *headers;			  /* "Name: value\r\n" each, or "" */
	const char *method, *path, *body; /* the constant request; body NULL: none */
	const char *file;				  /* instead of it; NULL: none */
	bool again;						  /* from the file's start when it ends */
};
struct plan;

struct plan *plan_create(const struct plan_settings *s);
void plan_destroy(struct plan *p);
bool plan_next(struct plan *p, const char **ret, size_t *ret_len); /* false: there are no more */
bool plan_is_over(const struct plan *p);						   /* plan_next would say false */

#endif
