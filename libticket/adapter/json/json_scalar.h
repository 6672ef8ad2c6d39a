/* json_scalar: a number, a text or a truth value → one field of a struct. Internal to adapter/json.
 * Pure: no allocation, no I/O. Safe on any thread. */
#ifndef TK_JSON_SCALAR_H
#define TK_JSON_SCALAR_H

#include "adapter/json/json_codec.h"

enum json_scalar_type { JSON_SCALAR_OTHER, JSON_SCALAR_INT, JSON_SCALAR_TEXT, JSON_SCALAR_BOOL };

struct json_scalar {
	enum json_scalar_type type;
	int64_t i;	   /* INT, BOOL */
	const char *s; /* TEXT: valid UTF-8 without NUL, unescaped; not NUL-terminated */
	size_t len;
};

/* `to` is the field's own place. False: `v` doesn't fit, or `f` takes a list. */
bool json_scalar_read(const struct json_field *f, const struct json_scalar *v, char *to);
bool json_seat_read(const struct json_scalar *v, struct seat_no *ret);

/* What should have been there, for the client; of every kind but the lists. */
void json_scalar_expected(const struct json_field *f, char out[JSON_MESSAGE_MAX]);

#endif
