#include "adapter/kafka/client.h"

#include <stdio.h>

static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)line;
}

static bool apply(rd_kafka_conf_t *conf, const struct kafka_option *o, size_t n, char *why, size_t why_len)
{
	for (size_t i = 0; i < n; i++) {
		char number[24];
		snprintf(number, sizeof number, "%lld", (long long)o[i].number);
		const char *value = o[i].text ? o[i].text : number;
		if (rd_kafka_conf_set(conf, o[i].name, value, why, why_len) != RD_KAFKA_CONF_OK) return false;
	}
	return true;
}

bool kafka_conf_fill(rd_kafka_conf_t *conf, const char *brokers, const char *client_id, const struct kafka_option *o,
	size_t n, char *why, size_t why_len)
{
	/* A broker that comes back is found within 0.2 s; the defaults would wait up to 10 s. */
	const struct kafka_option shared[] = {
		KAFKA_TEXT("bootstrap.servers", brokers),
		KAFKA_TEXT("client.id", client_id),
		KAFKA_NUMBER("reconnect.backoff.ms", 50),
		KAFKA_NUMBER("reconnect.backoff.max.ms", 200),
		KAFKA_NUMBER("socket.connection.setup.timeout.ms", 3000),
		KAFKA_TEXT("socket.keepalive.enable", "true"),
		KAFKA_TEXT("socket.nagle.disable", "true"),
		KAFKA_TEXT("log.connection.close", "false"),
	};
	rd_kafka_conf_set_log_cb(conf, quiet);
	return apply(conf, shared, sizeof shared / sizeof *shared, why, why_len) && apply(conf, o, n, why, why_len);
}

bool kafka_means_away(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__WAIT_COORD: return true;
	default: return false;
	}
}
