#include <string.h>

#include "adapter/pg/internal.h"

/* The first row whose prefix fits decides. */
static const struct {
	const char *prefix;
	enum pg_fate fate;
} FATE[] = {
	{"23505", PG_FATE_CONFLICT}, /* unique_violation */
	{"23P01", PG_FATE_CONFLICT}, /* exclusion_violation */
	{"22", PG_FATE_DATA},		 /* data exception: encoding, range, text form */
	{"23514", PG_FATE_DATA},	 /* check_violation; what else of 23 there is (not null, foreign key) is our bug */
	{"54", PG_FATE_DATA},		 /* program limit exceeded: an index row too large, ... */
	{"40001", PG_FATE_AGAIN},	 /* serialization_failure */
	{"40P01", PG_FATE_AGAIN},	 /* deadlock_detected */
	{"55P03", PG_FATE_AGAIN},	 /* lock_not_available: lock_timeout */
	{"57014", PG_FATE_HEAVY},	 /* query_canceled: statement_timeout */
	{"57", PG_FATE_GONE},		 /* operator intervention: shutdown, crash of another backend */
	{"53200", PG_FATE_HEAVY},	 /* out_of_memory */
	{"53", PG_FATE_REFUSED},	 /* insufficient resources: disk full, connections */
	{"58", PG_FATE_REFUSED},	 /* system error: I/O */
	{"08", PG_FATE_GONE},
	{"25006", PG_FATE_STALE}, /* read only: this server is no longer the primary */
	{"26000", PG_FATE_STALE}, /* the prepared statement is not there (a pooler in between) */
	{"0A000", PG_FATE_STALE}, /* cached plan must not change result type: a migration ran */
	{"", PG_FATE_BUG},
};

enum pg_fate pg_fate(const char *sqlstate)
{
	if (!sqlstate) return PG_FATE_GONE;
	unsigned i = 0;
	while (strncmp(sqlstate, FATE[i].prefix, strlen(FATE[i].prefix)) != 0) i++;
	return FATE[i].fate;
}
