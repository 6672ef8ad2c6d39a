/* listen: a listening TCP socket at an address.
 * Blocks while the resolver looks for the host's name. Safe on any thread. */
#ifndef TK_LISTEN_H
#define TK_LISTEN_H

#include <stdbool.h>

#include "runtime/config.h"

/* Non-blocking, closed on exec; the caller's. `shared`: others may listen there too (SO_REUSEPORT), else it fails when the
 * address is taken. -1: errno. */
int listen_tcp(const struct addr *a, int backlog, bool shared);

#endif
