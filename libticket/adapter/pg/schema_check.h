/* schema_check: does the database have what safety rests on?
 *
 * Every table (sql/migrate) and each unique constraint that decides something, by columns and not by name, valid and
 * enforced at once. Runs on each new connection of `pg` before any statement is prepared (a statement that
 * names a missing table would fail with a less helpful word); what it finds is pg_misfit(). */
#ifndef TK_SCHEMA_CHECK_H
#define TK_SCHEMA_CHECK_H

#include "adapter/pg/pg.h"

extern const enum pg_type SCHEMA_CHECK_TYPES[4];
enum { SCHEMA_CHECK_PARAMS = 4 };
void schema_check_bind(struct pg_args *a); /* for the statement schema_check: what is needed; it gives a row a want */

#endif
