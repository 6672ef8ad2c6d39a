/* arena: memory that lives as long as one request.
 *
 * Blocks come from malloc and are kept by a per-thread pool, so that a request in
 * the steady state calls malloc never. Pointers are 16-byte aligned, not zeroed.
 * Never fails: out of memory ends the process (a half-served sale helps nobody).
 * Thread: an arena and its pool belong to one thread. */
#ifndef TK_ARENA_H
#define TK_ARENA_H

#include <stddef.h>

enum { ARENA_BLOCK = 4096 };

struct arena_block;
struct arena_pool {
	struct arena_block *idle;
	size_t count, cap; /* blocks kept, at most; 0: 1024 */
	size_t freed;	   /* blocks given back to malloc; the owner may set it to 0 */
};
struct arena {
	struct arena_pool *pool;
	struct arena_block *blocks;
	char *at, *end;
};
void arena_init(struct arena *a, struct arena_pool *pool);
void arena_finish(struct arena *a);
void *arena_alloc(struct arena *a, size_t n); /* larger than a block: its own allocation */
void *arena_zalloc(struct arena *a, size_t n);
char *arena_strdup(struct arena *a, const char *s, size_t n); /* NUL appended */
void arena_pool_finish(struct arena_pool *p);
#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))

#endif
