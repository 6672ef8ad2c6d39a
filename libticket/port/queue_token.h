/* queue_token: a place in a line as text that only we can write, the same on every daemon that has the key.
 *
 * Same place, same token. 60 characters of A-Z a-z 0-9 - _. It says where somebody stood, not where they stand now:
 * that is queue_store's to know. Never to be logged: holding it is the right to use it.
 * Thread: an instance belongs to one thread. Errors: none but a bad token. */
#ifndef TK_QUEUE_TOKEN_H
#define TK_QUEUE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/err.h"

enum { QUEUE_TOKEN_LEN = 60, QUEUE_TOKEN_TEXT = QUEUE_TOKEN_LEN + 1 };

struct queue_ticket {
	int64_t schedule, user; /* 1 .. 2^53 - 1 */
	int64_t number, epoch;	/* 0 .. 2^53 - 1, 0 .. 2^32 - 1; number 0: a place from before the draw */
};
struct queue_token {
	void (*write)(struct queue_token *, const struct queue_ticket *t, char out[QUEUE_TOKEN_TEXT]);
	/* Any bytes. False, with *ret untouched: not written by us. */
	bool (*read)(struct queue_token *, const char *s, size_t n, struct queue_ticket *ret);
};

#endif
