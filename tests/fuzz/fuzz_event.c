/* Messages of other people's producers: what is taken comes back the same when written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_codec.h"
#include "adapter/json/payment_completed_codec.h"
#include "adapter/json/reservation_decided_codec.h"
#include "event/traceparent.h"
#include "runtime/buf.h"

static void must(int yes)
{
	if (!yes) abort();
}

static void a_payment(struct json_decoder *d, const char *body, size_t n)
{
	struct payment_completed e, again;
	struct buf b;
	memset(&e, 0, sizeof e);
	memset(&again, 0, sizeof again);
	if (payment_completed_decode(d, body, n, &e) != EVENT_FINE) return;
	must(e.user >= 1 && e.schedule >= 1 && e.amount_krw >= 0 && (unsigned)e.method < METHODS);
	buf_init(&b, NULL);
	payment_completed_encode(&e, &b);
	must(payment_completed_decode(d, b.data, b.len, &again) == EVENT_FINE);
	must(uuid_equal(&e.event_id, &again.event_id) && uuid_equal(&e.order_no, &again.order_no));
	must(e.occurred_at_ms == again.occurred_at_ms && e.user == again.user && e.schedule == again.schedule);
	must(seat_no_equal(&e.seat, &again.seat) && e.amount_krw == again.amount_krw && e.method == again.method);
	buf_finish(&b);
}

static void a_decision(struct json_decoder *d, const char *body, size_t n)
{
	struct reservation_decided e, again;
	char reason[REASON_TEXT], reason_again[REASON_TEXT];
	struct buf b;
	if (reservation_decided_decode(d, body, n, &e, reason) != EVENT_FINE) return;
	if (uuid_is_nil(&e.event_id) || uuid_is_nil(&e.order_no)) return; /* nil is written as null */
	buf_init(&b, NULL);
	reservation_decided_encode(&e, &b);
	must(reservation_decided_decode(d, b.data, b.len, &again, reason_again) == EVENT_FINE);
	must(e.type == again.type && e.occurred_at_ms == again.occurred_at_ms);
	must(uuid_equal(&e.reservation_id, &again.reservation_id) && strcmp(reason, reason_again) == 0);
	buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *decoder;
	char trace[TRACEPARENT_TEXT];
	if (!decoder) decoder = json_decoder_create();
	a_payment(decoder, (const char *)data, size);
	a_decision(decoder, (const char *)data, size);
	must(traceparent_read((const char *)data, size, trace) == (trace[0] != 0));
	return 0;
}
