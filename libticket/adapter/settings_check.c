#include "adapter/settings_check.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/redis/client.h"

/* One for each of several hosts, separated by commas; an empty one is the usual one. libpq judges only when it connects. */
static bool ports_ok(const char *list)
{
	for (;; list++) {
		size_t digits = strspn(list, "0123456789");
		long port = strtol(list, NULL, 10);

		if (list[digits] && list[digits] != ',') return false;
		if (digits && (digits > 5 || port < 1 || port > 65535)) return false;
		list += digits;
		if (!*list) return true;
	}
}

static bool database_url_ok(const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	bool ok = options != NULL;

	for (PQconninfoOption *o = options; o && o->keyword; o++) {
		if (o->val && strcmp(o->keyword, "port") == 0) ok = ports_ok(o->val);
	}
	PQconninfoFree(options);
	return ok;
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
