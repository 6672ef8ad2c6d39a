/* Handlers of /queue/...: decode, start the use case, encode. Called on the shard's thread; each answers once. */
#ifndef TK_QUEUE_ROUTES_H
#define TK_QUEUE_ROUTES_H

struct exchange;
void queue_enter_post(struct exchange *x);
void queue_status_get(struct exchange *x);
void queue_events_get(struct exchange *x);
void queue_leave_post(struct exchange *x);
void queue_serving_get(struct exchange *x);
void queue_draw_get(struct exchange *x);
void queue_verify_get(struct exchange *x);
void queue_expire_post(struct exchange *x);
void queue_ping_get(struct exchange *x);

/* What GET /queue/serving answers, made once per look-up. */
struct queue_answers;
struct queue_answers *queue_answers_create(void);
void queue_answers_destroy(struct queue_answers *a);

#endif
