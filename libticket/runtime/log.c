#include "runtime/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "runtime/buf.h"
#include "runtime/loop.h"
#include "runtime/when.h"

/* A pipe takes up to 4096 bytes in one piece, so that the lines of several threads never mix. */
enum { LINE_MAX_BYTES = 4096, TAIL_BYTES = 32, FIELD_MAX_BYTES = 1024, LIMIT_MS = 1000 };

const struct log_event_row LOG_EVENT_ROW[LOG_EVENTS] = {
#define LOG_EVENT(name, level, doc) {#name, level, doc},
#include "runtime/log_events.h"
#undef LOG_EVENT
};

static const char *const LEVEL[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

static const char *program = "ticket";

void log_program(const char *name)
{
	program = name;
}

/* False: no room is left, the line is as it was. */
static bool put_field(struct buf *b, const struct log_field *f)
{
	struct buf before = *b;

	if (f->s) j_strn(b, f->key, f->s, strnlen(f->s, FIELD_MAX_BYTES));
	else j_int(b, f->key, f->i);
	if (b->len <= LINE_MAX_BYTES - TAIL_BYTES) return true;
	b->len = before.len;
	b->comma = before.comma;
	return false;
}

static void put_line(struct buf *b, enum log_event ev, const struct log_field *fields, size_t n)
{
	bool whole = true;

	j_obj_k(b, NULL);
	j_time(b, "ts", when_now_ms());
	j_str(b, "level", LEVEL[LOG_EVENT_ROW[ev].level]);
	j_str(b, "program", program);
	j_str(b, "event", LOG_EVENT_ROW[ev].name);
	for (size_t i = 0; i < n; i++) whole &= put_field(b, &fields[i]);
	if (!whole) j_bool(b, "truncated", true);
	j_obj_end(b);
	buf_putc(b, '\n');
}

void log_emit(enum log_event ev, const struct log_field *fields, size_t n)
{
	int saved = errno;
	struct buf b;

	buf_init(&b, NULL);
	buf_reserve(&b, LINE_MAX_BYTES);
	put_line(&b, ev, fields, n);
	/* A full or closed stderr loses the line: logging must not stop a sale. */
	while (write(STDERR_FILENO, b.data, b.len) < 0 && errno == EINTR) continue;
	buf_finish(&b);
	errno = saved;
}

int64_t log_admit(enum log_event ev)
{
	/* Beside the program's name this module's only state; it must span threads, or N shards log N times. */
	static struct {
		_Atomic int64_t last_ms, left_out;
	} limit[LOG_EVENTS];
	int64_t now = loop_now_us() / 1000, last = atomic_load(&limit[ev].last_ms);

	if ((last != 0 && now - last < LIMIT_MS) || !atomic_compare_exchange_strong(&limit[ev].last_ms, &last, now)) {
		atomic_fetch_add(&limit[ev].left_out, 1);
		return -1;
	}
	return atomic_exchange(&limit[ev].left_out, 0);
}
