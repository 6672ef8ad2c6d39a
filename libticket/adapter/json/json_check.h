/* json_check: is it exactly one RFC 8259 object? json-c, even strict, lets more through than we may believe: duplicate
 * keys, NaN, single quotes, NUL, lone surrogates, overlong UTF-8. This pass over the bytes runs first.
 *
 * Refused: anything but one object (white space around it is fine), broken grammar, invalid UTF-8, raw control
 * characters, NUL in any form (also \u0000), surrogate escapes without their pair, more than JSON_DEPTH_MAX levels.
 *
 * Pure: no allocation, no I/O; the recursion is bounded by the depth. Safe on any thread. */
#ifndef TK_JSON_CHECK_H
#define TK_JSON_CHECK_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 16 }; /* the object itself is level 1 */

struct json_span {
	const char *at; /* into the checked bytes */
	size_t len;
};

struct json_facts {
	size_t begin, end;	  /* of the object, braces included */
	unsigned members_top; /* of the object itself */
	unsigned members_all; /* with those of every object within; more than a parser found: a key came twice */
	struct json_span
		*key; /* set by the caller or NULL: the first `keys_max` keys of the object, as written, unquoted */
	size_t keys_max;
};

/* NULL: fine, `facts` is filled. Else what is wrong: static English words for the client. */
const char *json_check(const char *bytes, size_t n, struct json_facts *facts);

#endif
