/* buf: a growing byte buffer, and JSON written into it.
 *
 * Memory: from an arena (never freed singly; growth leaves the old block behind) or, with
 * arena NULL, from malloc (buf_finish frees). Always room for a NUL after `len`.
 * The JSON writers escape per RFC 8259 (what is no UTF-8 becomes U+FFFD) and put commas themselves,
 * except at the top level, so that one buffer can take several texts; 63 levels at most:
 *
 *     j_obj_k(b, NULL); j_int(b, "userId", 7); j_str(b, "seatNo", "A-1"); j_obj_end(b);
 *
 * Thread: one at a time. Errors: out of memory ends the process. */
#ifndef TK_BUF_H
#define TK_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct uuid;

struct buf {
	char *data;
	size_t len, cap;
	struct arena *arena;
	uint64_t comma; /* JSON: one bit a level, "something stands here already" */
	unsigned depth;
};

void buf_init(struct buf *b, struct arena *a);
void buf_finish(struct buf *b);
void buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_int(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *buf_cstr(struct buf *b);

/* Key NULL: an element of an array. */
void j_obj_k(struct buf *b, const char *key);
void j_arr_k(struct buf *b, const char *key);
void j_obj_end(struct buf *b);
void j_arr_end(struct buf *b);
void j_int(struct buf *b, const char *key, int64_t v);
void j_bool(struct buf *b, const char *key, bool v);
void j_null(struct buf *b, const char *key);
void j_str(struct buf *b, const char *key, const char *s); /* s NULL: null */
void j_strn(struct buf *b, const char *key, const char *s, size_t n);
void j_time(struct buf *b, const char *key, int64_t unix_ms);	   /* RFC 3339 UTC, ms; TIME_NONE: null */
void j_uuid(struct buf *b, const char *key, const struct uuid *u); /* nil: null */
void j_raw(struct buf *b, const char *key, const char *json, size_t n);

#endif
