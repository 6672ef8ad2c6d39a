/* Request bodies: whatever comes, the check and json-c agree on what JSON is, and what is taken is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/json_check.h"
#include "adapter/json/json_codec.h"
#include "domain/payment.h"

struct part {
	char name[81];
	int64_t price;
};
struct request {
	int64_t user, at_ms;
	struct seat_no seat, seats[4];
	unsigned count, parts_count;
	struct uuid order;
	enum payment_method method;
	char name[41];
	bool paused, has_user, has_seat, has_name;
	struct part parts[3];
};

static const struct json_field PART_FIELDS[] = {
	JSON_TEXT(struct part, name, "section", 1, 20, JSON_REQUIRED),
	JSON_INT(struct part, price, "price", 0, ID_MAX, JSON_REQUIRED),
};
static const struct json_field FIELDS[] = {
	JSON_INT(struct request, user, "userId", 1, ID_MAX, JSON_OPTIONAL, JSON_HAS(struct request, has_user)),
	JSON_SEAT(struct request, seat, "seatNo", JSON_OPTIONAL, JSON_HAS(struct request, has_seat)),
	JSON_SEATS(struct request, seats, count, "seatNos", JSON_OPTIONAL | JSON_COUNTS_ON),
	JSON_UUID(struct request, order, "orderNo", JSON_OPTIONAL | JSON_NULLABLE),
	JSON_ENUM(struct request, method, "method", METHOD_NAME, METHODS, JSON_OPTIONAL),
	JSON_TEXT(struct request, name, "name", 1, 10, JSON_OPTIONAL, JSON_HAS(struct request, has_name)),
	JSON_BOOL(struct request, paused, "paused", JSON_OPTIONAL),
	JSON_TIME(struct request, at_ms, "at", JSON_OPTIONAL | JSON_NULLABLE),
	JSON_OBJECTS(struct request, parts, parts_count, "sections", PART_FIELDS, JSON_OPTIONAL),
};

static void must(int yes)
{
	if (!yes) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_decoder *decoder;
	if (!decoder) decoder = json_decoder_create();
	struct request r = {0};
	struct json_errors errors;
	struct json_facts facts = {.key = NULL};
	const char *why = json_check((const char *)data, size, &facts);
	bool ok = json_decode(decoder, (const char *)data, size, FIELDS, JSON_FIELDS(FIELDS), &r, &errors);
	must(ok == (errors.count == 0));
	must(!why || (errors.count == 1 && errors.error[0].fault == JSON_NOT_JSON));
	for (unsigned i = 0; !why && i < errors.count; i++) must(errors.error[i].fault != JSON_NOT_JSON);
	for (unsigned i = 0; i < errors.count; i++) must(errors.error[i].message[0] != 0);
	if (!ok) return 0;
	must(!r.has_user || (r.user >= 1 && r.user <= ID_MAX));
	must(!r.has_seat || (r.seat.len >= 1 && strlen(r.seat.s) == r.seat.len));
	must(!r.has_name || r.name[0] != 0);
	must((unsigned)r.method < METHODS && r.parts_count <= 3);
	for (unsigned i = 0; i < r.parts_count; i++) must(r.parts[i].price >= 0);
	return 0;
}
