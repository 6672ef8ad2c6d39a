/* floor_ping: F1, what every request of ours costs at least: POST, its JSON decoded, one Redis PING, a JSON answer, on
 * the same runtime as the API: http, loop, exchange, adapter/json, adapter/redis.
 *
 *     bench_floor_ping PORT REDIS-URL
 *
 * Has its own table of routes; the linker then leaves the API's out. Ends by a signal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_codec.h"
#include "adapter/redis/client.h"
#include "api/http/exchange.h"
#include "api/http/http.h"
#include "api/http/listener.h"
#include "api/http/route.h"
#include "runtime/config.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

enum { CONNECTIONS = 20000, REDIS_TIMEOUT_MS = 1000, REQUEST_TIMEOUT_MS = 10000 };

struct server {
	struct services services; /* first: the exchange finds its server by it */
	struct redis *redis;
};

struct ping {
	struct port_call call;
	struct exchange *x;
	int64_t user, schedule;
	struct seat_no seat;
};

static const struct json_field PING_FIELDS[] = {
	JSON_INT(struct ping, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_INT(struct ping, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_SEAT(struct ping, seat, "seatNo", JSON_REQUIRED),
};

static void pinged(struct port_call *c, struct tk_err err, const struct redisReply *reply)
{
	struct ping *p = container_of(c, struct ping, call);
	struct buf b;

	(void)reply;
	if (tk_failed(err)) {
		exchange_failed(p->x, err, "ping");
		return;
	}
	buf_init(&b, &p->x->arena);
	j_obj_k(&b, NULL);
	j_int(&b, "scheduleId", p->schedule);
	j_strn(&b, "seatNo", p->seat.s, p->seat.len);
	j_int(&b, "userId", p->user);
	j_str(&b, "answer", "PONG");
	j_obj_end(&b);
	exchange_json(p->x, 200, &b);
}

static void ping_post(struct exchange *x)
{
	static const struct redis_op PING = {.command = "PING", .replied = pinged};
	struct ping *p = arena_new(&x->arena, struct ping);

	p->x = x;
	if (!exchange_decode(x, PING_FIELDS, JSON_FIELDS(PING_FIELDS), p)) return;
	redis_call(container_of(x->app, struct server, services)->redis, &PING, &p->call);
}

const struct route ROUTES[] = {{POST, "/ping", R_BOTH | R_USER | R_BODY, ping_post, "one PING"}};
const size_t ROUTE_COUNT = 1;

struct route_match route_find(const struct config *c, enum method m, const char *path)
{
	(void)c;
	if (strcmp(path, ROUTES[0].pattern) != 0) return (struct route_match){NULL, 0, NULL, 0};
	return (struct route_match){m == POST ? &ROUTES[0] : NULL, 1u << POST, NULL, 0};
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

int main(int argc, char **argv)
{
	static struct server s;
	static struct config config = {.auth = AUTH_OFF, .request_timeout_ms = REQUEST_TIMEOUT_MS};
	struct addr at = {.host = "127.0.0.1"};

	if (argc != 3) {
		fprintf(stderr, "usage: bench_floor_ping PORT REDIS-URL\n");
		return 2;
	}
	at.port = (uint16_t)atoi(argv[1]);
	s.services.config = &config;
	s.services.loop = loop_create();
	s.services.metrics = metrics_sheet_create();
	struct redis_settings redis = {.url = argv[2], .timeout_ms = REDIS_TIMEOUT_MS};
	if (!s.services.loop || !(s.redis = redis_create(s.services.loop, &redis, s.services.metrics))) die("redis");
	int fd = listener_open(&at, false);
	if (fd < 0 || !http_create(&s.services, fd, CONNECTIONS)) die("http");
	loop_run(s.services.loop);
	return 0;
}
