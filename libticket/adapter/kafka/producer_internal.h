/* producer_internal: what event_out.c needs of producer.c. */
#ifndef TK_KAFKA_PRODUCER_INTERNAL_H
#define TK_KAFKA_PRODUCER_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "adapter/kafka/producer.h"
#include "runtime/loop.h"

enum kafka_topic { TOPIC_PAYMENT, TOPIC_RESERVATION, TOPIC_DEAD_LETTER, TOPICS };

/* One message under way. The loop's thread owns it, then librdkafka, the producer's thread, and the loop's again. */
struct kafka_report {
	struct mail mail; /* used of the first of a batch */
	struct kafka_report *next;
	struct kafka_outbox *owner;
	struct uuid event_id;
	uint64_t tag;
	enum delivery delivery;
};

/* The part of an event_out that the producer's thread works on. */
struct kafka_outbox {
	struct mailbox box;
	struct kafka_report *first, *last; /* collected since the last hand-over */
	struct kafka_outbox *next;		   /* of those that have collected something */
	void (*deliver)(struct mail *m, void *ctx);
};

struct kafka_outgoing {
	enum kafka_topic topic;
	const void *key, *value; /* NULL: null; copied */
	size_t key_len, value_len;
	rd_kafka_headers_t *headers; /* taken on success, destroyed on failure */
	struct kafka_report *report; /* comes back through its owner on success only */
};

struct tk_err kafka_producer_send(struct kafka_producer *p, const struct kafka_outgoing *m);
const char *kafka_producer_source(const struct kafka_producer *p); /* ce_source */

#endif
