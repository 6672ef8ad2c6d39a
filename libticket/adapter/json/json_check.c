#include "adapter/json/json_check.h"

#include <stdbool.h>
#include <string.h>

struct scan {
	const uint8_t *at, *end;
	struct json_facts *facts;
	unsigned depth;
	const char *why;
};

static const char NOT_AN_OBJECT[] = "not a JSON object";

static bool value(struct scan *s);

static bool refuse(struct scan *s, const char *why)
{
	if (!s->why) s->why = why;
	return false;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) s->at++;
}

static bool take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != (uint8_t)c) return false;
	s->at++;
	return true;
}

static bool in(uint8_t c, uint8_t low, uint8_t high)
{
	return c >= low && c <= high;
}

/* Length of the well-formed sequence at `p` (Unicode 15, table 3-7), 0: there is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	if (in(p[0], 0xc2, 0xdf)) return left >= 2 && in(p[1], 0x80, 0xbf) ? 2 : 0;
	if (in(p[0], 0xe0, 0xef)) {
		uint8_t low = p[0] == 0xe0 ? 0xa0 : 0x80;  /* overlong */
		uint8_t high = p[0] == 0xed ? 0x9f : 0xbf; /* surrogates */
		return left >= 3 && in(p[1], low, high) && in(p[2], 0x80, 0xbf) ? 3 : 0;
	}
	if (in(p[0], 0xf0, 0xf4)) {
		uint8_t low = p[0] == 0xf0 ? 0x90 : 0x80;
		uint8_t high = p[0] == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF */
		return left >= 4 && in(p[1], low, high) && in(p[2], 0x80, 0xbf) && in(p[3], 0x80, 0xbf) ? 4 : 0;
	}
	return 0;
}

static int hex_digit(uint8_t c)
{
	if (in(c, '0', '9')) return c - '0';
	if (in(c | 0x20, 'a', 'f')) return (c | 0x20) - 'a' + 10;
	return -1;
}

/* The four digits behind \u; -1: not four digits. */
static int hex4(struct scan *s)
{
	int v = 0;
	if (s->end - s->at < 4) return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*s->at++);
		if (digit < 0) return -1;
		v = v * 16 + digit;
	}
	return v;
}

static bool unicode_escape(struct scan *s)
{
	int v = hex4(s);
	if (v < 0) return refuse(s, NOT_AN_OBJECT);
	if (v == 0) return refuse(s, "contains NUL");
	if (v < 0xd800 || v > 0xdfff) return true;
	bool pair = v <= 0xdbff && take(s, '\\') && take(s, 'u');
	int second = pair ? hex4(s) : -1;
	return (second >= 0xdc00 && second <= 0xdfff) || refuse(s, "contains half a surrogate pair");
}

static bool escape(struct scan *s)
{
	if (s->at == s->end) return refuse(s, NOT_AN_OBJECT);
	uint8_t c = *s->at++;
	if (c == 'u') return unicode_escape(s);
	return (c != 0 && strchr("\"\\/bfnrt", c)) || refuse(s, NOT_AN_OBJECT);
}

/* Anything but plain ASCII within a string. */
static bool odd_byte(struct scan *s)
{
	if (*s->at == '\\') {
		s->at++;
		return escape(s);
	}
	if (*s->at == 0) return refuse(s, "contains NUL");
	if (*s->at < 0x20) return refuse(s, "contains a raw control character");
	size_t n = utf8_length(s->at, (size_t)(s->end - s->at));
	s->at += n;
	return n > 0 || refuse(s, "not valid UTF-8");
}

static bool string(struct scan *s)
{
	if (!take(s, '"')) return refuse(s, NOT_AN_OBJECT);
	while (s->at < s->end) {
		uint8_t c = *s->at;
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c >= 0x20 && c < 0x80 && c != '\\') {
			s->at++;
		} else if (!odd_byte(s)) {
			return false;
		}
	}
	return refuse(s, NOT_AN_OBJECT);
}

static bool digits(struct scan *s)
{
	const uint8_t *from = s->at;
	while (s->at < s->end && in(*s->at, '0', '9')) s->at++;
	return s->at > from;
}

static bool number(struct scan *s)
{
	take(s, '-');
	bool ok = take(s, '0') || digits(s);
	if (ok && take(s, '.')) ok = digits(s);
	if (ok && (take(s, 'e') || take(s, 'E'))) {
		if (!take(s, '+')) take(s, '-');
		ok = digits(s);
	}
	return ok || refuse(s, NOT_AN_OBJECT);
}

static bool word(struct scan *s, const char *w, size_t n)
{
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n) != 0) return refuse(s, NOT_AN_OBJECT);
	s->at += n;
	return true;
}

static void note_key(struct scan *s, const uint8_t *quote)
{
	struct json_facts *f = s->facts;
	f->members_all++;
	if (s->depth != 1) return;
	if (f->key && f->members_top < f->keys_max)
		f->key[f->members_top] = (struct json_span){(const char *)quote + 1, (size_t)(s->at - quote) - 2};
	f->members_top++;
}

static bool member(struct scan *s)
{
	skip_space(s);
	const uint8_t *quote = s->at;
	if (!string(s)) return false;
	note_key(s, quote);
	skip_space(s);
	return (take(s, ':') || refuse(s, NOT_AN_OBJECT)) && value(s);
}

/* What stands between `{` and `}` or `[` and `]`. */
static bool items(struct scan *s, bool (*item)(struct scan *), char close)
{
	if (++s->depth > JSON_DEPTH_MAX) return refuse(s, "nested too deep");
	skip_space(s);
	if (!take(s, close)) {
		do {
			if (!item(s)) return false;
			skip_space(s);
		} while (take(s, ','));
		if (!take(s, close)) return refuse(s, NOT_AN_OBJECT);
	}
	s->depth--;
	return true;
}

static bool value(struct scan *s)
{
	skip_space(s);
	if (s->at == s->end) return refuse(s, NOT_AN_OBJECT);
	switch (*s->at) {
	case '{': s->at++; return items(s, member, '}');
	case '[': s->at++; return items(s, value, ']');
	case '"': return string(s);
	case 't': return word(s, "true", 4);
	case 'f': return word(s, "false", 5);
	case 'n': return word(s, "null", 4);
	default: return number(s);
	}
}

const char *json_check(const char *bytes, size_t n, struct json_facts *facts)
{
	const uint8_t *from = (const uint8_t *)bytes;
	struct scan s = {.at = from, .end = from + n, .facts = facts};
	if (n == 0 || n > INT32_MAX) return NOT_AN_OBJECT; /* json-c counts in int */
	facts->members_top = facts->members_all = 0;
	skip_space(&s);
	facts->begin = (size_t)(s.at - from);
	if (s.at == s.end || *s.at != '{') return NOT_AN_OBJECT;
	if (!value(&s)) return s.why;
	facts->end = (size_t)(s.at - from);
	skip_space(&s);
	return s.at == s.end ? NULL : NOT_AN_OBJECT;
}
