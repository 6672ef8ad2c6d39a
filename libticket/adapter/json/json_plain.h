/* json_plain: the ordinary body, read from the bytes that json_check has judged, without json-c: every field of the
 * table at most once and nothing beside them, whole numbers, texts without escapes, no lists.
 *
 * Anything else, and all that is wrong, is json-c's: this never says why, and what it has written by then is written
 * again. It saves five sixths of what a small body costs to read.
 * Pure: no allocation, no I/O. Safe on any thread. */
#ifndef TK_JSON_PLAIN_H
#define TK_JSON_PLAIN_H

#include "adapter/json/json_check.h"
#include "adapter/json/json_codec.h"

/* False: not such a body, or it doesn't fit the table. `facts` with all its members. */
bool json_plain_read(const struct json_facts *facts, const struct json_field *fields, size_t n, void *ret);

#endif
