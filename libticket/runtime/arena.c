#include "runtime/arena.h"

#include <stdint.h>
#include <string.h>

#include "runtime/mem.h"

#if defined(__has_include) && __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGN = 16, POOL_CAP = 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size; /* with this header; other than ARENA_BLOCK: never pooled */
};
_Static_assert(sizeof(struct arena_block) == ALIGN, "what follows the header is aligned");

static struct arena_block *block_create(size_t size)
{
	struct arena_block *b = mem_must(malloc(size));

	b->size = size;
	return b;
}

static struct arena_block *pool_take(struct arena_pool *p)
{
	struct arena_block *b = p ? p->idle : NULL;

	if (!b) return block_create(ARENA_BLOCK);
	p->idle = b->next;
	p->count--;
	ASAN_UNPOISON_MEMORY_REGION(b + 1, ARENA_BLOCK - sizeof *b);
	return b;
}

static void pool_give(struct arena_pool *p, struct arena_block *b)
{
	if (!p || b->size != ARENA_BLOCK || p->count >= (p->cap ? p->cap : POOL_CAP)) {
		if (p) p->freed++;
		free(b);
		return;
	}
	b->next = p->idle;
	p->idle = b;
	p->count++;
	/* Who still uses a request's memory after its end is caught by the sanitizer build. */
	ASAN_POISON_MEMORY_REGION(b + 1, ARENA_BLOCK - sizeof *b);
}

void arena_init(struct arena *a, struct arena_pool *pool)
{
	*a = (struct arena){.pool = pool};
}

void arena_finish(struct arena *a)
{
	struct arena_block *b = a->blocks;

	while (b) {
		struct arena_block *next = b->next;

		pool_give(a->pool, b);
		b = next;
	}
	a->blocks = NULL;
	a->at = a->end = NULL;
}

static void *push(struct arena *a, struct arena_block *b)
{
	b->next = a->blocks;
	a->blocks = b;
	return b + 1;
}

/* Its own allocation; the block under way stays in use. */
static void *alloc_large(struct arena *a, size_t n)
{
	if (n > PTRDIFF_MAX - sizeof(struct arena_block)) abort();
	return push(a, block_create(sizeof(struct arena_block) + n));
}

static void *alloc_slowly(struct arena *a, size_t n)
{
	if (n > ARENA_BLOCK - sizeof(struct arena_block)) return alloc_large(a, n);
	a->at = push(a, pool_take(a->pool));
	a->end = (char *)a->blocks + ARENA_BLOCK;

	char *p = a->at;
	a->at += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t whole = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	char *p = a->at;

	if (whole < n) abort();
	if (whole > (size_t)(a->end - p) || !p) return alloc_slowly(a, whole);
	a->at = p + whole;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

char *arena_strdup(struct arena *a, const char *s, size_t n)
{
	if (n == SIZE_MAX) abort();
	char *p = arena_alloc(a, n + 1);

	if (n) memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void arena_pool_finish(struct arena_pool *p)
{
	while (p->idle) {
		struct arena_block *b = p->idle;

		p->idle = b->next;
		ASAN_UNPOISON_MEMORY_REGION(b + 1, ARENA_BLOCK - sizeof *b);
		free(b);
	}
	p->count = 0;
}
