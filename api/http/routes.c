#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "api/http/admin_routes.h"
#include "api/http/catalogue_routes.h"
#include "api/http/hold_routes.h"
#include "api/http/ops_routes.h"
#include "api/http/payment_routes.h"
#include "api/http/queue_routes.h"
#include "api/http/route.h"
#include "api/http/seat_routes.h"
#include "runtime/config.h"

/* clang-format off */
const struct route ROUTES[] = {
	/* catalogue */
	{GET,  "/concerts",                   R_BOOKING,                   concerts_get,            "concerts, by id"},
	{GET,  "/concerts/{id}/schedules",    R_BOOKING,                   schedules_get,           "schedules of a concert, with what is left"},
	{GET,  "/schedules/{id}",             R_BOOKING,                   schedule_get,            "one schedule, with what is left"},
	{GET,  "/schedules/{id}/seats",       R_BOOKING,                   seats_get,               "the seat map; ETag, gzip; at most 1 s behind"},
	{GET,  "/schedules/{id}/seats/events", R_BOOKING,                  seat_events_get,         "the seat map, then what changes in it"},
	{GET,  "/schedules/{id}/seats/available", R_BOOKING,               seats_available_get,     "the available seats only"},
	{GET,  "/seats/available",            R_BOOKING,                   seats_available_arg_get, "the same, ?scheduleId="},
	/* queue */
	{POST, "/queue/enter",                R_QUEUE | R_USER | R_BODY,   queue_enter_post,        "a place in the waiting room, or the one that is there"},
	{GET,  "/queue/status",               R_QUEUE | R_USER,            queue_status_get,        "where one stands, ?scheduleId="},
	{GET,  "/queue/events",               R_QUEUE,                     queue_events_get,        "the same as it changes; ?token= instead of the bearer"},
	{POST, "/queue/leave",                R_QUEUE | R_USER | R_BODY,   queue_leave_post,        "give the place back"},
	{GET,  "/queue/serving",              R_QUEUE,                     queue_serving_get,       "whose turn it is, for everybody, at most 1 s old"},
	{GET,  "/queue/draw",                 R_QUEUE,                     queue_draw_get,          "the draw's commitment, afterwards its seed"},
	{GET,  "/queue/tokens/verify",        R_QUEUE,                     queue_verify_get,        "is the Queue-Token's place admitted"},
	{POST, "/queue/tokens/expire",        R_QUEUE | R_BODY,            queue_expire_post,       "the token's place goes to the next"},
	{GET,  "/queue/ping",                 R_QUEUE,                     queue_ping_get,          "verify would work"},
	/* hold */
	{POST, "/tickets/hold",               R_BOOKING | R_USER | R_BODY, hold_post,               "take one seat or several, all or nothing"},
	{POST, "/tickets/release",            R_BOOKING | R_USER | R_BODY, release_post,            "give a held seat back"},
	{GET,  "/tickets/holds",              R_BOOKING | R_USER,          holds_get,               "one's own holds of a schedule"},
	/* payment */
	{POST, "/payment/ready",              R_BOOKING | R_USER | R_BODY, ready_post,              "an order for a held seat"},
	{POST, "/payment/mock-success",       R_BOOKING | R_USER | R_BODY | R_MOCK, mock_success_post, "the simulated gateway took the money"},
	{POST, "/payment/mock-fail",          R_BOOKING | R_USER | R_BODY | R_MOCK, mock_fail_post,    "the simulated gateway took none"},
	{GET,  "/payment/orders/{id}",        R_BOOKING | R_USER,          order_get,               "an order and its payment"},
	/* administration */
	{GET,  "/admin/schedules/{id}/queue", R_BOTH | R_ADMIN,            admin_queue_get,         "how a waiting room is steered, and stands"},
	{PUT,  "/admin/schedules/{id}/queue", R_BOTH | R_ADMIN | R_BODY,   admin_queue_put,         "steer it: on every daemon within 1 s"},
	/* operations */
	{GET,  "/livez",                      R_BOTH,                      livez_get,               "the process runs"},
	{GET,  "/readyz",                     R_BOTH,                      readyz_get,              "it can serve; names what is away"},
	{GET,  "/metrics",                    R_BOTH,                      metrics_get,             "Prometheus text, or OpenMetrics by Accept"},
	{GET,  "/actuator/prometheus",        R_BOTH,                      metrics_get,             "the same"},
	{GET,  "/actuator/health",            R_BOTH,                      health_get,              "{status:\"UP\"}"},
};
/* clang-format on */
const size_t ROUTE_COUNT = sizeof ROUTES / sizeof *ROUTES;

