/* The contract of seat_lock on a real Redis, at TICKET_TEST_REDIS_URL; skipped without. Uses schedules of its own. */
#include "contract/seat_lock_suite.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/redis/seat_lock.h"
#include "runtime/loop.h"
#include "support/redis_world.h"

struct rig {
	struct seat_world world;
	struct redis_world redis;
	struct redis_seat_lock lock;
};

static redisContext *by_hand(struct seat_world *w)
{
	return container_of(w, struct rig, world)->redis.by_hand;
}

static void turn(struct seat_world *w)
{
	loop_turn(container_of(w, struct rig, world)->redis.loop, 10);
}

static void pass(struct seat_world *w, int64_t ms)
{
	(void)w;
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void delete_key(struct seat_world *w, const struct seat_no *seat)
{
	redis_world_number(redisCommand(by_hand(w), "DEL seat:lock:{%lld}:%s", (long long)w->schedule, seat->s));
}
static void set_key(struct seat_world *w, const struct seat_no *seat, int64_t user, int64_t ttl_ms)
{
	redisContext *c = by_hand(w);
	redis_world_number(
		redisCommand(c, "SET seat:lock:{%lld}:%s %lld", (long long)w->schedule, seat->s, (long long)user));
	if (ttl_ms)
		redis_world_number(
			redisCommand(c, "PEXPIRE seat:lock:{%lld}:%s %lld", (long long)w->schedule, seat->s, (long long)ttl_ms));
}
static int64_t left_ms(struct seat_world *w, const struct seat_no *seat)
{
	return redis_world_number(redisCommand(by_hand(w), "PTTL seat:lock:{%lld}:%s", (long long)w->schedule, seat->s));
}

static void forget(redisContext *c, int64_t schedule)
{
	redis_world_number(
		redisCommand(c, "DEL seat:state:{%lld} seat:users:{%lld}", (long long)schedule, (long long)schedule));
	redis_world_number(redisCommand(c, "EVAL %s 0 seat:lock:{%lld}:*",
		"for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end return 0", (long long)schedule));
}
static void lose(struct seat_world *w)
{
	forget(by_hand(w), w->schedule);
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
	redis_seat_lock_init(&r->lock, r->redis.redis);
	r->world = (struct seat_world){.lock = &r->lock.port,
		.schedule = r->redis.schedule,
		.turn = turn,
		.pass = pass,
		.delete_key = delete_key,
		.set_key = set_key,
		.left_ms = left_ms,
		.lose = lose};
	*state = r->redis.redis ? &r->world : NULL;
	if (!*state) end(r);
	return 0;
}

static int teardown(void **state)
{
	if (!*state) return 0;
	struct rig *r = container_of((struct seat_world *)*state, struct rig, world);
	for (int64_t s = r->redis.schedule; s <= r->world.schedule; s++) forget(r->redis.by_hand, s);
	end(r);
	return 0;
}

int main(void)
{
	return seat_lock_suite("seat_lock: Redis", setup, teardown);
}
