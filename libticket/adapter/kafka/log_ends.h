/* log_ends: how far the partitions of a topic reach, asked of the brokers on a thread of its own. What a consumer's
 * handle knows of them is as old as its last fetch, and it fetches nothing while enough is waiting here.
 *
 * Freshness: LOG_ENDS_EVERY_MS and one round trip. Thread: the owner's. Blocking: destroy, <= LOG_ENDS_WAIT_MS.
 * Ownership: the handle and the topic's name are the owner's and outlive this. */
#ifndef TK_KAFKA_LOG_ENDS_H
#define TK_KAFKA_LOG_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "adapter/kafka/client.h"

enum { LOG_ENDS_EVERY_MS = 1000, LOG_ENDS_WAIT_MS = 1000 };

struct log_ends;

struct log_ends *log_ends_create(rd_kafka_t *rk, const char *topic); /* NULL: errno */
void log_ends_destroy(struct log_ends *e);							 /* NULL is fine */

/* Only these are asked for from now on; `parts` may be NULL: none. */
void log_ends_watch(struct log_ends *e, const rd_kafka_topic_partition_list_t *parts);

int64_t log_ends_of(struct log_ends *e, int32_t partition); /* the offset of the next message; -1: not known */

#endif
