/* script_text: the text of a script as the server gets it: a line `--include name` is replaced by lua/name.lua. */
#ifndef TK_SCRIPT_TEXT_H
#define TK_SCRIPT_TEXT_H

#include "redis_scripts.h"

char *script_text(enum script s); /* malloc'd; never NULL */

#endif
