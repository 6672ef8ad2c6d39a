/* redis_url: redis://[[user]:password@]host[:port][/db], taken apart. Pure.
 * Everything is copied; too long counts as malformed. TLS (rediss://) and sockets are not supported. */
#ifndef TK_REDIS_URL_H
#define TK_REDIS_URL_H

#include "runtime/err.h"

struct redis_url {
	char host[256];
	int port, db;
	char user[128], password[512]; /* "": none */
};
TK_NODISCARD bool redis_url_parse(const char *url, struct redis_url *ret);

#endif
