/* traceparent: the header of W3C Trace Context (section 3.2), as far as it is passed on. Pure. */
#ifndef TK_TRACEPARENT_H
#define TK_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>

#include "event/payment_completed.h"

/* Takes `n` bytes; of a version to come what 00 knows of it, as 00 (section 4.3). Anything else leaves `ret` empty ("") and
 * gives false. */
bool traceparent_read(const char *s, size_t n, char ret[TRACEPARENT_TEXT]);

#endif
