/* port/orders.h on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "contract/orders_suite.h"
#include "support/pg_world.h"

int main(void)
{
	struct pg_db db;
	struct pg_world w;
	if (!pg_db_create(&db, NULL)) {
		puts("skipped: TICKET_TEST_DATABASE_URL is not set");
		return 0;
	}
	pg_world_open(&w, &db, 5000);
	int failed = orders_suite(&w.orders);
	pg_world_close(&w);
	pg_db_drop(&db);
	return failed;
}
