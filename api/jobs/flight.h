/* flight: one look-up under way, and all who wait for it. Each kind's steps have a file of their own.
 * Thread: backstage's. Private to api/jobs. */
#ifndef TK_FLIGHT_H
#define TK_FLIGHT_H

#include "api/jobs/hub.h"
#include "port/catalogue.h"
#include "port/queue_books.h"
#include "port/queue_store.h"
#include "port/seat_lock.h"

struct flight {
	struct flow flow;
	struct hub *hub;
	struct hub_entry *entry;
	enum flight_kind kind;
	int64_t began_ms;
	struct seating_wait *waiting, *late;
	struct seating_wait inner; /* its own place in another flight */
	bool found, inner_found, reloaded;
	struct schedule_load look;
	struct claims_load claims;
	struct seat_birth seat_birth;
	struct seat_apply apply;
	struct seat_read read;
	struct queue_birth queue_birth;
	struct queue_epoch_next epoch;
	struct queue_revive revive;
	struct seat_plan *plan; /* of `read` */
};

extern const struct flow_step FLIGHT_LOOK_STEPS[], FLIGHT_MAP_STEPS[], FLIGHT_RELOAD_STEPS[], FLIGHT_REVIVE_STEPS[];

/* As a step's `ask`: joins another kind's flight of the same schedule, which leaves its answer in `inner_found`. */
void flight_wait_for(struct flight *fl, enum flight_kind kind);

static inline struct flight *flight_of(struct flow *f)
{
	return container_of(f, struct flight, flow);
}
static inline struct backstage_ports *flight_ports(const struct flight *fl)
{
	return &fl->hub->b->ports;
}

#endif
