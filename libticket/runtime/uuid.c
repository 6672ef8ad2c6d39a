#include "runtime/uuid.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

enum { POOL_WORDS = 32 }; /* 256 bytes: getrandom gives so many whole, whatever signals come */

/* A system call for each id would cost more than all the rest of it. Never given twice, nor kept. */
static uint64_t random_bits(void)
{
	static _Thread_local struct {
		uint64_t word[POOL_WORDS];
		unsigned left;
	} pool;

	if (!pool.left) {
		if (getrandom(pool.word, sizeof pool.word, 0) != (ssize_t)sizeof pool.word) abort();
		pool.left = POOL_WORDS;
	}
	uint64_t bits = pool.word[--pool.left];
	pool.word[pool.left] = 0;
	return bits;
}

int64_t random_number(void)
{
	return (int64_t)(random_bits() >> 11 | 1);
}

static void put_random(struct uuid *u, uint64_t bits)
{
	for (int i = 15; i >= 8; i--, bits >>= 8) u->b[i] = (uint8_t)bits;
	u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80); /* the variant */
}

struct uuid uuid_v7(int64_t unix_ms, unsigned tag)
{
	struct uuid u;

	for (int i = 0; i < 6; i++) u.b[i] = (uint8_t)((uint64_t)unix_ms >> (40 - 8 * i));
	u.b[6] = (uint8_t)(0x70 | (tag >> 8 & 0xf));
	u.b[7] = (uint8_t)tag;
	put_random(&u, random_bits());
	return u;
}

/* XXH64 is fixed for ever by its specification: another daemon, or next year's, derives the same. */
struct uuid uuid_derived(struct uuid cause, unsigned salt)
{
	struct uuid u = cause;

	u.b[6] = (uint8_t)(0x70 | (u.b[6] & 0xf));
	put_random(&u, XXH64(cause.b, sizeof cause.b, salt));
	return u;
}

/* Where the text has each byte; between them stand dashes. */
static const uint8_t PLACE[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
static const uint8_t DASH[4] = {8, 13, 18, 23};

void uuid_text(char out[UUID_TEXT], const struct uuid *u)
{
	static const char HEX[] = "0123456789abcdef";

	for (int i = 0; i < 4; i++) out[DASH[i]] = '-';
	for (int i = 0; i < 16; i++) {
		out[PLACE[i]] = HEX[u->b[i] >> 4];
		out[PLACE[i] + 1] = HEX[u->b[i] & 0xf];
	}
	out[UUID_TEXT - 1] = '\0';
}

/* 16 or more: no hex digit. */
static unsigned hex_value(char c)
{
	if (c >= '0' && c <= '9') return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A' + 10);
	return 16;
}

bool uuid_parse(const char *s, size_t n, struct uuid *ret)
{
	struct uuid u;

	if (n != UUID_TEXT - 1) return false;
	for (int i = 0; i < 4; i++) {
		if (s[DASH[i]] != '-') return false;
	}
	for (int i = 0; i < 16; i++) {
		unsigned high = hex_value(s[PLACE[i]]), low = hex_value(s[PLACE[i] + 1]);
		if ((high | low) > 15) return false;
		u.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = u;
	return true;
}
