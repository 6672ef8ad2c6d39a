/* uuid: UUID version 7 (RFC 9562, section 5.7) and its text form (section 4).
 * 16 bytes in network order. `uuid_v7` uses 48 bits of unix ms, `rand_a` = `tag` & 0xfff (we put
 * schedule_id mod 4096 there, so that an id alone finds its partition), 62 random bits.
 * Thread: safe on any. Errors: getrandom can't fail once the system is up; it aborts. */
#ifndef TK_UUID_H
#define TK_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct uuid {
	uint8_t b[16];
};
enum { UUID_TEXT = 37 };

int64_t random_number(void); /* of 53 bits, > 0: exact as a double, as in Lua */
struct uuid uuid_v7(int64_t unix_ms, unsigned tag);
/* The same cause and salt give the same id, on any machine: again a v7 of the same time and tag. */
struct uuid uuid_derived(struct uuid cause, unsigned salt);
void uuid_text(char out[UUID_TEXT], const struct uuid *u);
bool uuid_parse(const char *s, size_t n, struct uuid *ret); /* 36 chars, hex in either case, any version */
static inline bool uuid_is_nil(const struct uuid *u)
{
	static const struct uuid nil;
	return memcmp(u, &nil, 16) == 0;
}
static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, 16) == 0;
}

#endif
