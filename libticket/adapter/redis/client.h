/* redis: one loop's connection to one Redis server; it pipelines by itself.
 *
 * A call is a port_call with a static `redis_op`: which script, how its arguments are written, what happens with the
 * reply. Scripts are the files of lua/, called by their hash. Calls of an op with a `redis_call_batch` share a script
 * with those of the same schedule that come in the same turn of the loop, or while a script of theirs is under way: a
 * batch leaves when it is full, else at the end of the turn once none is under way. There is no timer, so a call that
 * is alone waits for nobody. A connection counts as ready once AUTH, SELECT, INFO and
 * SCRIPT LOAD of every script have been answered; until then, and beyond `inflight_max`, calls fail at once.
 *
 * `replied` is called exactly once a call, on the loop's thread, possibly from inside redis_call:
 *   TK_OK           `reply` is no error reply; it dies when `replied` returns
 *   TK_UNAVAILABLE  away, loading, full, read-only, not permitted, too much under way; or the deadline passed or the
 *                   connection was lost, and then the script may have run
 *   TK_INTERNAL     Redis refused the call itself: a bug (redis_last_error says which); a batch so refused is sent
 *                   once more, each call by itself, so that a bad one takes no other along
 * A deadline that passes throws the connection away with everything on it, so that a late reply finds nobody.
 * A lost connection is built again at once, then with backoff of 20 to 500 ms; the resolver of the host's name blocks.
 *
 * Memory: nothing is allocated a call but the reply. Inputs stay the caller's until `replied`: they are read a second
 * time when the server has forgotten the scripts. `replied` may start calls but not destroy the client.
 * Thread: the loop's. Writes use MSG_NOSIGNAL. */
#ifndef TK_REDIS_CLIENT_H
#define TK_REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis_scripts.h"
#include "runtime/flow.h"

struct loop;
struct metrics_sheet;
struct redisReply;
struct redis;

struct redis_settings {
	const char *url;	   /* redis://[[user]:password@]host[:port][/db]; %XX in user and password */
	int64_t timeout_ms;	   /* of one call, of a connect and of its handshake */
	unsigned inflight_max; /* 0: 20000 */
};

/* Arguments go to the server in the order of these calls. */
struct redis_args;
void redis_arg(struct redis_args *a, const void *p, size_t n);
void redis_arg_int(struct redis_args *a, int64_t v);
/* One argument in parts, for keys like seat:state:{42} and seat:lock:{42}:A-1. */
void redis_arg_key(struct redis_args *a, const char *before, int64_t id, const char *after);
void redis_arg_key_text(struct redis_args *a, const char *before, int64_t id, const char *after, const char *text);
void redis_arg_run(struct redis_args *a); /* run_id of the server at the other end */

/* How calls share a script: `bind` of the op writes what they have in common, of the first of them; behind it come the
 * columns of what is a call's own, all of the first column, then all of the second, so that a script can hand a column
 * on as it is. The script answers with an array, an element a call; with anything else when that is every call's. */
enum { REDIS_COLUMNS_MAX = 4 };
struct redis_call_batch {
	int64_t (*schedule)(const struct port_call *c);
	bool (*alike)(const struct port_call *a, const struct port_call *b); /* the op's `bind` writes the same for both */
	/* Each writes one argument; the first NULL ends them. */
	void (*column[REDIS_COLUMNS_MAX])(struct redis_args *a, struct port_call *c);
	unsigned (*weight)(const struct port_call *c); /* NULL: 1 */
	/* Weight of a script, for Redis serves nobody else meanwhile: aim below 1 ms. A call alone may have more. */
	unsigned max;
};
struct redis_op {
	const char *command; /* NULL: the script */
	enum script script;
	unsigned keys; /* how many of a script's arguments are keys; they come first */
	void (*bind)(struct redis_args *a, struct port_call *c); /* NULL: no arguments */
	void (*replied)(struct port_call *c, struct tk_err err, const struct redisReply *reply);
	const struct redis_call_batch *batch; /* NULL: each call by itself */
};

/* Connects in the background; NULL: the URL is none (redis_url_ok tells). */
struct redis *redis_create(struct loop *l, const struct redis_settings *s, struct metrics_sheet *m);
void redis_close(struct redis *r);	 /* answers what is under way, refuses what comes after; NULL is fine */
void redis_destroy(struct redis *r); /* closes first; NULL is fine */
bool redis_url_ok(const char *url);

void redis_call(struct redis *r, const struct redis_op *op, struct port_call *c);

bool redis_ready(const struct redis *r);
/* Changes with every connection; 0 while there is none. What was seen under another number may be of a server that
 * has forgotten things since. */
uint32_t redis_life(const struct redis *r);
unsigned redis_inflight(const struct redis *r);		 /* calls without an answer yet */
const char *redis_last_error(const struct redis *r); /* "" when there was none; for the log, not for clients */

#define REDIS_ODD_REPLY TK_ERR(TK_INTERNAL, "a script's reply is not as agreed")
/* Array elements of a reply; 0, "" and false when the element is missing or of another type. */
int64_t redis_reply_int(const struct redisReply *r, size_t i);
const char *redis_reply_str(const struct redisReply *r, size_t i, size_t *ret_len);

#endif
