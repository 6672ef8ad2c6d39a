#include "runtime/daemon.h"

#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runtime/log.h"
#include "runtime/metrics.h"

/* --- command line --- */

struct command {
	const struct daemon_program *program;
	bool help, check_config;
};

static const struct argp_option OPTIONS[] = {
	{"help", 'h', 0, 0, "print this, with every setting, and exit", 0},
	{"version", 'V', 0, 0, "print the version and exit", 0},
	{"check-config", 'c', 0, 0, "check the settings, print those in force and exit", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		if (c->program->options) state->child_inputs[0] = c->program->options_input;
		return 0;
	case 'h': c->help = true; return 0;
	case 'V': printf("%s %s\n", c->program->name, TICKET_VERSION); exit(0);
	case 'c': c->check_config = true; return 0;
	case ARGP_KEY_ARG: argp_error(state, "unexpected argument '%s'", arg); return EINVAL;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void print_help(const struct daemon_program *p, const struct argp *argp)
{
	argp_help(argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, (char *)p->name);
	putchar('\n');
	config_help(stdout, p->settings);
	printf("\nPaths:\n");
	p->help_paths();
	printf("\nLog events (one JSON object a line on stderr):\n");
	for (unsigned i = 0; i < LOG_EVENTS; i++) printf("  %-24s %s\n", LOG_EVENT_ROW[i].name, LOG_EVENT_ROW[i].doc);
}

static bool settings_hold(const struct daemon_program *p, struct config *ret)
{
	char why[400];

	if (config_load(ret, p->settings, NULL, why, sizeof why) && p->check(ret, why, sizeof why)) return true;
	LOG(start_refused, LF_S("why", why));
	config_finish(ret);
	return false;
}

bool daemon_begin(const struct daemon_program *p, int argc, char **argv, struct config *ret_config, int *ret_code)
{
	const struct argp_child more[] = {{p->options, 0, NULL, 0}, {0}};
	const struct argp argp = {OPTIONS, parse_option, NULL, p->doc, p->options ? more : NULL, NULL, NULL};
	struct command cmd = {.program = p};

	log_program(p->name);
	metrics_program(p->settings);
	argp_err_exit_status = 1;
	*ret_code = 1;
	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &cmd) != 0) return false;
	*ret_code = 0;
	if (cmd.help) {
		print_help(p, &argp);
		return false;
	}
	if (!settings_hold(p, ret_config)) {
		*ret_code = DAEMON_BAD_SETTING;
		return false;
	}
	if (!cmd.check_config) return true;
	config_print(stdout, ret_config, p->settings);
	config_finish(ret_config);
	return false;
}

void daemon_refuse_start(const char *why)
{
	LOG(start_refused, LF_S("why", why));
	_exit(1);
}

/* --- signals --- */

static void on_signal(struct watch *w, uint32_t events)
{
	struct daemon_signals *s = container_of(w, struct daemon_signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof info) == sizeof info) s->stop(s);
}

bool daemon_signals_take(struct daemon_signals *s, struct loop *l)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	s->watch = (struct watch){signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), EPOLLIN, on_signal};
	return s->watch.fd >= 0 && watch_add(l, &s->watch) == 0;
}

void daemon_signals_leave(struct daemon_signals *s, struct loop *l)
{
	watch_remove(l, &s->watch);
	close(s->watch.fd);
}
