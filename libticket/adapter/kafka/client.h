/* client: what the producer, the consumer and the topic check set up alike. Internal to adapter/kafka.
 * librdkafka would write its own lines to stderr; the daemons' log is JSON, so it is kept quiet here and what
 * matters comes back through callbacks. */
#ifndef TK_KAFKA_CLIENT_H
#define TK_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/payment_completed.h"

/* Rows of settings: a text, or (NULL) the number. */
struct kafka_option {
	const char *name, *text;
	int64_t number;
};
#define KAFKA_TEXT(n, s)                                                                                               \
	{                                                                                                                  \
		(n), (s), 0                                                                                                    \
	}
#define KAFKA_NUMBER(n, v)                                                                                             \
	{                                                                                                                  \
		(n), NULL, (v)                                                                                                 \
	}

/* Brokers, client id, reconnects and the rows; false: one line in `why`. The conf stays the caller's either way. */
bool kafka_conf_fill(rd_kafka_conf_t *conf, const char *brokers, const char *client_id, const struct kafka_option *o,
	size_t n, char *why, size_t why_len);

/* Away, as opposed to answering with an error. */
bool kafka_means_away(rd_kafka_resp_err_t err);

#endif
