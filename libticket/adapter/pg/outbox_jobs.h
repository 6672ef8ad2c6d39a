/* outbox_jobs: the calls of port/outbox.h that take several statements. Inside the adapter only. */
#ifndef TK_PG_OUTBOX_JOBS_H
#define TK_PG_OUTBOX_JOBS_H

#include "adapter/pg/stretch.h"
#include "port/outbox.h"

struct pg_outbox {
	struct outbox port;
	struct pg *pg;
	struct stretch expiries, approvals;
};

static inline struct pg_outbox *pg_outbox_of(struct outbox *o)
{
	return container_of(o, struct pg_outbox, port);
}

void outbox_expire_orders(struct outbox *o, struct orders_expire *e);
void outbox_sweep_orders(struct outbox *o, struct outbox_sweep *s);

#endif
