/* internal: what the files of the pg adapter share.
 *
 *   kind     the calls that may share a statement, waiting; one for each pg_batch or pg_query that was ever used
 *   flight   calls that travel as one statement, until its Sync has come back
 *   lane     kinds with calls, flights that must go again, and the connections that take them
 *
 * Every call is in exactly one place: a kind's queue, a flight on its lane's `again` list, or a flight on a connection;
 * leaving the last one answers it. */
#ifndef TK_PG_INTERNAL_H
#define TK_PG_INTERNAL_H

#include <sys/queue.h>

#include "adapter/pg/pg.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

enum {
	PG_PIPELINE_MAX = 8,	/* statements sent to an idle FAST connection at once; SLOW: 1, they wait for locks */
	PG_BATCH_MAX = 500,		/* default of pg_batch.max */
	PG_LINGER_ENOUGH = 250, /* so many calls linger no longer */
	PG_QUEUE_MAX = 20000,	/* default of pg_settings.queue_max */
	PG_TRIES_MAX = 4,		/* the first and 3 repeats after a deadlock or lock timeout */
	PG_LOCK_TIMEOUT_MS = 200,
	PG_TICK_MS = 20, /* deadlines, and who has lingered enough, are looked at this often while anything is under way */
	PG_BACKOFF_MIN_MS = 50,
	PG_BACKOFF_MAX_MS = 1000,
	PG_CONNECT_MS = 3000
};

/* --- args.c --- */
struct pg_param {
	char *data;
	size_t len, cap;
	int32_t elements;
	bool is_array, has_null, is_null;
};
struct pg_args {
	const enum pg_type *types;
	unsigned params, at;
	bool in_array; /* pg_array was called: values stay with parameter `at` */
	struct pg_param param[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
};
void pg_args_begin(struct pg_args *a, const enum pg_type *types, unsigned params, bool arrays);
void pg_args_end(struct pg_args *a); /* fills values, lengths, formats */
void pg_args_finish(struct pg_args *a);

/* --- errors.c --- */
enum pg_fate {
	PG_FATE_OK,
	PG_FATE_DATA,	  /* the data is refused */
	PG_FATE_CONFLICT, /* a unique constraint */
	PG_FATE_AGAIN,	  /* deadlock, serialization, lock timeout: rolled back, may be repeated */
	PG_FATE_HEAVY,	  /* too much for one statement; rolled back */
	PG_FATE_REFUSED,  /* the server can't now; rolled back */
	PG_FATE_STALE,	  /* rolled back, and this connection is of no more use */
	PG_FATE_BUG,
	PG_FATE_GONE /* the connection is lost: whether it was committed is unknown */
};
enum pg_fate pg_fate(const char *sqlstate); /* NULL: libpq's own complaint, the connection is lost */

/* --- queue.c --- */
struct pg_kind {
	const struct pg_batch *batch; /* one of the two */
	const struct pg_query *query;
	enum stmt stmt;
	enum pg_lane lane;
	bool write;
	struct port_call *head, **tail;
	unsigned count;	  /* of these */
	int64_t since_ms; /* when there was none */
	bool listed;
	TAILQ_ENTRY(pg_kind) link; /* in lane->kinds while calls wait */
	struct pg_kind *next;	   /* another one with the same statement */
};

struct pg_flight {
	struct pg_kind *kind;
	struct port_call **calls;
	unsigned count, cap, tries;
	int64_t deadline_ms; /* the earliest of its calls */
	int64_t due_ms;		 /* not before; for repeats */
	PGresult *result;	 /* kept until the Sync: only then it is committed */
	enum pg_fate fate;
	TAILQ_ENTRY(pg_flight) link;
};
TAILQ_HEAD(pg_flights, pg_flight);

enum pg_stage { PG_DOWN, PG_CONNECTING, PG_CHECKING, PG_PREPARING, PG_UP };
struct pg_conn {
	struct pg *pg;
	enum pg_lane lane;
	PGconn *db;
	enum pg_stage stage;
	struct watch watch;
	bool watched;
	struct timer timer; /* DOWN: when to try again; until UP: when to give up */
	int64_t backoff_ms;
	unsigned setup_at; /* which result of the stage comes next */
	bool setup_failed;
	struct pg_flights aloft;
	unsigned aloft_count;
	unsigned gauge; /* the value of DB_CONNECTIONS it is counted under */
};

struct pg_lane_state {
	TAILQ_HEAD(, pg_kind) kinds;
	struct pg_flights again;
	bool again_turn; /* kinds and repeats take turns */
	struct pg_conn *conns;
	struct pg_conn **idle; /* scratch of the dispatcher */
	unsigned count;
};

struct pg {
	struct loop *loop;
	struct metrics_sheet *metrics;
	struct pg_settings set;
	char *url, *application_name;
	struct hook hook;
	struct timer tick;
	struct pg_lane_state lane[PG_LANES];
	struct pg_kind *kinds[STMT_COUNT + 1];
	struct pg_flights idle_flights;
	struct pg_args args;
	unsigned queued; /* calls in the kinds' queues */
	bool answered;	 /* something was answered since the hook last looked */
	bool closing;
	unsigned seed;	  /* of the jitter */
	char misfit[512]; /* "" : none */
	char complaint[512];
};

struct pg_kind *pg_kind_of_batch(struct pg *pg, const struct pg_batch *b);
struct pg_kind *pg_kind_of_query(struct pg *pg, const struct pg_query *q);
void pg_enqueue(struct pg *pg, struct pg_kind *k, struct port_call *c, bool first);
struct pg_flight *pg_next_flight(struct pg *pg, enum pg_lane lane);	  /* NULL: nothing to send */
void pg_put_back(struct pg *pg, struct pg_flight *f, int64_t due_ms); /* goes again when due */
void pg_put_back_singly(struct pg *pg, struct pg_flight *f);
void pg_put_back_halved(struct pg *pg, struct pg_flight *f);
void pg_expire_queued(struct pg *pg);
void pg_answer(struct pg *pg, struct port_call *c, struct tk_err err);
void pg_flight_answer(struct pg *pg, struct pg_flight *f, struct tk_err err); /* all of its calls; then it is idle */
void pg_flight_free(struct pg *pg, struct pg_flight *f);
void pg_queues_finish(struct pg *pg);

/* --- flight.c --- */
/* False: the connection is lost, the flight still the caller's. */
bool pg_flight_send(struct pg_conn *c, struct pg_flight *f);
void pg_flight_land(struct pg_conn *c); /* the Sync of the first flight has come: deliver it */

/* --- connection.c --- */
void pg_conn_init(struct pg_conn *c, struct pg *pg, enum pg_lane lane);
void pg_conn_start(struct pg_conn *c);
void pg_conn_lose(struct pg_conn *c); /* throws it away, answers what is aloft, tries again later */
void pg_conn_finish(struct pg_conn *c);
void pg_conn_gauge(struct pg_conn *c);
bool pg_conn_flush(struct pg_conn *c); /* false: lost */

/* --- setup.c --- */
bool pg_setup_check(struct pg_conn *c);						  /* sends the settings and the schema check */
bool pg_setup_prepare(struct pg_conn *c);					  /* sends every statement */
void pg_setup_result(struct pg_conn *c, const PGresult *res); /* may set the misfit */
bool pg_setup_synced(struct pg_conn *c);					  /* true: the stage went well */

#endif
