/* traceparent: the header of W3C Trace Context (section 3.2), as far as it is passed on. Pure. */
#ifndef TK_TRACEPARENT_H
#define TK_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>

#include "event/payment_completed.h"

/* Takes `n` bytes of a version 00 header; anything else leaves `ret` empty ("") and gives false. */
bool traceparent_read(const char *s, size_t n, char ret[TRACEPARENT_TEXT]);

#endif
