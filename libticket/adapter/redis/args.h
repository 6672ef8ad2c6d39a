/* redis_args: commands in the wire format (RESP), written one behind the other into the send buffer.
 * No format strings, so that no byte of an argument can mean anything. A command is
 * redis_args_begin, redis_arg..., redis_args_end; the count in front is filled in at the end. Pure but for growth. */
#ifndef TK_REDIS_ARGS_H
#define TK_REDIS_ARGS_H

#include "runtime/buf.h"

struct redis_args {
	struct buf out;
	const char *run_id;
	size_t head;
	unsigned count;
};
void redis_args_begin(struct redis_args *a);
void redis_args_end(struct redis_args *a);

#endif
