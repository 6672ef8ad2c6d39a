#include "load/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* `name` is in lower case and has its colon. */
static const char *value_of(const char *line, const char *name, size_t n)
{
	return strncasecmp(line, name, n) == 0 ? line + n + strspn(line + n, " ") : NULL;
}

static bool read_head(struct answer *a, const char *at, const char *end)
{
	const char *v;
	bool sized = false;

	if (end - at < 12 || memcmp(at, "HTTP/1.1 ", 9) != 0) return false;
	a->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + at[11] - '0';
	while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end) {
		/* Every line ends in CR LF, so no comparison runs out of the head. */
		if ((*at | 0x20) != 'c') continue;
		if ((v = value_of(at, "content-length:", 15))) {
			a->left = strtoul(v, NULL, 10);
			sized = true;
		} else if ((v = value_of(at, "connection:", 11))) {
			a->closing = strncasecmp(v, "close", 5) == 0;
		}
	}
	return sized || a->status == 204 || a->status == 304;
}

static enum answer_state body(struct answer *a, const char *data, size_t n, const char **ret_body, size_t *ret_len)
{
	if (n > a->left) return ANSWER_BROKEN;
	*ret_body = data;
	*ret_len = n;
	a->left -= n;
	return a->left ? ANSWER_MORE : ANSWER_WHOLE;
}

static enum answer_state keep(struct answer *a, const char *data, size_t n)
{
	if (a->kept + n > sizeof a->head) return ANSWER_BROKEN;
	memcpy(a->head + a->kept, data, n);
	a->kept += n;
	return ANSWER_MORE;
}

enum answer_state answer_feed(struct answer *a, const char *data, size_t n, const char **ret_body, size_t *ret_len)
{
	*ret_len = 0;
	if (a->status) return body(a, data, n, ret_body, ret_len);
	if (a->kept) {
		if (keep(a, data, n) == ANSWER_BROKEN) return ANSWER_BROKEN;
		data = a->head;
		n = a->kept;
	}
	const char *end = memmem(data, n, "\r\n\r\n", 4);
	if (!end) return a->kept ? ANSWER_MORE : keep(a, data, n);
	if (!read_head(a, data, end + 2)) return ANSWER_BROKEN;
	size_t head = (size_t)(end + 4 - data);
	return body(a, data + head, n - head, ret_body, ret_len);
}
