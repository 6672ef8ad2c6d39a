/* rate_limit: at most so many requests a second from one user (or one address), in this process.
 *
 * One table of packed words for all shards, updated by compare-and-swap: the second, a tag of the key and a count. Two
 * keys that fall into one place push each other out, which forgives and never punishes. Bounded: 512 KiB.
 * Thread: safe on any. */
#ifndef TK_RATE_LIMIT_H
#define TK_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit;
struct rate_limit *rate_limit_create(int64_t per_s);					   /* 0: NULL, no limit */
void rate_limit_destroy(struct rate_limit *r);							   /* NULL is fine */
bool rate_limit_admits(struct rate_limit *r, int64_t key, int64_t now_ms); /* r NULL: always */

#endif
