/* config_table: config_rows.h as an array, for those who walk it. Private to config*.c. */
#ifndef TK_CONFIG_TABLE_H
#define TK_CONFIG_TABLE_H

#include <stddef.h>

#include "runtime/config.h"

enum { SETTING_UNSET = -1 }; /* an integer's default that depends on others */
enum setting_type { SETTING_IS_INT, SETTING_IS_STR, SETTING_IS_ADDR, SETTING_IS_ENUM };
struct setting {
	enum setting_type type;
	enum config_daemon who;
	size_t offset; /* of the field in struct config */
	const char *env, *doc;
	const char *dflt;			/* strings, addresses, words; NULL: not set */
	const char *words;			/* enums: "a|b|c" */
	int64_t dflt_int, min, max; /* integers; strings: bounds of the length */
};
enum config_row {
#define SETTING_INT(field, env, dflt, min, max, daemon, doc) ROW_##field,
#define SETTING_STR(field, env, dflt, minlen, maxlen, daemon, doc) ROW_##field,
#define SETTING_ADDR(field, env, dflt, daemon, doc) ROW_##field,
#define SETTING_ENUM(field, env, dflt, words, daemon, doc) ROW_##field,
#include "runtime/config_rows.h"
#undef SETTING_INT
#undef SETTING_STR
#undef SETTING_ADDR
#undef SETTING_ENUM
	SETTINGS
};
extern const struct setting SETTING[SETTINGS];

static inline void *setting_field(const struct setting *s, const struct config *c)
{
	return (char *)c + s->offset;
}
const char *setting_word(const char *words, int index, int *ret_len); /* NULL: no such word */
bool setting_is_secret(const struct setting *s);

#endif
