#include "adapter/redis/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

/* Copies n bytes with %XX undone. */
static bool decode(const char *s, size_t n, char *out, size_t cap)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			if (i + 2 >= n || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0) return false;
			c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
			if (c == 0) return false;
		}
		if (len + 1 >= cap) return false;
		out[len++] = c;
	}
	out[len] = 0;
	return true;
}

static bool number(const char *s, size_t n, int max, int *ret)
{
	int v = 0;
	if (n == 0 || n > 9) return false;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i])) return false;
		v = v * 10 + (s[i] - '0');
	}
	if (v > max) return false;
	*ret = v;
	return true;
}

static bool parse_login(const char *s, size_t n, struct redis_url *u)
{
	const char *colon = memchr(s, ':', n);
	/* As redis-cli has it: a lone word is a password. */
	if (!colon) return decode(s, n, u->password, sizeof u->password);
	return decode(s, (size_t)(colon - s), u->user, sizeof u->user) &&
		decode(colon + 1, n - (size_t)(colon - s) - 1, u->password, sizeof u->password);
}

static bool parse_host(const char *s, size_t n, struct redis_url *u)
{
	const char *end = s + n, *colon;
	if (n > 0 && *s == '[') { /* IPv6 */
		const char *close = memchr(s, ']', n);
		if (!close) return false;
		if (!decode(s + 1, (size_t)(close - s) - 1, u->host, sizeof u->host)) return false;
		colon = close + 1 < end ? close + 1 : NULL;
		if (colon && *colon != ':') return false;
	} else {
		colon = memchr(s, ':', n);
		if (!decode(s, colon ? (size_t)(colon - s) : n, u->host, sizeof u->host)) return false;
	}
	if (!u->host[0]) return false;
	return !colon || (number(colon + 1, (size_t)(end - colon) - 1, 65535, &u->port) && u->port > 0);
}

bool redis_url_parse(const char *url, struct redis_url *ret)
{
	static const char SCHEME[] = "redis://";
	struct redis_url u = {.port = 6379};
	if (!url || strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) return false;
	const char *s = url + sizeof SCHEME - 1;
	if (strpbrk(s, "?#")) return false;
	const char *slash = strchr(s, '/');
	const char *end = slash ? slash : s + strlen(s);
	const char *at = memrchr(s, '@', (size_t)(end - s));
	if (at && !parse_login(s, (size_t)(at - s), &u)) return false;
	if (at) s = at + 1;
	if (!parse_host(s, (size_t)(end - s), &u)) return false;
	if (slash && slash[1] && !number(slash + 1, strlen(slash + 1), 1000000, &u.db)) return false;
	*ret = u;
	return true;
}
