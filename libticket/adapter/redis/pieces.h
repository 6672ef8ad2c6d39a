/* redis_pieces: a long job as a row of calls, few of them under way, so that neither Redis nor the calls behind it
 * on the connection wait for long. Stops at the first failure. `ended` is called once, when no piece is under way any
 * more, possibly from inside redis_pieces_start, and may free the whole. Thread: the loop's. */
#ifndef TK_REDIS_PIECES_H
#define TK_REDIS_PIECES_H

#include "adapter/redis/client.h"

enum { PIECES_UNDER_WAY = 2 };

struct redis_pieces;
struct redis_piece {
	struct port_call call;
	struct redis_pieces *job;
	unsigned from, count;
	bool busy;
};
struct redis_pieces {
	/* in */
	struct redis *redis;
	const struct redis_op *op; /* its `replied` ends in redis_piece_done */
	unsigned total;
	/* How many of the total the piece at `from` takes, > 0. */
	unsigned (*cut)(const struct redis_pieces *job, unsigned from);
	void (*ended)(struct redis_pieces *job, struct tk_err err);
	/* its own */
	struct redis_piece piece[PIECES_UNDER_WAY];
	unsigned next, flying;
	bool pumping;
	struct tk_err err;
};
void redis_pieces_start(struct redis_pieces *job);
struct redis_piece *redis_piece_of(struct port_call *c);
void redis_piece_done(struct redis_piece *p, struct tk_err err); /* an error ends the job */

#endif
