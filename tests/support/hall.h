/* hall: a waiting room whole, over fakes: backstage with its jobs, and a shard's services with their board. Both loops
 * are turned by the test, in real time; the fake store's clock goes along, and may be moved further. */
#ifndef TK_TEST_HALL_H
#define TK_TEST_HALL_H

#include "adapter/crypto/queue_token.h"
#include "api/app/bypass_limit.h"
#include "api/app/visit_queue.h"
#include "support/backstage_world.h"

/* OPEN: queue_required; PLAIN: not; EARLY: opens after EARLY_MS; CLOSED. 10 seats each. */
enum { HALL_OPEN = 9, HALL_PLAIN = 7, HALL_EARLY = 10, HALL_CLOSED = 8, HALL_EARLY_MS = 2000 };

struct hall {
	struct backstage_world w;
	struct loop *loop; /* the shard's */
	struct services services;
	struct config config;
	struct hmac_queue_token *tokens;
	struct bypass_limit bypass;
	int64_t real_ms, moved_ms; /* when the store's clock was set; how far it was moved since */
	unsigned finished;		   /* flows that hall_done has seen */
};
struct hall *hall_open(void);
void hall_close(struct hall *h);
/* The jobs of the waiting room begin. */
void hall_begin(struct hall *h);

void hall_turn(struct hall *h);
void hall_turn_for(struct hall *h, int ms);
bool hall_turn_until(struct hall *h, bool (*is_so)(struct hall *h, void *arg), void *arg, int max_ms);
void hall_move_clock(struct hall *h, int64_t ms); /* of the store */

/* Runs a use case to its end: start it with hall_done between these two. */
unsigned hall_mark(const struct hall *h);
void hall_done(struct flow *f);
void hall_wait(struct hall *h, unsigned mark);

/* Entering and asking, as requests do. */
struct visit_queue hall_visit(struct hall *h, int64_t schedule, int64_t user, bool enter, const char *token);
static inline struct visit_queue hall_enter(struct hall *h, int64_t user)
{
	return hall_visit(h, HALL_OPEN, user, true, NULL);
}
enum queue_status hall_status(struct hall *h, int64_t schedule, int64_t user); /* QUEUE_NOBODY: not in the queue */
void hall_token(
	struct hall *h, int64_t schedule, int64_t user, const struct queue_place *p, char ret[QUEUE_TOKEN_TEXT]);

#endif
