/* The contract of seat_lock on a real Redis, at TICKET_TEST_REDIS_URL; skipped without. Uses schedules of its own. */
#include "contract/seat_lock_suite.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "adapter/redis/client.h"
#include "adapter/redis/seat_lock.h"
#include "adapter/redis/url.h"
#include "runtime/loop.h"

struct redis_world {
	struct seat_world world;
	struct loop *loop;
	struct redis *redis;
	struct redis_seat_lock lock;
	redisContext *by_hand;
	int64_t first_schedule;
};

static struct redis_world *of(struct seat_world *w)
{
	return container_of(w, struct redis_world, world);
}

static void turn(struct seat_world *w)
{
	loop_turn(of(w)->loop, 10);
}

static void pass(struct seat_world *w, int64_t ms)
{
	(void)w;
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static long long number(redisReply *r)
{
	assert_non_null(r);
	assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
	long long n = r->integer;
	freeReplyObject(r);
	return n;
}

static void delete_key(struct seat_world *w, const struct seat_no *seat)
{
	number(redisCommand(of(w)->by_hand, "DEL seat:lock:{%lld}:%s", (long long)w->schedule, seat->s));
}
static void set_key(struct seat_world *w, const struct seat_no *seat, int64_t user, int64_t ttl_ms)
{
	redisContext *c = of(w)->by_hand;
	number(redisCommand(c, "SET seat:lock:{%lld}:%s %lld", (long long)w->schedule, seat->s, (long long)user));
	if (ttl_ms)
		number(redisCommand(c, "PEXPIRE seat:lock:{%lld}:%s %lld", (long long)w->schedule, seat->s, (long long)ttl_ms));
}
static int64_t left_ms(struct seat_world *w, const struct seat_no *seat)
{
	return number(redisCommand(of(w)->by_hand, "PTTL seat:lock:{%lld}:%s", (long long)w->schedule, seat->s));
}

static void forget(redisContext *c, int64_t schedule)
{
	number(redisCommand(c, "DEL seat:state:{%lld} seat:users:{%lld}", (long long)schedule, (long long)schedule));
	number(redisCommand(c, "EVAL %s 0 seat:lock:{%lld}:*",
		"for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end return 0", (long long)schedule));
}
static void lose(struct seat_world *w)
{
	forget(of(w)->by_hand, w->schedule);
}

static redisContext *connect_by_hand(const struct redis_url *u)
{
	redisContext *c = redisConnect(u->host, u->port);
	assert_true(c && !c->err);
	if (u->password[0]) number(redisCommand(c, u->user[0] ? "AUTH %s %s" : "AUTH %s%s", u->user, u->password));
	number(redisCommand(c, "SELECT %d", u->db));
	return c;
}

static int setup(void **state)
{
	const char *url = getenv("TICKET_TEST_REDIS_URL");
	struct redis_url u;
	if (!url || !*url) return 0;
	assert_true(redis_url_parse(url, &u));
	struct redis_world *r = calloc(1, sizeof *r);
	r->loop = loop_create();
	r->redis = redis_create(r->loop, &(struct redis_settings){.url = url, .timeout_ms = 5000}, NULL);
	redis_seat_lock_init(&r->lock, r->redis);
	for (int i = 0; i < 500 && !redis_ready(r->redis); i++) loop_turn(r->loop, 10);
	assert_true(redis_ready(r->redis));
	r->by_hand = connect_by_hand(&u);
	/* Apart from everything else on that server, and from other runs at the same time. */
	r->first_schedule = 1000000000000 + (int64_t)time(NULL) % 10000000 * 10000000 + getpid() * 100;
	r->world = (struct seat_world){.lock = &r->lock.port,
		.schedule = r->first_schedule,
		.turn = turn,
		.pass = pass,
		.delete_key = delete_key,
		.set_key = set_key,
		.left_ms = left_ms,
		.lose = lose};
	*state = &r->world;
	return 0;
}

static int teardown(void **state)
{
	if (!*state) return 0;
	struct redis_world *r = of(*state);
	for (int64_t s = r->first_schedule; s <= r->world.schedule; s++) forget(r->by_hand, s);
	redisFree(r->by_hand);
	redis_destroy(r->redis);
	loop_destroy(r->loop);
	free(r);
	return 0;
}

int main(void)
{
	return seat_lock_suite("seat_lock: Redis", setup, teardown);
}
