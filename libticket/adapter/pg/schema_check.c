#include "adapter/pg/schema_check.h"

static const char *const TABLES[] = {
	"user_account",
	"concert",
	"schedule",
	"seat",
	"reservation",
	"payment_order",
	"payment",
	"refund",
	"point_wallet",
	"point_history",
	"idempotency_key",
	"outbox",
	"inbox",
	"queue_setting",
	"queue_draw",
	"queue_epoch",
	"events",
	"event_venue_association",
	"venue_seats",
	"user_tickets",
	"schema_migrations",
	"outbox_sweep",
};

/* Columns in the order of their names: uniqueness does not care. */
static const struct unique {
	const char *table, *columns, *predicate;
} UNIQUES[] = {
	{"user_account", "email", ""},
	{"seat", "schedule_id,seat_no", ""},
	{"reservation", "id", ""},
	{"reservation", "active,schedule_id,seat_no", ""}, /* who gets a seat */
	{"payment_order", "order_no", ""},
	{"payment", "id", ""},
	{"payment", "order_no", "(status <> 'FAILED'::text)"}, /* one charge kept an order */
	{"refund", "payment_id", ""},						   /* one refund a payment */
	{"point_wallet", "user_id", ""},
	{"point_history", "payment_id,type", ""},
	{"idempotency_key", "key,user_id", ""},
	{"outbox", "event_id", ""},
	{"inbox", "event_id", ""}, /* an event is decided once */
	{"outbox_sweep", "order_no", ""},
	{"queue_setting", "schedule_id", ""},
	{"queue_draw", "schedule_id", ""},
	{"queue_epoch", "schedule_id", ""}, /* numbers are issued once */
	{"user_tickets", "event_id,user_id", ""},
	{"user_tickets", "event_id,event_seat_id", ""},
	{"venue_seats", "id,venue_id", ""},
};
enum { UNIQUE_COUNT = sizeof UNIQUES / sizeof *UNIQUES };

const enum pg_type SCHEMA_CHECK_TYPES[4] = {PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT};

void schema_check_bind(struct pg_args *a)
{
	pg_array(a);
	for (unsigned i = 0; i < sizeof TABLES / sizeof *TABLES; i++) pg_text(a, TABLES[i]);
	pg_array_end(a);
	pg_array(a);
	for (unsigned i = 0; i < UNIQUE_COUNT; i++) pg_text(a, UNIQUES[i].table);
	pg_array_end(a);
	pg_array(a);
	for (unsigned i = 0; i < UNIQUE_COUNT; i++) pg_text(a, UNIQUES[i].columns);
	pg_array_end(a);
	pg_array(a);
	for (unsigned i = 0; i < UNIQUE_COUNT; i++) pg_text(a, UNIQUES[i].predicate);
	pg_array_end(a);
}
