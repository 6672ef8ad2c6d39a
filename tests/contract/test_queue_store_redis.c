/* The contract of queue_store on a real Redis, at TICKET_TEST_REDIS_URL; skipped without. Uses schedules of its own. */
#include "contract/queue_store_suite.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "adapter/redis/client.h"
#include "adapter/redis/queue_store.h"
#include "adapter/redis/url.h"
#include "runtime/loop.h"

struct redis_world {
	struct queue_world world;
	struct loop *loop;
	struct redis *redis;
	struct redis_queue_store store;
	redisContext *by_hand;
	int64_t first_schedule;
};

static struct redis_world *of(struct queue_world *w)
{
	return container_of(w, struct redis_world, world);
}

static void turn(struct queue_world *w)
{
	loop_turn(of(w)->loop, 10);
}

static void pass(struct queue_world *w, int64_t ms)
{
	int64_t until = loop_now_us() + 1000 * ms;
	for (int64_t now; (now = loop_now_us()) < until;) loop_turn(of(w)->loop, (int)((until - now + 999) / 1000));
}

static redisReply *must(redisReply *r)
{
	assert_non_null(r);
	if (r->type == REDIS_REPLY_ERROR) fail_msg("%s", r->str);
	return r;
}

static int64_t now_ms(struct queue_world *w)
{
	redisReply *r = must(redisCommand(of(w)->by_hand, "TIME"));
	int64_t ms = atoll(r->element[0]->str) * 1000 + atoll(r->element[1]->str) / 1000;
	freeReplyObject(r);
	return ms;
}

static void forget(redisContext *c, int64_t schedule)
{
	freeReplyObject(must(redisCommand(c, "EVAL %s 0 *{%lld}* %lld",
		"for _, k in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', k) end "
		"return redis.call('SREM', 'queue:open', ARGV[2])",
		(long long)schedule, (long long)schedule)));
}
static void lose(struct queue_world *w)
{
	forget(of(w)->by_hand, w->schedule);
}

/* What the scripts see of another life: the id of the server is not the one that was written down. */
static void restart(struct queue_world *w)
{
	freeReplyObject(must(redisCommand(of(w)->by_hand, "SETRANGE queue:head:{%lld} 0 %s", (long long)w->schedule,
		"0123456789012345678901234567890123456789")));
}

static redisContext *connect_by_hand(const struct redis_url *u)
{
	redisContext *c = redisConnect(u->host, u->port);
	assert_true(c && !c->err);
	const char *auth = u->user[0] ? "AUTH %s %s" : "AUTH %s%s";
	if (u->password[0]) freeReplyObject(must(redisCommand(c, auth, u->user, u->password)));
	freeReplyObject(must(redisCommand(c, "SELECT %d", u->db)));
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
	redis_queue_store_init(&r->store, r->redis);
	for (int i = 0; i < 500 && !redis_ready(r->redis); i++) loop_turn(r->loop, 10);
	assert_true(redis_ready(r->redis));
	r->by_hand = connect_by_hand(&u);
	/* Apart from everything else on that server, and from other runs at the same time. */
	r->first_schedule = 1000000000000 + (int64_t)time(NULL) % 10000000 * 10000000 + getpid() * 100;
	r->world = (struct queue_world){.store = &r->store.port,
		.schedule = r->first_schedule,
		.turn = turn,
		.pass = pass,
		.now_ms = now_ms,
		.lose = lose,
		.restart = restart};
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
	return queue_store_suite("queue_store: Redis", setup, teardown);
}
