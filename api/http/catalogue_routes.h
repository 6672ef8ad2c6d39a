/* Handlers of /concerts and /schedules. Called on the shard's thread; each answers once. */
#ifndef TK_CATALOGUE_ROUTES_H
#define TK_CATALOGUE_ROUTES_H

struct exchange;
void concerts_get(struct exchange *x);
void schedules_get(struct exchange *x);
void schedule_get(struct exchange *x);

#endif
