/* log: one JSON object a line to stderr, each written by one write(2).
 *
 * Events are rows of a table with a level and a doc column (log_events.h); fields are typed.
 * Programs log, library code does not (it returns an err); only main, http/ and the poll loop
 * call this, once per failure. Never put a token, password, key or SQL text into a field.
 *
 *     LOG(payment_gateway_mock, LF_S("gateway", "mock"));
 *
 * Thread: safe on any; lines never interleave. */
#ifndef TK_LOG_H
#define TK_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event {
#define LOG_EVENT(name, level, doc) LOG_EV_##name,
#include "runtime/log_events.h"
#undef LOG_EVENT
	LOG_EVENTS
};
struct log_event_row {
	const char *name;
	enum log_level level;
	const char *doc;
};
extern const struct log_event_row LOG_EVENT_ROW[LOG_EVENTS];

struct log_field {
	const char *key;
	const char *s; /* NULL: the number */
	int64_t i;
};
/* A function, so that an array as the value is no "always true" to the compiler. */
static inline const char *log_text(const char *s)
{
	return s ? s : "";
}
#define LF_S(k, v) ((struct log_field){(k), log_text(v), 0})
#define LF_I(k, v) ((struct log_field){(k), NULL, (int64_t)(v)})
#define LF_ERR(e) LF_S("error", TK_KIND[(e).kind].name), LF_S("what", (e).what), LF_S("where", (e).where)

void log_emit(enum log_event ev, const struct log_field *fields, size_t n);
void log_program(const char *name); /* before threads start */
#define LOG(ev, ...)                                                                                                   \
	do {                                                                                                               \
		const struct log_field f_[] = {{"", "", 0}, ##__VA_ARGS__};                                                    \
		log_emit(LOG_EV_##ev, f_ + 1, sizeof f_ / sizeof *f_ - 1);                                                     \
	} while (0)

/* At most one line a second for each event; the next line says how many were left out. */
#define LOG_LIMITED(ev, ...)                                                                                           \
	do {                                                                                                               \
		int64_t left_ = log_admit(LOG_EV_##ev);                                                                        \
		if (left_ >= 0) LOG(ev, ##__VA_ARGS__, LF_I("suppressed", left_));                                             \
	} while (0)
int64_t log_admit(enum log_event ev); /* -1: not now; else how many were left out */

#endif
