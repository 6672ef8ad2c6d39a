/* reservation_decided_codec: Reservation{Confirmed,Rejected,Cancelled}Event, version 1, as bytes (docs/asyncapi.yaml).
 * Unknown fields are ignored; traceparent is not part of the body. Thread: as the decoder and the buffer. */
#ifndef TK_RESERVATION_DECIDED_CODEC_H
#define TK_RESERVATION_DECIDED_CODEC_H

#include "event/event_fault.h"
#include "event/reservation_decided.h"

enum { REASON_TEXT = 65 };

struct buf;
struct json_decoder;

void reservation_decided_encode(const struct reservation_decided *e, struct buf *out); /* appends */

/* `ret` is untouched unless EVENT_FINE; its traceparent is "" and its reason points into `reason` (NULL: null). */
enum event_fault reservation_decided_decode(
	struct json_decoder *d, const char *body, size_t n, struct reservation_decided *ret, char reason[REASON_TEXT]);

#endif
