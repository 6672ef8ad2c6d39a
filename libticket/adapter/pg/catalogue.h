/* catalogue: port/catalogue.h on PostgreSQL. The instance uses `pg`, which must outlive it. Thread: the loop's. */
#ifndef TK_PG_CATALOGUE_H
#define TK_PG_CATALOGUE_H

#include "port/catalogue.h"

struct pg;
struct catalogue *pg_catalogue_create(struct pg *pg);
void pg_catalogue_destroy(struct catalogue *c); /* NULL is fine; nothing may be under way */

#endif
