/* config: every setting, one row each (config_rows.h): name, type, default, bounds, doc.
 *
 * Read from the environment only; an empty variable counts as unset; a bad one gives one line that
 * names it (never its value). The result is one const struct that is passed at wiring; nothing here is global.
 * Ownership: strings belong to the config (config_finish). Thread: read-only after loading. */
#ifndef TK_CONFIG_H
#define TK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct addr {
	char host[64]; /* an IP address or a host name */
	uint16_t port;
};

enum config_auth { AUTH_JWT, AUTH_OFF };
enum config_role { ROLE_ALL, ROLE_QUEUE, ROLE_BOOKING };
enum config_hold_store { HOLD_STORE_REDIS, HOLD_STORE_DB };
enum config_gateway { GATEWAY_MOCK };
enum config_switch { SWITCH_OFF, SWITCH_ON };

struct config {
#define SETTING_INT(field, env, dflt, min, max, daemon, doc) int64_t field;
#define SETTING_STR(field, env, dflt, minlen, maxlen, daemon, doc) char *field; /* NULL: not set */
#define SETTING_ADDR(field, env, dflt, daemon, doc) struct addr field;
#define SETTING_ENUM(field, env, dflt, words, daemon, doc) int field;
#include "runtime/config_rows.h"
#undef SETTING_INT
#undef SETTING_STR
#undef SETTING_ADDR
#undef SETTING_ENUM
};

enum config_daemon { FOR_API = 1, FOR_CONSUMER = 2, FOR_BOTH = 3 };

/* On failure: false and one line without newline in `why` that names the setting. Checks rows
 * and what lies between rows (a secret is required with AUTH=jwt, connections >= 2 a shard and 2 for the jobs,
 * TICKET_QUEUE_URL with ROLE=booking). Rows with default 0 that depend on others are filled:
 * http_shards (cores), database_connections (4 a shard), queue_redis_url (redis_url),
 * queue_bypass_per_s (admission rate). `getenv_` is injected for tests (NULL: getenv). */
bool config_load(struct config *ret, enum config_daemon who, const char *(*getenv_)(const char *), char *why, size_t n);
bool config_one_redis(const struct config *c); /* the waiting room's Redis is the holds' */
void config_finish(struct config *c);
void config_help(FILE *out, enum config_daemon who); /* the rows as text */
/* --check-config: KEY=value lines; secrets, and passwords within URLs, as ***. */
void config_print(FILE *out, const struct config *c, enum config_daemon who);

#endif
