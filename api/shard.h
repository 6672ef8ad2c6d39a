/* shard: one thread that serves requests: a loop, its own libmicrohttpd, Redis and PostgreSQL connections, counters.
 * A request never leaves its shard; shards share the Kafka producer and what backstage publishes.
 *
 * Thread: everything here is called by the main thread; shard_start makes the shard's own. */
#ifndef TK_SHARD_H
#define TK_SHARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/config.h"

struct backstage;
struct kafka_producer;
struct readiness;
struct rate_limit;
struct bypass_limit;
struct shard;

struct shard_settings {
	const struct config *config;
	struct backstage *backstage;
	struct kafka_producer *producer;
	struct rate_limit *rate_limit;
	struct bypass_limit *bypass;
	struct readiness *readiness;
	int listen_fd; /* taken over */
	int database_connections;
	/* Called on the shard's thread, once, if the database will never do: the daemon must not serve. */
	void (*misfit)(const char *why);
};
struct shard *shard_create(const struct shard_settings *s); /* NULL: errno */
bool shard_start(struct shard *s);
void shard_stop(struct shard *s);	 /* asks it to finish what is under way and end */
void shard_join(struct shard *s);	 /* waits for that; bounded */
void shard_destroy(struct shard *s); /* after all shards and backstage have ended */

#endif
