/* topics: are they there? Asked at the start, before anything is served.
 * Blocks up to the deadline (so: before the loops run, or on a thread that may wait). Makes no topic, even where the
 * broker would make what is asked for. */
#ifndef TK_KAFKA_TOPICS_H
#define TK_KAFKA_TOPICS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/config.h"

enum kafka_topics {
	KAFKA_TOPICS_THERE,
	KAFKA_TOPICS_MISSING, /* its name is in `ret` */
	KAFKA_TOPICS_UNKNOWN, /* no broker answered in time: try again later */
	KAFKA_TOPICS_REFUSED, /* a setting, or no permission: why is in `ret` */
};

enum kafka_topics kafka_topics_check(
	const char *brokers, const char *const *names, size_t n, int64_t timeout_ms, char *ret, size_t ret_len);

/* The same of all that the daemons need: payment, its dead letters, reservation. MISSING, REFUSED: one line in `why`. */
enum kafka_topics kafka_topics_needed(const struct config *c, int64_t timeout_ms, char *why, size_t n);

#endif
