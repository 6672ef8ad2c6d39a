#include "support/pg_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 20000, STEP_MS = 20, CHILDREN_MAX = 256 };

static void must(bool ok, const char *what)
{
	if (ok) return;
	fprintf(stderr, "pg_server: %s: %s\n", what, strerror(errno));
	abort();
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

/* --- a server process --- */

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0, "no free port");
	must(getsockname(fd, (struct sockaddr *)&a, &n) == 0, "getsockname");
	close(fd);
	return ntohs(a.sin_port);
}

static bool program(char *out, size_t cap, const char *name)
{
	glob_t found;
	char pattern[128];
	snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
	bool ok = glob(pattern, 0, NULL, &found) == 0;
	if (ok) snprintf(out, cap, "%s", found.gl_pathv[found.gl_pathc - 1]);
	if (ok) globfree(&found);
	return ok;
}

/* The server refuses to run as root. */
static const struct passwd *servant(void)
{
	return geteuid() == 0 ? getpwnam("postgres") : getpwuid(geteuid());
}

static pid_t launch(char *const argv[])
{
	pid_t pid = fork();
	must(pid >= 0, "fork");
	if (pid > 0) return pid;
	const struct passwd *who = servant();
	if (geteuid() == 0 && (!who || setgroups(0, NULL) || setgid(who->pw_gid) || setuid(who->pw_uid))) _exit(126);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (chdir("/tmp")) _exit(126);
	execv(argv[0], argv);
	_exit(127);
}

static void initdb(const struct pg_server *s)
{
	char path[256], data[80];
	int status;
	must(program(path, sizeof path, "initdb"), "no initdb");
	snprintf(data, sizeof data, "%s/data", s->dir);
	char *argv[] = {path, "-D", data, "-U", "ticket", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", NULL};
	must(waitpid(launch(argv), &status, 0) > 0 && status == 0, "initdb failed");
}

static bool answers(const char *url)
{
	PGconn *c = PQconnectdb(url);
	bool ok = PQstatus(c) == CONNECTION_OK;
	PQfinish(c);
	return ok;
}

static bool ended(struct pg_server *s)
{
	if (waitpid(s->pid, NULL, WNOHANG) != s->pid) return false;
	s->pid = 0;
	return true;
}

static void run(struct pg_server *s)
{
	char path[256], data[80], port[16], sockets[96];
	must(program(path, sizeof path, "postgres"), "no postgres");
	snprintf(data, sizeof data, "%s/data", s->dir);
	snprintf(port, sizeof port, "%d", s->port);
	snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", s->dir);
	char *argv[] = {path, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", sockets, "-c",
		"shared_buffers=32MB", "-c", "max_connections=40", NULL};
	for (int ms = 0; ms < START_MS; ms += STEP_MS) {
		/* It ends at once while processes of a killed one are still going away. */
		if (s->pid == 0 || ended(s)) s->pid = launch(argv);
		nap();
		if (answers(s->url)) return;
	}
	must(false, "does not answer");
}

bool pg_server_start(struct pg_server *s)
{
	char path[256];
	*s = (struct pg_server){.port = free_port()};
	if (!program(path, sizeof path, "postgres") || !servant()) return false;
	snprintf(s->dir, sizeof s->dir, "/tmp/ticket-pg-XXXXXX");
	must(mkdtemp(s->dir) != NULL, "mkdtemp");
	must(geteuid() != 0 || chown(s->dir, servant()->pw_uid, servant()->pw_gid) == 0, "chown");
	snprintf(s->url, sizeof s->url, "postgresql://ticket@127.0.0.1:%d/postgres", s->port);
	initdb(s);
	run(s);
	return true;
}

/* The server and its children: each of them leads a process group of its own. */
static void signal_all(const struct pg_server *s, int sig)
{
	char path[64], pids[4096] = "";
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", s->pid, s->pid);
	FILE *f = fopen(path, "r");
	if (f) {
		if (!fgets(pids, sizeof pids, f)) pids[0] = '\0';
		fclose(f);
	}
	kill(s->pid, sig);
	for (char *at = pids, *end; *at; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at) break;
		if (pid > 1) kill((pid_t)pid, sig);
	}
}

