/* fake_reservations: the port reservations in memory, with the verdicts of the one on PostgreSQL (contract/
 * reservations_suite holds both to them), and the faults of fake_fault:
 *
 *     f.fault[FAKE_CONFIRM] = (struct fake_fault){.countdown = 1, .err = TK_ERR(TK_UNCERTAIN, "test"), .after_acting = true};
 *
 * commits the next confirmation and loses its reply. Thread: the loop's. */
#ifndef TK_FAKE_RESERVATIONS_H
#define TK_FAKE_RESERVATIONS_H

#include "fake/fake_fault.h"
#include "port/reservations.h"

enum fake_reservations_call { FAKE_CONFIRM, FAKE_LOOK, FAKE_SETTLE, FAKE_RESERVATIONS_CALLS };
enum { FAKE_ROWS = 4096 };
enum fake_row_status { ROW_NONE, ROW_HELD, ROW_CONFIRMED, ROW_CANCELLED, ROW_EXPIRED };

struct fake_bought { /* payment_order */
	struct payment_completed is;
	enum order_status status;
	bool approved;
	const char *fail_reason;
	struct uuid reservation_id;
	int64_t decided_ms;
};
struct fake_paid { /* payment */
	struct uuid id, order_no;
	int64_t user, amount;
	enum payment_method method;
	enum payment_status status;
	int refunds;
};
struct fake_seated { /* reservation */
	struct uuid id, order_no;
	int64_t user, schedule, rev;
	struct seat_no seat;
	enum fake_row_status status;
	bool outlived;
};
enum fake_noted { NOTED_CONFIRMED, NOTED_REJECTED, NOTED_DUPLICATE };
struct fake_note { /* inbox */
	struct uuid event_id, order_no;
	enum fake_noted outcome;
};

struct fake_reservations {
	struct reservations port;
	struct fake_desk desk;
	struct fake_fault fault[FAKE_RESERVATIONS_CALLS];
	unsigned calls[FAKE_RESERVATIONS_CALLS];
	void (*before_settle)(void *ctx); /* what somebody else does meanwhile; once */
	void *ctx;
	int64_t rev;
	struct fake_bought *orders;
	struct fake_paid *payments;
	struct fake_seated *seats;
	struct fake_note *notes;
	unsigned order_count, payment_count, seat_count, note_count;
	int64_t given_back; /* points */
	int64_t now_ms;		/* goes on by a second a decision */
};
void fake_reservations_init(struct fake_reservations *f, struct loop *l);
void fake_reservations_finish(struct fake_reservations *f);

struct fake_bought *fake_order_add(struct fake_reservations *f, const struct payment_completed *e, enum order_status s);
struct fake_bought *fake_order_find(struct fake_reservations *f, const struct uuid *order_no);
struct fake_paid *fake_payment_add(
	struct fake_reservations *f, const struct payment_completed *e, enum payment_method m, enum payment_status s);
struct fake_paid *fake_payment_kept(struct fake_reservations *f, const struct uuid *order_no);
struct fake_seated *fake_seat_add(
	struct fake_reservations *f, int64_t user, int64_t schedule, const struct seat_no *seat, enum fake_row_status s);
struct fake_seated *fake_seat_live(struct fake_reservations *f, int64_t schedule, const struct seat_no *seat);

#endif
