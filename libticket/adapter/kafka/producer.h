/* producer: the one Kafka producer of a process, and an event_out for each loop.
 *
 * It is idempotent and waits for all replicas. A thread of its own takes the delivery reports and hands them, a batch
 * at a time, to the loop that sent. A fatal error (rare, and final for a librdkafka handle) makes a new handle;
 * what was under way is reported as failed, and meanwhile publishing answers TK_UNAVAILABLE.
 *
 * Order at the end: kafka_producer_stop, kafka_event_out_destroy of each (on its loop's thread), kafka_producer_destroy.
 * Thread: create, stop and destroy belong to main; an event_out to its loop. Ownership: settings are copied.
 * Bounds: `queue_max` messages under way; a stop takes at most `flush_ms` + 5 s. */
#ifndef TK_KAFKA_PRODUCER_H
#define TK_KAFKA_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/event_out.h"

struct loop;
struct kafka_producer;

struct kafka_producer_settings {
	const char *brokers;	   /* host:port, comma-separated */
	const char *client_id;	   /* also ce_source, with a slash before it */
	const char *topic_payment; /* dead letters go to this name + ".dlq" */
	const char *topic_reservation;
	int64_t linger_ms;			/* 0: 3 */
	int64_t message_timeout_ms; /* 0: 10000; the outbox' lease must be longer */
	int64_t queue_max;			/* 0: 500000 messages */
	const char *compression;	/* NULL: "lz4" */

	/* On the producer's own thread; either may be NULL. */
	void (*failed)(void *ctx, const char *reason); /* fatal: a new handle is being made */
	void (*reachable_changed)(void *ctx, bool reachable);
	void *ctx;
};

/* NULL: one line in `why`. Brokers that are away are no error. */
struct kafka_producer *kafka_producer_create(const struct kafka_producer_settings *s, char *why, size_t why_len);

/* Takes nothing more, waits for the brokers at most `flush_ms`, reports what is left as failed. Blocks. */
void kafka_producer_stop(struct kafka_producer *p, int64_t flush_ms);
void kafka_producer_destroy(struct kafka_producer *p); /* stops first if need be, without waiting; NULL is fine */
bool kafka_producer_reachable(const struct kafka_producer *p);

/* NULL: errno. The owner sets `delivered` and `ctx` before the first publish. */
struct event_out *kafka_event_out_create(struct kafka_producer *p, struct loop *l);
void kafka_event_out_destroy(struct event_out *e); /* delivers the reports that wait; NULL is fine */

/* For tests: what librdkafka calls a fatal error, as if the broker had caused it. */
void kafka_producer_break(struct kafka_producer *p);

#endif
