/* consumer: one member of a consumer group, on a loop.
 *
 * Delivery is at least once: offsets are stored by the owner, after its transaction, and committed once a second and
 * whenever partitions go. Nothing is skipped: no pause is used together with batch polling.
 *
 * The owner is told by `readable` and then polls. It may stop polling while its database works (what comes meanwhile
 * waits in librdkafka, about 128 MiB at most), and polls again by itself; `readable` comes once per edge, not per message, and once a
 * second besides.
 *
 * When partitions are taken away, `revoked` is called and nothing is given back until the owner calls
 * kafka_consumer_release: it may first finish the batch in flight and store its offsets. Messages polled before belong to
 * the owner still. `lost` says that others may own the partitions already: commits will be refused, one effect is the
 * database's care.
 *
 * Thread: everything belongs to the loop's thread. Ownership: a message is the owner's until kafka_message_free.
 * Blocking: an assignment looks up where it stands (<= 1 s, then <= 0.1 s each second for what it has not learnt),
 * release commits (<= 2 s), destroy also leaves the group (<= 6 s more). */
#ifndef TK_KAFKA_CONSUMER_H
#define TK_KAFKA_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/payment_completed.h"
#include "runtime/err.h"

struct loop;
struct kafka_consumer;

struct kafka_message {
	const char *topic;
	int32_t partition;
	int64_t offset, timestamp_ms; /* -1: without */
	const void *key, *value;	  /* NULL: null in Kafka */
	size_t key_len, value_len;
	const void *headers;				/* rd_kafka_headers_t, as struct dead_letter wants it; may be NULL */
	char traceparent[TRACEPARENT_TEXT]; /* "" without, or when it is none */
	void *handle;
};
void kafka_message_free(struct kafka_message *m);

struct kafka_consumer_settings {
	const char *brokers, *client_id, *group, *topic;
	int64_t session_timeout_ms;	  /* 0: 6000; at most 10000, or a killed consumer's partitions stay away too long */
	int64_t max_poll_interval_ms; /* 0: 300000 */
	int64_t commit_every_ms;	  /* 0: 1000 */
	int64_t ahead;				  /* 0: 400000 messages are fetched before they are polled */
};

struct kafka_consumer_owner {
	void (*readable)(void *ctx);
	void (*assigned)(void *ctx, const int32_t *partitions, size_t n);			/* may be NULL */
	void (*revoked)(void *ctx, const int32_t *partitions, size_t n, bool lost); /* NULL: released at once */
	void (*failed)(void *ctx, const char *why, bool fatal); /* fatal: only a new consumer helps. May be NULL */
	void *ctx;
};

/* Subscribes. NULL: one line in `why`. Brokers that are away are no error. */
struct kafka_consumer *kafka_consumer_create(const struct kafka_consumer_settings *s, struct loop *l,
	const struct kafka_consumer_owner *owner, char *why, size_t why_len);

/* Commits what is stored, leaves the group. All messages must have been freed. NULL is fine. */
void kafka_consumer_destroy(struct kafka_consumer *c);

/* Up to `max` messages without waiting; also runs the callbacks. Fewer than `max`: `readable` will tell of more.
 * Who does not poll for max_poll_interval_ms is put out of the group, and comes back with the next poll. */
size_t kafka_consumer_poll(struct kafka_consumer *c, struct kafka_message *ret, size_t max);

/* Everything of the partition below `next_offset` is done with. A partition that is no longer ours: ignored. */
void kafka_consumer_store(struct kafka_consumer *c, int32_t partition, int64_t next_offset);

/* Ends a revocation: commits what is stored and gives the partitions back. Harmless at any other time. */
void kafka_consumer_release(struct kafka_consumer *c);

/* Commits what is stored and waits at most `timeout_ms`. */
TK_NODISCARD struct tk_err kafka_consumer_commit(struct kafka_consumer *c, int64_t timeout_ms);

struct kafka_lag {
	int32_t partition;
	int64_t next_offset; /* the first that is not done with; -1: not known yet */
	int64_t lag;		 /* messages; -1: not known yet */
};
/* Of the partitions that are ours, as of a second ago or less, whether or not anything is being fetched: cheap, does not
 * block. Returns how many there are (at most `max` are written). */
size_t kafka_consumer_lag(struct kafka_consumer *c, struct kafka_lag *ret, size_t max);

bool kafka_consumer_reachable(const struct kafka_consumer *c); /* false: all brokers are known to be away */

#endif
