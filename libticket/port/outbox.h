/* outbox: the events that Kafka has not confirmed, and the jobs around orders that have no client waiting.
 * Calls, errors, ownership and thread as in port/orders.h. Everything here is safe on any number of daemons at once. */
#ifndef TK_OUTBOX_H
#define TK_OUTBOX_H

#include "event/payment_completed.h"
#include "runtime/flow.h"

enum { OUTBOX_LEASE_MAX = 1000 };

/* A delivered event's row goes. Micro-batched. */
struct outbox_clear {
	struct port_call call;
	struct uuid event_id;
};

/* Rows whose time has come: moved forward by `lease_ms`, committed, then given to the caller to publish. */
struct outbox_lease {
	struct port_call call;
	unsigned limit; /* <= OUTBOX_LEASE_MAX */
	int64_t lease_ms;
	unsigned count;
	struct payment_completed *events; /* the caller's, room for `limit` */
};

/* Approved for `older_ms` and undecided, with no outbox row: the row comes again, <= 5 times an order. */
struct outbox_sweep {
	struct port_call call;
	int64_t older_ms;
	int64_t restored, stuck; /* out: rows given back; orders beyond the 5 */
};

/* READY orders whose time ran out become FAILED (EXPIRED). */
enum { EXPIRE_MAX = 500 };
struct orders_expire {
	struct port_call call;
	int64_t count; /* out: failed now, at most EXPIRE_MAX */
	bool more;	   /* out: call again at once */
};

struct outbox_stats {
	struct port_call call;
	int64_t pending, oldest_age_ms, refunds_pending, oversold;
};

struct outbox {
	void (*clear)(struct outbox *, struct outbox_clear *);
	void (*lease)(struct outbox *, struct outbox_lease *);
	void (*sweep)(struct outbox *, struct outbox_sweep *);
	void (*expire)(struct outbox *, struct orders_expire *);
	void (*stats)(struct outbox *, struct outbox_stats *);
};

#endif
