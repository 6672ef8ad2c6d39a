#include "runtime/err.h"

/* An internal error is retried by the consumer: a schema that does not fit is mended by the next
 * deployment, and parking every payment until then would be worse than waiting. */
const struct tk_kind_row TK_KIND[TK_KINDS] = {
	[TK_OK] = {"ok", 200, false},
	[TK_UNAVAILABLE] = {"unavailable", 503, true},
	[TK_UNCERTAIN] = {"uncertain", 503, true}, /* an idempotent repeat settles it */
	[TK_INVALID] = {"invalid", 400, false},
	[TK_CONFLICT] = {"conflict", 409, false},
	[TK_INTERNAL] = {"internal", 500, true},
};
