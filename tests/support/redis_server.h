/* redis_server: a redis-server process of the test's own, on a free port of 127.0.0.1, in a temporary folder.
 * It is addressed by its pid only, and dies with the test. Failures that are no part of a test end the process. */
#ifndef TK_TEST_REDIS_SERVER_H
#define TK_TEST_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
	pid_t pid; /* 0: not running */
	int port;
	char dir[64], url[64];
	const char *const *args; /* more words of the command line, NULL-terminated; NULL: none */
};

/* False: there is no redis-server here. Returns when it answers PING. Without persistence but what is asked for. */
bool redis_server_start(struct redis_server *s, const char *const *args);
void redis_server_kill(struct redis_server *s);	   /* SIGKILL, and waits */
void redis_server_pause(struct redis_server *s);   /* SIGSTOP: it accepts and never answers */
void redis_server_resume(struct redis_server *s);  /* SIGCONT */
void redis_server_restart(struct redis_server *s); /* kills what runs; same port, folder and arguments */
void redis_server_respawn(struct redis_server *s); /* the same without waiting for an answer */
void redis_server_finish(struct redis_server *s);  /* kills it and removes its folder */

/* One command on a connection of its own, words up to NULL. The reply's integer, or the length of its text; -1: an
 * error or nil. `redis_server_text` copies the text. */
long long redis_server_do(const struct redis_server *s, ...) __attribute__((sentinel));
bool redis_server_text(const struct redis_server *s, char *out, size_t cap, ...) __attribute__((sentinel));

#endif
