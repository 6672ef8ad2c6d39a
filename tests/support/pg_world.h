/* pg_world: a loop with the pg adapter on a database of the test's own, and the world that orders_suite wants. */
#ifndef TK_TEST_PG_WORLD_H
#define TK_TEST_PG_WORLD_H

#include "adapter/pg/pg.h"
#include "contract/orders_suite.h"
#include "support/pg_server.h"

struct pg_world {
	struct orders_world orders; /* its functions work on `db` */
	struct pg_db *db;
	struct loop *loop;
	struct pg *pg;
};
void pg_world_open(struct pg_world *w, struct pg_db *db, int64_t timeout_ms); /* and waits until it is ready */
void pg_world_close(struct pg_world *w);
bool pg_world_ready_within(struct pg_world *w, int64_t ms);

#endif
