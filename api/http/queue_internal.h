/* queue_internal: what the handlers of /queue/... share. Private to them. */
#ifndef TK_QUEUE_INTERNAL_H
#define TK_QUEUE_INTERNAL_H

#include "api/app/visit_queue.h"
#include "api/http/exchange.h"

/* scheduleId of the query; false: answered. */
bool queue_schedule_arg(struct exchange *x, int64_t *ret);
void queue_put_int_or_null(struct buf *b, const char *key, bool there, int64_t v);
/* A place as clients see it. */
void queue_put_place(struct buf *b, struct services *app, int64_t schedule, int64_t user, const struct queue_place *p);
/* Answers for any outcome but VISIT_PLACED; `f` is the visit's, ended. */
void queue_visit_refused(struct exchange *x, enum visit_outcome o, const struct flow *f);

#endif
