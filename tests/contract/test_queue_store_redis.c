/* The contract of queue_store on a real Redis, at TICKET_TEST_REDIS_URL; skipped without. Uses schedules of its own. */
#include "contract/queue_store_suite.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "adapter/redis/queue_store.h"
#include "runtime/loop.h"
#include "support/redis_world.h"

struct rig {
	struct queue_world world;
	struct redis_world redis;
	struct redis_queue_store store;
};

static struct redis_world *redis_of(struct queue_world *w)
{
	return &container_of(w, struct rig, world)->redis;
}

static void turn(struct queue_world *w)
{
	loop_turn(redis_of(w)->loop, 10);
}

static void pass(struct queue_world *w, int64_t ms)
{
	int64_t until = loop_now_us() + 1000 * ms;
	for (int64_t now; (now = loop_now_us()) < until;) loop_turn(redis_of(w)->loop, (int)((until - now + 999) / 1000));
}

static int64_t now_ms(struct queue_world *w)
{
	redisReply *r = redisCommand(redis_of(w)->by_hand, "TIME");
	assert_non_null(r);
	int64_t ms = atoll(r->element[0]->str) * 1000 + atoll(r->element[1]->str) / 1000;
	freeReplyObject(r);
	return ms;
}

static void forget(redisContext *c, int64_t schedule)
{
	redis_world_number(redisCommand(c, "EVAL %s 0 *{%lld}* %lld",
		"for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end "
		"return redis.call('SREM', 'queue:open', ARGV[2])",
		(long long)schedule, (long long)schedule));
}
static void lose(struct queue_world *w)
{
	forget(redis_of(w)->by_hand, w->schedule);
}

/* What the scripts see of another life: the id of the server is not the one that was written down. */
static void restart(struct queue_world *w)
{
	redis_world_number(redisCommand(redis_of(w)->by_hand, "SETRANGE queue:head:{%lld} 0 %s", (long long)w->schedule,
		"0123456789012345678901234567890123456789"));
}

static void end(struct rig *r)
{
	redis_world_close(&r->redis);
	free(r);
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	redis_world_shared(&r->redis);
	redis_queue_store_init(&r->store, r->redis.redis);
	r->world = (struct queue_world){.store = &r->store.port,
		.schedule = r->redis.schedule,
		.turn = turn,
		.pass = pass,
		.now_ms = now_ms,
		.lose = lose,
		.restart = restart};
	*state = r->redis.redis ? &r->world : NULL;
	if (!*state) end(r);
	return 0;
}

static int teardown(void **state)
{
	if (!*state) return 0;
	struct rig *r = container_of((struct queue_world *)*state, struct rig, world);
	for (int64_t s = r->redis.schedule; s <= r->world.schedule; s++) forget(r->redis.by_hand, s);
	end(r);
	return 0;
}

int main(void)
{
	return queue_store_suite("queue_store: Redis", setup, teardown);
}
