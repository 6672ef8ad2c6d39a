/* Handlers of /tickets/...: decode, start the use case, encode. Called on the shard's thread; each answers once. */
#ifndef TK_HOLD_ROUTES_H
#define TK_HOLD_ROUTES_H

struct exchange;
void hold_post(struct exchange *x);
void release_post(struct exchange *x);
void holds_get(struct exchange *x);

#endif