/* What a path is compared with first: a pattern's length, that of what stands before its parameter, and the first letter. */
static struct shape {
	uint8_t whole, fixed;
	char initial;
} shapes[sizeof ROUTES / sizeof *ROUTES];

static void measure(void)
{
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		const char *p = ROUTES[i].pattern;
		shapes[i] = (struct shape){(uint8_t)strlen(p), (uint8_t)strcspn(p, "{"), p[1]};
	}
}

/* "{id}" takes one segment, everything else itself. */
static bool fits(const char *pattern, struct shape s, const char *path, size_t len, struct route_match *m)
{
	bool whole = s.whole == s.fixed;

	if (whole ? len != s.whole : len <= s.fixed) return false;
	if (memcmp(path, pattern, s.fixed) != 0) return false;
	if (whole) return true;
	const char *param = path + s.fixed, *end = strchr(param, '/');
	size_t n = end ? (size_t)(end - param) : len - s.fixed;
	if (n == 0 || strcmp(pattern + s.fixed + strlen("{id}"), param + n) != 0) return false;
	m->param = param;
	m->param_len = n;
	return true;
}

static bool exists(const struct config *c, const struct route *r)
{
	static const unsigned OF_ROLE[] = {[ROLE_ALL] = R_BOTH, [ROLE_QUEUE] = R_QUEUE, [ROLE_BOOKING] = R_BOOKING};

	if ((r->flags & R_MOCK) && c->gateway != GATEWAY_MOCK) return false;
	if ((r->flags & R_ADMIN) && !c->jwt_secret) return false;
	return (r->flags & OF_ROLE[c->role]) != 0;
}

/* Of "/queue/x" only "/x". False: this row has no such path. */
static bool behind_queue(const char **pattern, struct shape *s)
{
	static const char ONE[] = "/queue";
	enum { LEN = sizeof ONE - 1 };

	if (strncmp(*pattern, ONE, LEN) != 0) return false;
	*pattern += LEN;
	s->whole = (uint8_t)(s->whole - LEN);
	s->fixed = (uint8_t)(s->fixed - LEN);
	return true;
}

struct route_match route_find(const struct config *c, enum method method, const char *path)
{
	static const char API[] = "/api", MANY[] = "/queues";
	static pthread_once_t measured = PTHREAD_ONCE_INIT;
	struct route_match m = {0}, ret = {0};

	pthread_once(&measured, measure);
	if (strncmp(path, API, sizeof API - 1) == 0 && path[sizeof API - 1] == '/') path += sizeof API - 1;
	char initial = path[1];
	bool many = strncmp(path, MANY, sizeof MANY - 1) == 0 && path[sizeof MANY - 1] == '/';
	if (many) path += sizeof MANY - 1;
	size_t len = strlen(path);
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (shapes[i].initial != initial) continue;
		const char *pattern = ROUTES[i].pattern;
		struct shape s = shapes[i];
		if (many && !behind_queue(&pattern, &s)) continue;
		if (!fits(pattern, s, path, len, &m)) continue;
		if (!exists(c, &ROUTES[i])) continue;
		ret.allowed |= 1u << ROUTES[i].method;
		if (ROUTES[i].method != method) continue;
		ret.route = &ROUTES[i];
		ret.param = m.param;
		ret.param_len = m.param_len;
	}
	return ret;
}
