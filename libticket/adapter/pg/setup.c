#include <stdio.h>
#include <string.h>

#include "adapter/pg/internal.h"
#include "adapter/pg/schema_check.h"

/* Plans are made once, for any parameters, while the tables may still be empty: without these a plan that reads all of
 * a table would stay until the statistics change. jit would compile every plan whose cost enable_seqscan inflates. */
static const char SETTINGS[] =
	"SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),"
	" set_config('idle_in_transaction_session_timeout', $1, false),"
	" set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),"
	" set_config('jit', 'off', false), set_config('default_transaction_isolation', 'read committed', false)";

static bool send_settings(struct pg_conn *c)
{
	char timeout[24], lock[24];
	snprintf(timeout, sizeof timeout, "%lld", (long long)c->pg->set.timeout_ms);
	snprintf(lock, sizeof lock, "%d", PG_LOCK_TIMEOUT_MS);
	const char *const values[] = {timeout, lock};
	return PQsendQueryParams(c->db, SETTINGS, 2, NULL, values, NULL, NULL, 1);
}

static bool send_schema_check(struct pg_conn *c)
{
	struct pg_args *a = &c->pg->args;
	pg_args_begin(a, SCHEMA_CHECK_TYPES, SCHEMA_CHECK_PARAMS, false);
	schema_check_bind(a);
	pg_args_end(a);
	return PQsendQueryParams(
		c->db, PG_STATEMENT[STMT_SCHEMA_CHECK].text, SCHEMA_CHECK_PARAMS, NULL, a->values, a->lengths, a->formats, 1);
}

bool pg_setup_check(struct pg_conn *c)
{
	return send_settings(c) && send_schema_check(c) && PQpipelineSync(c->db);
}

bool pg_setup_prepare(struct pg_conn *c)
{
	if (!PQsendQueryParams(c->db, PG_STATEMENT[STMT_SCHEMA_DIRTY].text, 0, NULL, NULL, NULL, NULL, 1)) return false;
	for (unsigned i = 0; i < STMT_COUNT; i++) {
		if (!PQsendPrepare(c->db, PG_STATEMENT[i].name, PG_STATEMENT[i].text, 0, NULL)) return false;
	}
	return PQpipelineSync(c->db);
}

static void misfit(struct pg_conn *c, const char *what, const char *why)
{
	snprintf(c->pg->misfit, sizeof c->pg->misfit, "%s%s%s", what, *why ? ": " : "", why);
	c->pg->misfit[strcspn(c->pg->misfit, "\n")] = '\0';
	c->setup_failed = true;
}

/* What a refusal of the statements themselves looks like; anything else (a server that is starting, out of memory)
 * passes by itself. */
static bool is_misfit(const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	return state &&
		(strncmp(state, "42", 2) == 0 || strncmp(state, "22", 2) == 0 || strncmp(state, "0A", 2) == 0 ||
			strncmp(state, "3F", 2) == 0);
}

void pg_setup_result(struct pg_conn *c, const PGresult *res)
{
	unsigned at = c->setup_at++;
	ExecStatusType status = PQresultStatus(res);
	bool first = c->stage == PG_PREPARING && at == 0;
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		bool judged = c->stage == PG_CHECKING ? at == 1 : first;
		if (judged && PQntuples(res) > 0 && !c->setup_failed) misfit(c, PQgetvalue(res, 0, 0), "");
		return;
	}
	if (status == PGRES_PIPELINE_ABORTED || c->setup_failed) return;
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *what = c->stage == PG_CHECKING || first ? "schema check" : PG_STATEMENT[at - 1].name;
	if (is_misfit(res)) misfit(c, what, text ? text : "does not prepare");
	c->setup_failed = true;
}

bool pg_setup_synced(struct pg_conn *c)
{
	if (c->setup_failed) return false;
	if (c->stage == PG_PREPARING) c->pg->misfit[0] = '\0';
	return true;
}
