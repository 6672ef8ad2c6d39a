/* catalogue: concerts, schedules and seats, read from the database.
 * Calls, errors, ownership and thread as in port/orders.h. Texts in replies live in the caller's arena. */
#ifndef TK_CATALOGUE_H
#define TK_CATALOGUE_H

#include "domain/schedule.h"
#include "port/seat_lock.h"
#include "runtime/flow.h"

struct arena;

struct concert {
	int64_t id;
	const char *title, *description;
	bool queue_required;
};
struct concerts_list {
	struct port_call call;
	int64_t after_id; /* cursor; 0: from the start */
	unsigned limit;	  /* asks for one more, to know whether there is a next page */
	struct arena *arena;
	struct concert *items;
	unsigned count;
};

struct schedules_list {
	struct port_call call;
	int64_t concert, after_id;
	int64_t from_ms, to_ms; /* show_at, from inclusive, to exclusive; TIME_NONE: open */
	int status;				/* enum schedule_status, -1: any */
	unsigned limit;
	struct arena *arena;
	bool concert_found;
	struct schedule *items;
	unsigned count;
};

/* One schedule and, when asked, all its seats. */
struct schedule_load {
	struct port_call call;
	int64_t id;
	bool with_seats;
	bool found;
	struct schedule schedule;
	struct seat_plan *plan; /* out, a reference for the caller, when with_seats and found */
};

/* The rows of many schedules, as they are now; for refreshing caches. */
struct schedules_poll {
	struct port_call call;
	const int64_t *ids;
	unsigned count;
	struct schedule *items; /* the caller's, room for count; unknown ones have id 0 */
};

/* What the database knows of a schedule's seats: for every seat that was ever reserved, or has an approved undecided
 * order, its latest truth. The source of a load of the copy in Redis. */
struct claims_load {
	struct port_call call;
	int64_t schedule;
	struct seat_change *changes; /* out, malloc'd, the caller frees */
	unsigned count;
};

struct catalogue {
	void (*concerts)(struct catalogue *, struct concerts_list *);
	void (*schedules)(struct catalogue *, struct schedules_list *);
	void (*schedule)(struct catalogue *, struct schedule_load *);
	void (*poll)(struct catalogue *, struct schedules_poll *);
	void (*claims)(struct catalogue *, struct claims_load *);
};

#endif
