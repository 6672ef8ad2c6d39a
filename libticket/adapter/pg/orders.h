/* orders: port/orders.h on PostgreSQL. Every call shares its statement with others of its kind (pg.h); what would
 * wait for a lock goes to the SLOW lane. The instance uses `pg`, which must outlive it. Thread: the loop's. */
#ifndef TK_PG_ORDERS_H
#define TK_PG_ORDERS_H

#include "port/orders.h"

struct pg;
struct orders *pg_orders_create(struct pg *pg);
void pg_orders_destroy(struct orders *o); /* NULL is fine; nothing may be under way */

#endif
