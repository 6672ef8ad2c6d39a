/* redis_world: a client on a real Redis: on the one at TICKET_TEST_REDIS_URL, which others use too, or on a server of the
 * test's own, which may be killed. For a test's setup and teardown; failures end the test. */
#ifndef TK_TEST_REDIS_WORLD_H
#define TK_TEST_REDIS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "support/redis_server.h"

struct loop;
struct redis;
struct redisContext;
struct redis_world {
	struct loop *loop;
	struct redis *redis;		/* NULL: there is no Redis, the test is skipped */
	struct redis_server server; /* own */
	/* shared */
	struct redisContext *by_hand;
	int64_t schedule; /* the first of some hundred that nobody else uses */
};
void redis_world_shared(struct redis_world *w);
void redis_world_own(struct redis_world *w, const char *const *args); /* as redis_server_start */
void redis_world_close(struct redis_world *w);

void redis_world_await(struct redis_world *w);	 /* until the client is connected */
void redis_world_restart(struct redis_world *w); /* kill -9; own only */
/* Whoever asks by hand: the reply must be no error; frees it and gives its integer. */
int64_t redis_world_number(void *reply);

#endif
