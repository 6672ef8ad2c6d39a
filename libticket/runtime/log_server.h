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

#endif
