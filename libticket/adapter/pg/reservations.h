/* reservations over PostgreSQL: statements confirm_*.sql. One instance a loop, on that loop's `pg`. */
#ifndef TK_PG_RESERVATIONS_H
#define TK_PG_RESERVATIONS_H

#include "port/reservations.h"

struct pg;

struct pg_reservations {
	struct reservations port;
	struct pg *pg;
};
void pg_reservations_init(struct pg_reservations *r, struct pg *pg);

#endif
