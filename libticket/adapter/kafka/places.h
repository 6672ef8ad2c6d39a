/* places: where each partition that is ours stands: what is done with, and how much is not (the lag).
 *
 * Thread: the owner's. Ownership: the caller's memory; `rk`, `topic` and `ends` stay the owner's.
 * Blocking: places_take and places_ask, <= their timeout. Nothing fails: what is not learnt is -1, and may be asked for
 * again. */
#ifndef TK_KAFKA_PLACES_H
#define TK_KAFKA_PLACES_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "adapter/kafka/consumer.h"
#include "adapter/kafka/log_ends.h"

struct place;

struct places {
	rd_kafka_t *rk;
	const char *topic;
	struct log_ends *ends;
	struct place *place; /* by the partition's number */
	size_t count;
};

void places_take(
	struct places *p, const rd_kafka_topic_partition_list_t *parts, int timeout_ms); /* they are ours now */
void places_leave(struct places *p);												 /* none is any more */
void places_finish(struct places *p);

bool places_has(const struct places *p, int32_t partition);
void places_done(struct places *p, int32_t partition, int64_t next_offset); /* of one that is ours */
void places_ask(struct places *p, int timeout_ms);							/* for those not known yet */

size_t places_lag(const struct places *p, struct kafka_lag *ret, size_t max); /* as kafka_consumer_lag */

#endif
