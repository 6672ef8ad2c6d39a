/* The names of the queue's keys; the number in braces keeps a schedule in one slot of a cluster. */
#ifndef TK_REDIS_QUEUE_KEYS_H
#define TK_REDIS_QUEUE_KEYS_H

#include "adapter/redis/client.h"

static inline void key_meta(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:meta:{", schedule, "}");
}
static inline void key_head(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:head:{", schedule, "}");
}
static inline void key_seq(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:seq:{", schedule, "}");
}
static inline void key_queue(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:{", schedule, "}");
}
static inline void key_heard(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:heard:{", schedule, "}:");
}
static inline void key_active(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:active:{", schedule, "}");
}
static inline void key_place(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:place:{", schedule, "}");
}
static inline void key_pre(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:pre:{", schedule, "}");
}
static inline void key_birth(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:birth:{", schedule, "}");
}
static inline void key_lease(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "queue:lease:{", schedule, "}");
}

#endif
