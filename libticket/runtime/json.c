/* The JSON writers of buf.h. */
#include <assert.h>
#include <string.h>

#include "runtime/buf.h"
#include "runtime/uuid.h"
#include "runtime/when.h"

/* 0: stands for itself; 1: \u00XX; 2: starts a sequence beyond ASCII; else the letter behind the backslash. */
static const unsigned char ESCAPE[256] = {
	[0x00 ... 0x07] = 1,
	['\b'] = 'b',
	['\t'] = 't',
	['\n'] = 'n',
	[0x0b] = 1,
	['\f'] = 'f',
	['\r'] = 'r',
	[0x0e ... 0x1f] = 1,
	['"'] = '"',
	['\\'] = '\\',
	[0x80 ... 0xff] = 2,
};

static bool continues(const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) return false;
	}
	return true;
}

/* Length of the well-formed sequence at s (Unicode, table 3-7), 0: there is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	unsigned char first = s[0], low = 0x80, high = 0xbf;
	size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

	if (first < 0xc2 || first > 0xf4 || n < len) return 0;
	if (first == 0xe0) low = 0xa0;	/* overlong */
	if (first == 0xed) high = 0x9f; /* surrogates */
	if (first == 0xf0) low = 0x90;	/* overlong */
	if (first == 0xf4) high = 0x8f; /* beyond U+10FFFF */
	if (s[1] < low || s[1] > high) return 0;
	return continues(s + 2, len - 2) ? len : 0;
}

/* Writes what can't stand for itself; returns how many bytes of s that were. */
static size_t put_escaped(struct buf *b, const unsigned char *s, size_t n)
{
	unsigned char how = ESCAPE[*s];
	size_t len;

	switch (how) {
	case 1: buf_printf(b, "\\u%04x", *s); return 1;
	case 2:
		len = utf8_length(s, n);
		if (len) buf_put(b, s, len);
		else buf_puts(b, "\xef\xbf\xbd");
		return len ? len : 1;
	default: buf_put(b, (char[]){'\\', (char)how}, 2); return 1;
	}
}

/* Room for the rest of the text and its quotes is there all the time. */
static void put_string(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	buf_reserve(b, n + 2);
	b->data[b->len++] = '"';
	for (;;) {
		char *out = b->data + b->len;

		while (at < n && !ESCAPE[s[at]]) *out++ = (char)s[at++];
		b->len = (size_t)(out - b->data);
		if (at == n) break;
		at += put_escaped(b, s + at, n - at);
		buf_reserve(b, n - at + 1);
	}
	b->data[b->len++] = '"';
}

/* ASCII that needs no escape. */
static void put_plain(struct buf *b, const char *text, size_t n)
{
	buf_reserve(b, n + 2);
	b->data[b->len] = '"';
	memcpy(b->data + b->len + 1, text, n);
	b->data[b->len + 1 + n] = '"';
	b->len += n + 2;
}

static void begin(struct buf *b, const char *key)
{
	uint64_t bit = (uint64_t)1 << b->depth;

	if (b->depth && b->comma & bit) buf_putc(b, ',');
	b->comma |= bit;
	if (!key) return;
	put_string(b, key, strlen(key));
	buf_putc(b, ':');
}

static void open_level(struct buf *b, const char *key, char bracket)
{
	begin(b, key);
	buf_putc(b, bracket);
	assert(b->depth < 63);
	b->depth++;
	b->comma &= ~((uint64_t)1 << b->depth);
}

static void close_level(struct buf *b, char bracket)
{
	assert(b->depth > 0);
	b->depth--;
	buf_putc(b, bracket);
}

void j_obj_k(struct buf *b, const char *key)
{
	open_level(b, key, '{');
}

void j_arr_k(struct buf *b, const char *key)
{
	open_level(b, key, '[');
}

void j_obj_end(struct buf *b)
{
	close_level(b, '}');
}

void j_arr_end(struct buf *b)
{
	close_level(b, ']');
}

void j_int(struct buf *b, const char *key, int64_t v)
{
	begin(b, key);
	buf_int(b, v);
}

void j_bool(struct buf *b, const char *key, bool v)
{
	begin(b, key);
	buf_puts(b, v ? "true" : "false");
}

void j_null(struct buf *b, const char *key)
{
	begin(b, key);
	buf_put(b, "null", 4);
}

void j_strn(struct buf *b, const char *key, const char *s, size_t n)
{
	begin(b, key);
	put_string(b, s, n);
}

void j_str(struct buf *b, const char *key, const char *s)
{
	if (s) j_strn(b, key, s, strlen(s));
	else j_null(b, key);
}

void j_time(struct buf *b, const char *key, int64_t unix_ms)
{
	char text[WHEN_TEXT];

	if (unix_ms == TIME_NONE) {
		j_null(b, key);
		return;
	}
	when_text(text, unix_ms);
	begin(b, key);
	put_plain(b, text, WHEN_TEXT - 1);
}

void j_uuid(struct buf *b, const char *key, const struct uuid *u)
{
	char text[UUID_TEXT];

	if (uuid_is_nil(u)) {
		j_null(b, key);
		return;
	}
	uuid_text(text, u);
	begin(b, key);
	put_plain(b, text, UUID_TEXT - 1);
}

void j_raw(struct buf *b, const char *key, const char *json, size_t n)
{
	begin(b, key);
	buf_put(b, json, n);
}
