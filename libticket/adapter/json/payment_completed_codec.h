/* payment_completed_codec: PaymentCompletedEvent, version 1, as bytes (docs/asyncapi.yaml).
 * Unknown fields are ignored; traceparent is not part of the body. Thread: as the decoder and the buffer. */
#ifndef TK_PAYMENT_COMPLETED_CODEC_H
#define TK_PAYMENT_COMPLETED_CODEC_H

#include "event/event_fault.h"
#include "event/payment_completed.h"

#define PAYMENT_COMPLETED_TYPE "PaymentCompletedEvent"

struct buf;
struct json_decoder;

void payment_completed_encode(const struct payment_completed *e, struct buf *out); /* appends */

/* `ret` is untouched unless EVENT_FINE; its traceparent is "". body NULL: no value. */
enum event_fault payment_completed_decode(
	struct json_decoder *d, const char *body, size_t n, struct payment_completed *ret);

#endif
