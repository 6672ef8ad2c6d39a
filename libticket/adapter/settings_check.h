/* settings_check: addresses as the libraries that use them understand them; what config.h cannot know.
 * False: one line without newline in `why` that names the setting, and not its value (it may hold a password). Pure. */
#ifndef TK_SETTINGS_CHECK_H
#define TK_SETTINGS_CHECK_H

#include "runtime/config.h"

bool settings_check(const struct config *c, char *why, size_t n);

#endif
