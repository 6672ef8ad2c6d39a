/* client_inside: what the files of the Redis client share.
 *
 *   client.c     the connection: its states, deadlines, end; what the outside asks for
 *   greeting.c   what is said first on a connection
 *   calls.c      calls on their way: batches, the send buffer, the queue of commands without a reply, the replies
 *
 * Whatever breaks while somebody up the stack still uses the connection sets `broken`, and who is outermost drops it. */
#ifndef TK_REDIS_CLIENT_INSIDE_H
#define TK_REDIS_CLIENT_INSIDE_H

#include "adapter/redis/args.h"
#include "adapter/redis/batch.h"
#include "adapter/redis/client.h"
#include "adapter/redis/url.h"
#include "runtime/loop.h"

struct redisContext;

enum { REDIS_RUN_ID = 40, REDIS_SHA = 40 };

enum redis_state { AWAY, CONNECTING, GREETING, READY };

/* A command without a reply yet. */
struct redis_pending {
	const struct redis_op *op;
	struct port_call *calls; /* whose it is: one, or those of a batch, linked by `next` */
	struct redis_batch *batch;
	bool again; /* sent a second time, with the script's text */
};

struct redis {
	struct loop *loop;
	struct metrics_sheet *metrics;
	struct redis_url url;
	int64_t timeout_ms;
	unsigned inflight_max;

	enum redis_state state;
	bool broken; /* seen while replies were being read: drop when they are done */
	struct redisContext *ctx;
	struct watch watch;
	struct hook hook;
	struct timer deadline, retry;
	int64_t backoff_ms, ready_since_ms, greet_by_ms;
	uint32_t life;

	struct redis_args args; /* .out: what has to be sent, from `sent` on */
	size_t sent;
	unsigned unsent; /* calls since the last send */

	struct redis_pending *ring; /* in order of sending; the replies come in the same order */
	unsigned head, count, mask;
	struct redis_batches batches;
	unsigned inflight; /* calls: those of the ring, and those that wait in batches */

	struct port_call greeting;
	unsigned greeted; /* scripts whose hash is known */
	char sha[SCRIPT_COUNT + 1][REDIS_SHA];
	char *text[SCRIPT_COUNT + 1];
	char run_id[REDIS_RUN_ID + 1];
	char last_error[160];
};

/* --- calls.c --- */
void redis_send(struct redis *r, const struct redis_op *op, struct port_call *c, int64_t deadline_ms);
void redis_send_waiting(struct redis *r); /* batches of which no script is under way */
void redis_flush(struct redis *r);		  /* never drops */
void redis_read_replies(struct redis *r); /* may drop */
void redis_fail_all(struct redis *r, const char *why);
int64_t redis_first_deadline(const struct redis *r); /* of what is under way or waits; INT64_MAX: nothing */

/* --- greeting.c --- */
void redis_greet(struct redis *r);

/* --- client.c --- */
void redis_drop(struct redis *r, const char *why); /* answers all with TK_UNAVAILABLE, connects again later */

#endif
