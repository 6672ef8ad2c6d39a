/* listener: a shard's listening socket. It accepts by itself, so that connections beyond the limit are refused at once, and
 * a stopping daemon serves what waits in its accept queue.
 * Thread: the shard's, but for listener_open. */
#ifndef TK_LISTENER_H
#define TK_LISTENER_H

#include <stdbool.h>

#include "runtime/config.h"
#include "runtime/loop.h"

struct http;

struct listener {
	struct watch watch;
	int spare_fd; /* let go for the moment in which a connection is refused for want of descriptors; -1: none */
	unsigned max_connections; /* of all shards */
	bool reserved;			  /* a place taken for a connection that has not started yet */
};

/* A socket of its own for each shard (SO_REUSEPORT). -1: errno. `exclusive_probe` fails when the address is taken at all. */
int listener_open(const struct addr *a, bool exclusive_probe);

void listener_init(struct listener *l, int fd, unsigned max_connections); /* takes the socket */
bool listener_start(struct http *h);
void listener_wake(struct http *h);	 /* there may be descriptors again */
void listener_close(struct http *h); /* serves what waits in the accept queue first */
void listener_finish(struct listener *l);

/* A connection that was accepted has started, and ended: its place is one of those that all shards share. */
void listener_place_taken(struct http *h);
void listener_place_free(void);

#endif
