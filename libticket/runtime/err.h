/* err: what went wrong, in classes that say what the caller must do.
 *
 * A refusal ("seat taken") is data and lives in a port's reply; an error is a
 * failure of the world or of a programmer. One table (err.c) says what each
 * class means to an HTTP client and to the consumer.
 *
 * Ownership: `where` and `what` point to static storage, an err is copied freely.
 * Thread: values only; safe anywhere. */
#ifndef TK_ERR_H
#define TK_ERR_H

#include <stdbool.h>

#define TK_NODISCARD __attribute__((warn_unused_result))

enum tk_kind {
	TK_OK = 0,
	TK_UNAVAILABLE, /* a server is away, or too much is under way; nothing was done */
	TK_UNCERTAIN,	/* the write may or may not have happened: repeat idempotently */
	TK_INVALID,		/* the data itself is refused (SQLSTATE 22xxx, 23514, ...) */
	TK_CONFLICT,	/* a unique constraint decided against us */
	TK_INTERNAL,	/* a bug: ours, or a schema that does not fit */
	TK_KINDS
};

struct tk_err {
	enum tk_kind kind;
	const char *where; /* "file.c:123", where it was first seen */
	const char *what;  /* a static word or two for the log; never shown to clients */
};

struct tk_kind_row {
	const char *name;
	int http_status;
	bool retry; /* consumer: wait and try again (false: park the event) */
};
extern const struct tk_kind_row TK_KIND[TK_KINDS];

#define TK_STR_(x) #x
#define TK_STR(x) TK_STR_(x)
#define TK_ERR(k, w) ((struct tk_err){(k), __FILE_NAME__ ":" TK_STR(__LINE__), (w)})
#define TK_NONE ((struct tk_err){TK_OK, 0, 0})

static inline bool tk_failed(struct tk_err e)
{
	return e.kind != TK_OK;
}

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - __builtin_offsetof(type, member)))

#endif
