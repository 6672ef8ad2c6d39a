/* redis_queue_store: the port queue_store on Redis; rules are in lua/queue_*.lua, keys in port/queue_store.h.
 * Needs Redis 7. The scripts are told the run_id that this connection saw when it was made: see redis/seat_lock.h. */
#ifndef TK_REDIS_QUEUE_STORE_H
#define TK_REDIS_QUEUE_STORE_H

#include "port/queue_store.h"

struct redis;

struct redis_queue_store {
	struct queue_store port;
	struct redis *redis;
};
void redis_queue_store_init(struct redis_queue_store *s, struct redis *r); /* nothing to finish: calls end with `r` */

#endif
