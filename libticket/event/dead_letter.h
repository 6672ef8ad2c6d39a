/* dead_letter: an event that can't be decided, kept as it came. Headers dlq.reason, dlq.topic, dlq.partition, dlq.offset
 * (ASCII, numbers in decimal) are added to those it had. The pointers are the caller's during the publish call. */
#ifndef TK_DEAD_LETTER_H
#define TK_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

struct dead_letter {
	const void *key, *value; /* NULL: null in Kafka */
	size_t key_len, value_len;
	const char *reason; /* one of a fixed list: see consumer/app/park_event.h */
	const char *topic;
	int32_t partition;
	int64_t offset;
	const void *headers; /* the message's own (rd_kafka_headers_t), opaque here; may be NULL */
};

#endif
