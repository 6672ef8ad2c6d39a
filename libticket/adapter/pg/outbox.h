/* outbox: port/outbox.h on PostgreSQL.
 *
 * Expiry and sweep look at two stretches of their table a round, each of a bounded number of rows: one that follows
 * the present, and one that goes round and round over all of it, so that nothing is missed for good. The places are
 * kept here; they are only hints. The instance uses `pg`, which must outlive it. Thread: the loop's. */
#ifndef TK_PG_OUTBOX_H
#define TK_PG_OUTBOX_H

#include "port/outbox.h"

struct pg;
struct outbox *pg_outbox_create(struct pg *pg);
void pg_outbox_destroy(struct outbox *o); /* NULL is fine; nothing may be under way */

#endif
