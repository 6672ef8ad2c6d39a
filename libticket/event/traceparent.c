#include "event/traceparent.h"

#include <string.h>

static bool lower_hex(const char *s, size_t n, bool *ret_zero)
{
	*ret_zero = true;
	for (size_t i = 0; i < n; i++) {
		if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f')) return false;
		*ret_zero = *ret_zero && s[i] == '0';
	}
	return true;
}

/* The two digits of the version, and what may stand behind the fields that all versions have. */
static bool version_fits(const char *s, size_t n)
{
	bool zero;
	if (!lower_hex(s, 2, &zero) || memcmp(s, "ff", 2) == 0) return false;
	return n == TRACEPARENT_TEXT - 1 || (!zero && s[TRACEPARENT_TEXT - 1] == '-');
}

bool traceparent_read(const char *s, size_t n, char ret[TRACEPARENT_TEXT])
{
	enum { TRACE = 3, SPAN = 36, FLAGS = 53 };
	bool no_trace, no_span, no_flags;
	ret[0] = 0;
	if (n < TRACEPARENT_TEXT - 1 || !version_fits(s, n)) return false;
	if (s[TRACE - 1] != '-' || s[SPAN - 1] != '-' || s[FLAGS - 1] != '-') return false;
	if (!lower_hex(s + TRACE, 32, &no_trace) || !lower_hex(s + SPAN, 16, &no_span)) return false;
	if (!lower_hex(s + FLAGS, 2, &no_flags) || no_trace || no_span) return false;
	memcpy(ret, s, TRACEPARENT_TEXT - 1);
	memcpy(ret, "00", 2);
	ret[TRACEPARENT_TEXT - 1] = 0;
	return true;
}
