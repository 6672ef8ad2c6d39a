#include "adapter/json/payment_completed_codec.h"

#include <string.h>

#include "adapter/json/event_codec.h"
#include "runtime/buf.h"

struct body {
	int64_t version;
	char type[EVENT_TYPE_TEXT];
	struct payment_completed e;
};

static const struct json_field FIELDS[] = {
	JSON_UUID(struct body, e.event_id, "eventId", JSON_REQUIRED),
	JSON_BYTES(struct body, type, "eventType", 0, EVENT_TYPE_TEXT - 1, JSON_REQUIRED),
	JSON_INT(struct body, version, "version", -ID_MAX, ID_MAX, JSON_REQUIRED),
	JSON_TIME(struct body, e.occurred_at_ms, "occurredAt", JSON_REQUIRED),
	JSON_UUID(struct body, e.order_no, "orderNo", JSON_REQUIRED),
	JSON_INT(struct body, e.user, "userId", 1, ID_MAX, JSON_REQUIRED),
	JSON_INT(struct body, e.schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
	JSON_SEAT(struct body, e.seat, "seatNo", JSON_REQUIRED),
	JSON_INT(struct body, e.amount_krw, "amount", 0, ID_MAX, JSON_REQUIRED),
	JSON_ENUM(struct body, e.method, "method", METHOD_NAME, METHODS, JSON_REQUIRED),
};

void payment_completed_encode(const struct payment_completed *e, struct buf *out)
{
	j_obj_k(out, NULL);
	j_uuid(out, "eventId", &e->event_id);
	j_str(out, "eventType", PAYMENT_COMPLETED_TYPE);
	j_int(out, "version", EVENT_VERSION);
	j_time(out, "occurredAt", e->occurred_at_ms);
	j_uuid(out, "orderNo", &e->order_no);
	j_int(out, "userId", e->user);
	j_int(out, "scheduleId", e->schedule);
	j_strn(out, "seatNo", e->seat.s, e->seat.len);
	j_int(out, "amount", e->amount_krw);
	j_str(out, "method", METHOD_NAME[e->method]);
	j_obj_end(out);
}

enum event_fault payment_completed_decode(
	struct json_decoder *d, const char *body, size_t n, struct payment_completed *ret)
{
	struct body b = {.version = EVENT_VERSION};
	struct json_errors errors;
	json_decode(d, body, body ? n : 0, FIELDS, JSON_FIELDS(FIELDS), &b, &errors);
	if (b.version != EVENT_VERSION) return EVENT_UNKNOWN_VERSION;
	if (b.type[0] && strcmp(b.type, PAYMENT_COMPLETED_TYPE) != 0) return EVENT_UNKNOWN_TYPE;
	enum event_fault fault = event_fault_of(&errors);
	if (fault == EVENT_FINE) *ret = b.e;
	return fault;
}
