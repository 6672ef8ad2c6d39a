#include "runtime/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/arena.h"
#include "runtime/mem.h"

enum { FIRST_CAP = 256, INT_TEXT = 20 };

void buf_init(struct buf *b, struct arena *a)
{
	*b = (struct buf){.arena = a};
}

void buf_finish(struct buf *b)
{
	if (!b->arena) free(b->data);
	buf_init(b, b->arena);
}

/* The last thing allocated from the arena grows where it stands. */
static bool grow_in_place(struct buf *b, size_t cap)
{
	struct arena *a = b->arena;

	if (!b->data || b->data + b->cap != a->at || cap - b->cap > (size_t)(a->end - a->at)) return false;
	a->at += cap - b->cap;
	return true;
}

static void grow_in_arena(struct buf *b, size_t cap)
{
	if (grow_in_place(b, cap)) return;

	char *data = arena_alloc(b->arena, cap);
	if (b->len) memcpy(data, b->data, b->len);
	b->data = data;
}

static void __attribute__((noinline)) grow(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;

	if (more >= SIZE_MAX / 4 - b->len) abort();
	while (cap <= b->len + more) cap *= 2; /* a power of two times 256: keeps the arena's alignment */
	if (b->arena) grow_in_arena(b, cap);
	else b->data = mem_must(realloc(b->data, cap));
	b->cap = cap;
}

void buf_reserve(struct buf *b, size_t more)
{
	/* cap - len is at least 1 as soon as there is a buffer: room for the NUL. */
	if (more >= b->cap - b->len) grow(b, more);
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	buf_reserve(b, n);
	if (n) memcpy(b->data + b->len, p, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->data[b->len++] = c;
}

void buf_int(struct buf *b, int64_t v)
{
	char text[INT_TEXT], *p = text + sizeof text;
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do *--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0) *--p = '-';
	buf_put(b, p, (size_t)(text + sizeof text - p));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	buf_reserve(b, 1);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
	if (n < 0) abort(); /* a wrong format, or more than 2 GB: both are ours */
	if ((size_t)n >= b->cap - b->len) {
		buf_reserve(b, (size_t)n);
		vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
	}
	b->len += (size_t)n;
	va_end(again);
	va_end(args);
}

const char *buf_cstr(struct buf *b)
{
	buf_reserve(b, 0);
	b->data[b->len] = '\0';
	return b->data;
}
