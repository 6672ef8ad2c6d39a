/* queue_token: signed proof of a place: schedule, user, number and epoch under an HMAC. The same on every daemon, costs the
 * store nothing, and brings a place back that the store has lost.
 * URL-safe text. Thread: one instance a thread (the key's context is reused). Errors: none; a bad token is just not one. */
#ifndef TK_QUEUE_TOKEN_H
#define TK_QUEUE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

enum { QUEUE_TOKEN_TEXT = 81 };

struct queue_ticket {
	int64_t schedule, user, number, epoch; /* number 0: entered before opening */
};

struct queue_tokens {
	void (*seal)(struct queue_tokens *, const struct queue_ticket *t, char ret[QUEUE_TOKEN_TEXT]);
	bool (*open)(struct queue_tokens *, const char *text, struct queue_ticket *ret); /* false: not ours, or tampered with */
};

#endif
