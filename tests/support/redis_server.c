#include "support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 32, START_MS = 10000, STEP_MS = 5 };

static void must(bool ok, const char *what)
{
	if (ok) return;
	fprintf(stderr, "redis_server: %s: %s\n", what, strerror(errno));
	abort();
}

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

static void become_server(const struct redis_server *s)
{
	char port[16];
	const char *argv[WORDS_MAX] = {"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", s->dir,
		"--enable-debug-command", "yes"};
	int n = 11;
	snprintf(port, sizeof port, "%d", s->port);
	for (int i = 0; s->args && s->args[i] && n < WORDS_MAX - 1; i++) argv[n++] = s->args[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

static bool gone(struct redis_server *s)
{
	int status;
	if (waitpid(s->pid, &status, WNOHANG) != s->pid) return false;
	s->pid = 0;
	return true;
}

static void spawn(struct redis_server *s)
{
	s->pid = fork();
	must(s->pid >= 0, "fork");
	if (s->pid == 0) become_server(s);
}

/* True once it answers; false when the process has ended. */
static bool launch(struct redis_server *s)
{
	spawn(s);
	for (int ms = 0; ms < START_MS; ms += STEP_MS) {
		if (gone(s)) return false;
		if (redis_server_do(s, "PING", NULL) >= 0) return true;
		nap();
	}
	must(false, "does not answer");
	return false;
}

bool redis_server_start(struct redis_server *s, const char *const *args)
{
	*s = (struct redis_server){.args = args, .port = free_port()};
	snprintf(s->dir, sizeof s->dir, "/tmp/ticket-redis-XXXXXX");
	must(mkdtemp(s->dir) != NULL, "mkdtemp");
	snprintf(s->url, sizeof s->url, "redis://127.0.0.1:%d/0", s->port);
	if (launch(s)) return true;
	redis_server_finish(s);
	return false;
}

void redis_server_kill(struct redis_server *s)
{
	if (s->pid <= 0) return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void redis_server_pause(struct redis_server *s)
{
	must(kill(s->pid, SIGSTOP) == 0, "SIGSTOP");
}
void redis_server_resume(struct redis_server *s)
{
	must(kill(s->pid, SIGCONT) == 0, "SIGCONT");
}

void redis_server_restart(struct redis_server *s)
{
	redis_server_kill(s);
	must(launch(s), "does not start again");
}

void redis_server_respawn(struct redis_server *s)
{
	redis_server_kill(s);
	spawn(s);
}

void redis_server_finish(struct redis_server *s)
{
	char command[128];
	redis_server_kill(s);
	if (!s->dir[0]) return;
	snprintf(command, sizeof command, "rm -rf -- '%s'", s->dir);
	must(system(command) == 0, "rm");
	s->dir[0] = 0;
}

static redisReply *ask(const struct redis_server *s, va_list words)
{
	const char *argv[WORDS_MAX];
	int argc = 0;
	while (argc < WORDS_MAX && (argv[argc] = va_arg(words, const char *))) argc++;
	redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, (struct timeval){.tv_sec = 2});
	redisReply *r = NULL;
	if (c && !c->err) {
		redisSetTimeout(c, (struct timeval){.tv_sec = 5});
		r = redisCommandArgv(c, argc, argv, NULL);
	}
	if (c) redisFree(c);
	return r;
}

long long redis_server_do(const struct redis_server *s, ...)
{
	va_list words;
	va_start(words, s);
	redisReply *r = ask(s, words);
	va_end(words);
	long long n = -1;
	if (r && r->type == REDIS_REPLY_INTEGER) n = r->integer;
	else if (r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS)) n = (long long)r->len;
	freeReplyObject(r);
	return n;
}

bool redis_server_text(const struct redis_server *s, char *out, size_t cap, ...)
{
	va_list words;
	va_start(words, cap);
	redisReply *r = ask(s, words);
	va_end(words);
	bool ok = r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
	if (ok) snprintf(out, cap, "%s", r->str);
	freeReplyObject(r);
	return ok;
}
