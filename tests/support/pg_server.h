/* pg_server: real PostgreSQL for tests. Failures that are no part of a test end the process.
 *
 *   pg_db      a database of the test's own, with the schema, in the server of TICKET_TEST_DATABASE_URL or of a
 *              pg_server; dropped at the end
 *   pg_server  a server process of the test's own, for tests that kill, stop and restart it; addressed by pid only,
 *              dies with the test */
#ifndef TK_TEST_PG_SERVER_H
#define TK_TEST_PG_SERVER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pg_server {
	pid_t pid; /* 0: not running */
	int port;
	char dir[64], url[128]; /* the url of its database postgres */
};
bool pg_server_start(struct pg_server *s); /* false: PostgreSQL is not installed here */
void pg_server_kill(struct pg_server *s);  /* SIGKILL to all of its processes */
void pg_server_pause(struct pg_server *s); /* SIGSTOP to all of them: it accepts and never answers */
void pg_server_resume(struct pg_server *s);
void pg_server_restart(struct pg_server *s); /* kills what runs; same port and data */
void pg_server_finish(struct pg_server *s);

struct pg_db {
	char server_url[256], url[512], name[64];
	PGconn *sql;
};
bool pg_db_create(struct pg_db *db, const char *server_url); /* NULL: from the environment; false: not given */
void pg_db_empty(struct pg_db *db);							 /* the same without tables */
void pg_db_drop(struct pg_db *db);
void pg_db_do(struct pg_db *db, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int64_t pg_db_int(struct pg_db *db, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* NULL: INT64_MIN */
void pg_db_text(struct pg_db *db, char *out, size_t cap, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
PGconn *pg_db_session(struct pg_db *db); /* another connection, the caller's */
void pg_session_do(PGconn *session, const char *sql);

#endif
