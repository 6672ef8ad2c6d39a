#include "support/redis_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "adapter/redis/client.h"
#include "adapter/redis/url.h"
#include "runtime/loop.h"

enum { TIMEOUT_MS = 5000 };

void redis_world_await(struct redis_world *w)
{
	for (int i = 0; i < 500 && !redis_ready(w->redis); i++) loop_turn(w->loop, 10);
	assert_true(redis_ready(w->redis));
}

static void connect_to(struct redis_world *w, const char *url)
{
	w->redis = redis_create(w->loop, &(struct redis_settings){.url = url, .timeout_ms = TIMEOUT_MS}, NULL);
	assert_non_null(w->redis);
	redis_world_await(w);
}

int64_t redis_world_number(void *reply)
{
	redisReply *r = reply;
	assert_non_null(r);
	if (r->type == REDIS_REPLY_ERROR) fail_msg("%s", r->str);
	int64_t n = r->integer;
	freeReplyObject(r);
	return n;
}

static redisContext *connect_by_hand(const struct redis_url *u)
{
	redisContext *c = redisConnect(u->host, u->port);
	const char *auth = u->user[0] ? "AUTH %s %s" : "AUTH %s%s";
	assert_true(c && !c->err);
	if (u->password[0]) redis_world_number(redisCommand(c, auth, u->user, u->password));
	redis_world_number(redisCommand(c, "SELECT %d", u->db));
	return c;
}

void redis_world_shared(struct redis_world *w)
{
	const char *url = getenv("TICKET_TEST_REDIS_URL");
	struct redis_url u;
	*w = (struct redis_world){.loop = loop_create()};
	if (!url || !*url) return;
	assert_true(redis_url_parse(url, &u));
	connect_to(w, url);
	w->by_hand = connect_by_hand(&u);
	/* Apart from everything else on that server, and from other runs at the same time. */
	w->schedule = 1000000000000 + (int64_t)time(NULL) % 10000000 * 10000000 + getpid() * 100;
}

void redis_world_own(struct redis_world *w, const char *const *args)
{
	*w = (struct redis_world){.loop = loop_create()};
	if (redis_server_start(&w->server, args)) connect_to(w, w->server.url);
}

void redis_world_restart(struct redis_world *w)
{
	redis_server_kill(&w->server);
	for (int i = 0; i < 500 && redis_ready(w->redis); i++) loop_turn(w->loop, 10);
	redis_server_restart(&w->server);
	redis_world_await(w);
}

void redis_world_close(struct redis_world *w)
{
	if (w->by_hand) redisFree(w->by_hand);
	redis_destroy(w->redis);
	loop_destroy(w->loop);
	redis_server_finish(&w->server);
}
