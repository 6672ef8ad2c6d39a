/* find_schedule: the first row of most use cases: the schedule, its plan, and the seats asked for.
 *
 *     [FIND_SCHEDULE] = { "find_schedule", find_schedule, schedule_found },
 *
 * where find_schedule calls find_schedule_ask and schedule_found judges by find_schedule_got. A seat that the plan does
 * not know is looked up once more (FIND_AGAIN: the caller returns to the row). Thread: the shard's. */
#ifndef TK_FIND_SCHEDULE_H
#define TK_FIND_SCHEDULE_H

#include "api/app/seating.h"
#include "api/app/services.h"

enum found { FOUND, FOUND_NO_SCHEDULE, FOUND_NO_SEAT, FIND_AGAIN };

struct find_schedule {
	/* in: the row as last known will do, as for who only waits: the queue's store says where they stand, not the row.
	 * They hear so however long the database is away. */
	bool last_known;
	struct seating_ask ask;
	bool asked_plan;
	/* out: copies and references that survive waits */
	struct schedule schedule;
	struct seat_plan *plan; /* a reference: find_schedule_finish */
	unsigned missing;		/* index of the unknown seat, with FOUND_NO_SEAT */
};
void find_schedule_ask(struct find_schedule *f, struct services *s, struct flow *flow, int64_t schedule);
/* ret_index (may be NULL): the seats' places in the plan. */
enum found find_schedule_got(
	struct find_schedule *f, struct services *s, const struct seat_no *seats, unsigned count, int32_t *ret_index);
void find_schedule_finish(struct find_schedule *f);

/* Asks backstage to load Redis' copy of sold and pending seats again. */
void reload_ask(struct seating_ask *a, struct services *s, struct flow *flow, int64_t schedule);
enum { RELOADS_MAX = 3 };

#endif
