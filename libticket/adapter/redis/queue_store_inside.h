/* queue_store_inside: what the two halves of the queue's store share: its users' calls (queue_store.c) and those of the
 * jobs and streams (queue_store_jobs.c). */
#ifndef TK_REDIS_QUEUE_STORE_INSIDE_H
#define TK_REDIS_QUEUE_STORE_INSIDE_H

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "adapter/redis/queue_keys.h"
#include "adapter/redis/queue_store.h"

enum { NEW_LIFE = -1 }; /* instead of any reply */

/* Fills in the second half of the port. */
void redis_queue_jobs_init(struct queue_store *port);

static inline struct redis *redis_of(struct queue_store *s)
{
	return container_of(s, struct redis_queue_store, port)->redis;
}

static inline bool is_array(const redisReply *r, size_t n)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements >= n;
}
static inline bool is_int(const redisReply *r, int64_t v)
{
	return r->type == REDIS_REPLY_INTEGER && r->integer == v;
}

/* Members and cursors come as text; numbers in it are ours. -1: none. */
static inline int64_t number_in(const redisReply *r)
{
	if (r->type == REDIS_REPLY_INTEGER) return r->integer;
	if (r->type != REDIS_REPLY_STRING) return -1;
	char *end;
	errno = 0;
	long long v = strtoll(r->str, &end, 10);
	return errno || end == r->str || *end ? -1 : v;
}

static inline void arg_users(struct redis_args *a, const int64_t *users, unsigned count)
{
	for (unsigned i = 0; i < count; i++) redis_arg_int(a, users[i]);
}

static inline void just_answer(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	(void)reply;
	port_answer(c, err);
}

#endif
