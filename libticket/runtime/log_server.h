/* log_server: a line when a server goes away, and one when it is back. For main, which may log.
 * `was`: what the last line said, the caller's; true at first, for who is away at the start is worth a line too.
 * `why`: what the adapter heard last; "" when it heard nothing.
 * Thread: the one that owns `was`. */
#ifndef TK_LOG_SERVER_H
#define TK_LOG_SERVER_H

#include <stdbool.h>

#include "runtime/log.h"

static inline void log_server(const char *name, bool now, bool *was, const char *why)
{
	if (now == *was) return;
	*was = now;
	if (now) LOG(server_back, LF_S("server", name));
	else LOG(server_away, LF_S("server", name), LF_S("why", why));
}

/* For adapters that tell of a change themselves, from any thread: ctx is the server's name. */
static inline void log_server_changed(void *ctx, bool now)
{
	if (now) LOG(server_back, LF_S("server", ctx));
	else LOG(server_away, LF_S("server", ctx));
}

/* The same of a producer that a fatal error has ended and made anew. */
static inline void log_producer_failed(void *ctx, const char *why)
{
	(void)ctx;
	LOG(producer_fatal, LF_S("why", why));
}

#endif
