#include "adapter/settings_check.h"

#include <libpq-fe.h>

#include "adapter/redis/client.h"

static bool database_url_ok(const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	if (options) PQconninfoFree(options);
	return options != NULL;
}

bool settings_check(const struct config *c, char *why, size_t n)
{
	const char *bad = NULL;

	if (!database_url_ok(c->database_url)) bad = "TICKET_DATABASE_URL is no address of a PostgreSQL database";
	else if (!redis_url_ok(c->redis_url)) bad = "TICKET_REDIS_URL is no redis:// address";
	else if (!redis_url_ok(c->queue_redis_url)) bad = "TICKET_QUEUE_REDIS_URL is no redis:// address";
	if (bad) snprintf(why, n, "%s", bad);
	return !bad;
}
