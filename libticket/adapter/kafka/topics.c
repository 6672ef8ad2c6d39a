#include "adapter/kafka/topics.h"

#include <stdio.h>

#include "adapter/kafka/client.h"
#include "runtime/loop.h"

static enum kafka_topics judge(rd_kafka_resp_err_t err, const char *name, char *ret, size_t ret_len)
{
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
		snprintf(ret, ret_len, "%s", name);
		return KAFKA_TOPICS_MISSING;
	}
	/* It exists, and its leader is just being chosen. */
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) return KAFKA_TOPICS_THERE;
	if (kafka_means_away(err)) return KAFKA_TOPICS_UNKNOWN;
	snprintf(ret, ret_len, "topic %s: %s", name, rd_kafka_err2str(err));
	return KAFKA_TOPICS_REFUSED;
}

static enum kafka_topics ask(rd_kafka_t *rk, const char *name, int64_t left_ms, char *ret, size_t ret_len)
{
	const struct rd_kafka_metadata *seen;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	if (!topic) {
		snprintf(ret, ret_len, "topic %s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
		return KAFKA_TOPICS_REFUSED;
	}
	rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &seen, left_ms > 1 ? (int)left_ms : 1);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		err = seen->topic_cnt == 1 ? seen->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
		rd_kafka_metadata_destroy(seen);
	}
	rd_kafka_topic_destroy(topic);
	return judge(err, name, ret, ret_len);
}

/* A consumer without a group: unlike a producer's, its questions never create a topic. */
static rd_kafka_t *open_client(const char *brokers, char *why, size_t why_len)
{
	const struct kafka_option rows[] = {KAFKA_TEXT("allow.auto.create.topics", "false")};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk = NULL;
	if (kafka_conf_fill(conf, brokers, "ticket-start", rows, sizeof rows / sizeof *rows, why, why_len))
		rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_len);
	if (!rk) rd_kafka_conf_destroy(conf);
	return rk;
}

enum kafka_topics kafka_topics_check(
	const char *brokers, const char *const *names, size_t n, int64_t timeout_ms, char *ret, size_t ret_len)
{
	int64_t end_ms = loop_now_us() / 1000 + timeout_ms;
	rd_kafka_t *rk = open_client(brokers, ret, ret_len);
	if (!rk) return KAFKA_TOPICS_REFUSED;
	enum kafka_topics found = KAFKA_TOPICS_THERE;
	for (size_t i = 0; i < n && found == KAFKA_TOPICS_THERE; i++)
		found = ask(rk, names[i], end_ms - loop_now_us() / 1000, ret, ret_len);
	rd_kafka_destroy(rk);
	return found;
}

enum kafka_topics kafka_topics_needed(const struct config *c, int64_t timeout_ms, char *why, size_t n)
{
	char dead[260], said[300];
	snprintf(dead, sizeof dead, "%s.dlq", c->topic_payment);
	const char *names[] = {c->topic_payment, dead, c->topic_reservation};
	enum kafka_topics found = kafka_topics_check(c->kafka_brokers, names, 3, timeout_ms, said, sizeof said);
	if (found == KAFKA_TOPICS_MISSING) snprintf(why, n, "topic %s is missing", said);
	if (found == KAFKA_TOPICS_REFUSED) snprintf(why, n, "%s", said);
	return found;
}
