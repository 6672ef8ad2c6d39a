/* Handlers of /admin/...: decode, start the use case, encode. Called on the shard's thread; each answers once. */
#ifndef TK_ADMIN_ROUTES_H
#define TK_ADMIN_ROUTES_H

struct exchange;
void admin_queue_get(struct exchange *x);
void admin_queue_put(struct exchange *x);

#endif
