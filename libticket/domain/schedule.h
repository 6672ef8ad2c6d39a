/* schedule: one show of a concert and its seats, as the database has them.
 * Times are unix ms (TIME_NONE: not set). The seat plan (numbers, sections, grades, prices) does not change
 * while on sale; it is shared by threads, immutable, and counted. */
#ifndef TK_SCHEDULE_H
#define TK_SCHEDULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "domain/seat.h"

enum schedule_status { SCHEDULE_ON_SALE, SCHEDULE_CLOSED, SCHEDULE_STATUSES };
extern const char *const SCHEDULE_STATUS_NAME[SCHEDULE_STATUSES];

struct schedule {
	int64_t id, concert_id;
	int64_t show_at_ms, sale_opens_at_ms;
	enum schedule_status status;
	bool queue_required;
};

/* Seats in the order of their ids, with a hash of their numbers. */
struct seat_plan {
	atomic_int refs;
	uint32_t count, mask; /* mask + 1 slots */
	uint32_t *slot;		  /* index + 1; 0: empty */
	struct seat *seats;
};
struct seat_plan *seat_plan_create(struct seat *seats, uint32_t count); /* takes a malloc'd array; one reference */
struct seat_plan *seat_plan_ref(struct seat_plan *p);
void seat_plan_unref(struct seat_plan *p);									 /* NULL is fine */
int32_t seat_plan_find(const struct seat_plan *p, const struct seat_no *no); /* index, or -1 */

#endif
