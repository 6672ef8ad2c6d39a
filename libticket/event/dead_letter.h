/* dead_letter: an event that can't be decided, kept as it came. Headers dlq.reason, dlq.topic, dlq.partition, dlq.offset
 * (ASCII, numbers in decimal) are added to those it had. The pointers are the caller's during the publish call.
 *
 * A letter that Kafka does not take for its size goes without its value, then without what else came with it: where it
 * came from is still known, and the header dlq.truncated says how many bytes the value had. */
#ifndef TK_DEAD_LETTER_H
#define TK_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

enum letter_cut { LETTER_WHOLE, LETTER_WITHOUT_VALUE, LETTER_BARE /* nor key nor headers of its own */, LETTER_CUTS };

struct dead_letter {
	const void *key, *value; /* NULL: null in Kafka */
	size_t key_len, value_len;
	const char *reason; /* one of a fixed list: see consumer/app/park_event.h */
	const char *topic;
	int32_t partition;
	int64_t offset;
	const void *headers; /* the message's own (rd_kafka_headers_t), opaque here; may be NULL */
	enum letter_cut cut;
};

#endif
