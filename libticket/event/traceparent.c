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

bool traceparent_read(const char *s, size_t n, char ret[TRACEPARENT_TEXT])
{
	enum { TRACE = 3, SPAN = 36, FLAGS = 53 };
	bool no_trace, no_span, no_flags;
	ret[0] = 0;
	if (n != TRACEPARENT_TEXT - 1 || memcmp(s, "00-", TRACE) != 0) return false;
	if (s[SPAN - 1] != '-' || s[FLAGS - 1] != '-') return false;
	if (!lower_hex(s + TRACE, 32, &no_trace) || !lower_hex(s + SPAN, 16, &no_span)) return false;
	if (!lower_hex(s + FLAGS, 2, &no_flags) || no_trace || no_span) return false;
	memcpy(ret, s, n);
	ret[n] = 0;
	return true;
}
