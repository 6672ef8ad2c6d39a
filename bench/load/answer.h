/* answer: reads HTTP/1.1 answers that come in pieces: the status, and where the answer ends.
 * Content-Length only (and 204, 304): ours never come in chunks. Pure. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
	int status;		 /* 0: the head is not whole yet */
	size_t left;	 /* bytes of the body still to come */
	bool closing;	 /* the server closes after it */
	size_t kept;	 /* bytes of an unfinished head */
	char head[4096]; /* them */
};

enum answer_state { ANSWER_MORE, ANSWER_WHOLE, ANSWER_BROKEN };

/* Zero the first four fields before each answer. The part of the body that these bytes hold is *ret_body. */
enum answer_state answer_feed(struct answer *a, const char *data, size_t n, const char **ret_body, size_t *ret_len);
static inline void answer_reset(struct answer *a)
{
	a->status = 0;
	a->left = a->kept = 0;
	a->closing = false;
}

#endif
