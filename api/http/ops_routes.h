/* Handlers of health and metrics. Called on the shard's thread; each answers once. */
#ifndef TK_OPS_ROUTES_H
#define TK_OPS_ROUTES_H

struct exchange;
void livez_get(struct exchange *x);
void readyz_get(struct exchange *x);
void health_get(struct exchange *x);
void metrics_get(struct exchange *x);

#endif
