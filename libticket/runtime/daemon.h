/* daemon: what the mains of all daemons share: the command line, settings or the refusal to start, signals.
 * Exit codes: 0 after a clean stop, DAEMON_BAD_SETTING, 1 otherwise. Logs, as mains may. Thread: main's. */
#ifndef TK_DAEMON_H
#define TK_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/config.h"
#include "runtime/loop.h"

enum { DAEMON_BAD_SETTING = 2 };

struct argp;

struct daemon_program {
	const char *name, *doc;										/* the binary, and one line about it */
	enum config_daemon settings;								/* which of them are its */
	bool (*check)(const struct config *c, char *why, size_t n); /* of what config.h cannot know */
	void (*help_paths)(void);									/* prints them to stdout */
	const struct argp *options; /* beside --help, --version and --check-config; NULL: none */
	void *options_input;
};

/* True: serve by *ret_config, which is the caller's to finish. False: there is nothing (more) to do but to end with
 * *ret_code: the command was one of the common options, or a setting is bad, which has been logged. */
bool daemon_begin(const struct daemon_program *p, int argc, char **argv, struct config *ret_config, int *ret_code);

/* One line that names what is in the way; ends the process with 1. */
_Noreturn void daemon_refuse_start(const char *why);

/* SIGTERM and SIGINT. To be called before other threads start: they inherit the mask, so that `stop` is called by the
 * loop alone, each time. SIGPIPE is ignored. */
struct daemon_signals {
	struct watch watch;
	void (*stop)(struct daemon_signals *s);
};
bool daemon_signals_take(struct daemon_signals *s, struct loop *l); /* false: errno */
void daemon_signals_leave(struct daemon_signals *s, struct loop *l);

#endif
