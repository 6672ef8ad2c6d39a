/* json_value: one JSON value → one field of a struct. Internal to adapter/json: the only header with json-c's types. */
#ifndef TK_JSON_VALUE_H
#define TK_JSON_VALUE_H

#include <json-c/json.h>

#include "adapter/json/json_codec.h"

/* Where a table of fields is being read; `prefix` names it in errors: "" or "sections[3].". */
struct json_reading {
	struct json_errors *errors;
	const char *prefix;
};

void json_refuse(struct json_reading *r, enum json_fault fault, const char *field, const char *message);

/* `to` is the field's own place. False: `value` doesn't fit, and why is in the errors. */
bool json_value_read(
	struct json_reading *r, const struct json_field *f, struct json_object *value, char *to, char *base);

/* An object by its table; problems are in the errors. */
void json_object_read(struct json_reading *r, struct json_object *o, const struct json_field *f, size_t n, char *base);

#endif
