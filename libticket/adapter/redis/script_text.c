#include "adapter/redis/script_text.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/buf.h"

static const char *named(const char *name, size_t n)
{
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		if (strlen(REDIS_SCRIPT[i].name) == n && memcmp(REDIS_SCRIPT[i].name, name, n) == 0)
			return REDIS_SCRIPT[i].text;
	}
	abort(); /* an include that names no script */
}

char *script_text(enum script s)
{
	static const char INCLUDE[] = "--include ";
	struct buf b;
	buf_init(&b, NULL);
	for (const char *line = REDIS_SCRIPT[s].text; *line;) {
		size_t n = strcspn(line, "\n"), skip = sizeof INCLUDE - 1;
		if (n > skip && memcmp(line, INCLUDE, skip) == 0) buf_puts(&b, named(line + skip, n - skip));
		else buf_put(&b, line, n);
		buf_putc(&b, '\n');
		line += n + (line[n] == '\n');
	}
	char *text = strdup(buf_cstr(&b));
	if (!text) abort();
	buf_finish(&b);
	return text;
}