void pg_server_kill(struct pg_server *s)
{
	if (s->pid <= 0) return;
	signal_all(s, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void pg_server_pause(struct pg_server *s)
{
	signal_all(s, SIGSTOP);
}

void pg_server_resume(struct pg_server *s)
{
	signal_all(s, SIGCONT);
}

void pg_server_restart(struct pg_server *s)
{
	pg_server_kill(s);
	run(s);
}

void pg_server_finish(struct pg_server *s)
{
	char command[128];
	pg_server_kill(s);
	if (!s->dir[0]) return;
	snprintf(command, sizeof command, "rm -rf -- '%s'", s->dir);
	must(system(command) == 0, "rm");
	s->dir[0] = '\0';
}

/* --- a database --- */

static PGconn *connect_to(const char *url)
{
	PGconn *c = PQconnectdb(url);
	if (PQstatus(c) == CONNECTION_OK) return c;
	fprintf(stderr, "pg_server: %s\n", PQerrorMessage(c));
	abort();
}

void pg_session_do(PGconn *session, const char *sql)
{
	PGresult *r = PQexec(session, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fprintf(stderr, "pg_server: %s: %s\n", sql, PQerrorMessage(session));
		abort();
	}
	PQclear(r);
}

static void ignore_notice(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* The same server, another database: the path of the URL is replaced. */
static void url_of(struct pg_db *db)
{
	const char *host = strstr(db->server_url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
	const char *query = strchr(db->server_url, '?');
	must(host != NULL, "TICKET_TEST_DATABASE_URL is no URL");
	const char *end = path ? path : query ? query : db->server_url + strlen(db->server_url);
	size_t before = (size_t)(end - db->server_url);
	snprintf(db->url, sizeof db->url, "%.*s/%s%s", (int)before, db->server_url, db->name, query ? query : "");
}

static void create_database(struct pg_db *db)
{
	char sql[128];
	PGconn *c = connect_to(db->server_url);
	PQsetNoticeProcessor(c, ignore_notice, NULL);
	snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", db->name);
	pg_session_do(c, sql);
	snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", db->name);
	pg_session_do(c, sql);
	PQfinish(c);
	db->sql = connect_to(db->url);
	PQsetNoticeProcessor(db->sql, ignore_notice, NULL);
}

static char *contents(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t cap = 0;
	must(f != NULL, path);
	must(getdelim(&text, &cap, '\0', f) > 0, path);
	fclose(f);
	return text;
}

static void migrate(struct pg_db *db)
{
	char pattern[512];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s", __FILE__);
	*strrchr(pattern, '/') = '\0';
	strncat(pattern, "/../../sql/migrate/*.up.sql", sizeof pattern - strlen(pattern) - 1);
	must(glob(pattern, 0, NULL, &found) == 0, pattern);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *text = contents(found.gl_pathv[i]);
		pg_session_do(db->sql, text);
		free(text);
	}
	globfree(&found);
	pg_session_do(db->sql,
		"CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT"
		" NULL)");
}

bool pg_db_create(struct pg_db *db, const char *server_url)
{
	*db = (struct pg_db){.sql = NULL};
	if (!server_url) server_url = getenv("TICKET_TEST_DATABASE_URL");
	if (!server_url || !*server_url) return false;
	snprintf(db->server_url, sizeof db->server_url, "%s", server_url);
	snprintf(db->name, sizeof db->name, "ticket_test_%d_%lx", getpid(), (unsigned long)(uintptr_t)db & 0xffffff);
	url_of(db);
	create_database(db);
	migrate(db);
	return true;
}

void pg_db_empty(struct pg_db *db)
{
	pg_session_do(db->sql, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

void pg_db_drop(struct pg_db *db)
{
	char sql[128];
	if (!db->sql) return;
	PQfinish(db->sql);
	db->sql = NULL;
	PGconn *c = connect_to(db->server_url);
	snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", db->name);
	pg_session_do(c, sql);
	PQfinish(c);
}

static PGresult *query(struct pg_db *db, const char *fmt, va_list args)
{
	char *sql = NULL;
	must(vasprintf(&sql, fmt, args) >= 0, "vasprintf");
	PGresult *r = PQexec(db->sql, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
		fprintf(stderr, "pg_server: %s: %s\n", sql, PQerrorMessage(db->sql));
		abort();
	}
	free(sql);
	return r;
}

void pg_db_do(struct pg_db *db, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	PQclear(query(db, fmt, args));
	va_end(args);
}

int64_t pg_db_int(struct pg_db *db, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	PGresult *r = query(db, fmt, args);
	va_end(args);
	bool none = PQntuples(r) == 0 || PQgetisnull(r, 0, 0);
	int64_t v = none ? INT64_MIN : strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return v;
}

void pg_db_text(struct pg_db *db, char *out, size_t cap, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	PGresult *r = query(db, fmt, args);
	va_end(args);
	snprintf(out, cap, "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
}

PGconn *pg_db_session(struct pg_db *db)
{
	return connect_to(db->url);
}
