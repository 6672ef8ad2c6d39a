/* The names of the keys; the number in braces keeps a schedule in one slot of a cluster. */
#ifndef TK_REDIS_SEAT_KEYS_H
#define TK_REDIS_SEAT_KEYS_H

#include "adapter/redis/client.h"

static inline void key_state(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "seat:state:{", schedule, "}");
}
static inline void key_users(struct redis_args *a, int64_t schedule)
{
	redis_arg_key(a, "seat:users:{", schedule, "}");
}
/* Seat "": what all of them begin with, for a script. */
static inline void key_lock(struct redis_args *a, int64_t schedule, const char *seat)
{
	redis_arg_key_text(a, "seat:lock:{", schedule, "}:", seat);
}

#endif
