/* topics: makes sure that a broker has the topics given, and says so when it can be used.
 *
 *     topics BROKERS NAME:PARTITIONS[:SETTING=VALUE]...
 *
 * Waits up to 5 s for the broker, creates what is missing, prints each name that it created, and returns when every
 * partition has a leader; who starts a broker asks until it is so. A topic with fewer partitions than asked for is left
 * alone and is an error: adding some would send a key to another partition and lose its order. The setting is for a
 * topic that is created; those of one that is there are left alone.
 * Exit 0 when all are there, 1 when not, 2 when they can't be: bad usage, or too few partitions.
 *
 * In C because script/up asks on every run: Kafka's own tool takes a second of JVM for each question. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEADLINE_MS = 5000, CALL_MS = 2000, PAUSE_MS = 50, MAX_TOPICS = 16 };

struct topic {
	char name[250];
	int partitions;
	char setting[64];
	const char *value; /* NULL: the broker's defaults */
	bool exists, ready;
};

static char errstr[512];

static long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool setting_parse(struct topic *t, const char *arg)
{
	const char *equals = strchr(arg, '=');
	if (!equals || equals == arg || (size_t)(equals - arg) >= sizeof t->setting) {
		return false;
	}
	memcpy(t->setting, arg, (size_t)(equals - arg));
	t->value = equals + 1;
	return true;
}

static bool topic_parse(struct topic *t, const char *arg)
{
	const char *colon = strchr(arg, ':');
	if (!colon || colon == arg || (size_t)(colon - arg) >= sizeof t->name) {
		return false;
	}
	char *end;
	long n = strtol(colon + 1, &end, 10);
	if ((*end && *end != ':') || n < 1 || n > 10000) {
		return false;
	}
	*t = (struct topic){.partitions = (int)n};
	memcpy(t->name, arg, (size_t)(colon - arg));
	return !*end || setting_parse(t, end + 1);
}

static bool all_led(const rd_kafka_metadata_topic_t *m)
{
	for (int i = 0; i < m->partition_cnt; i++) {
		if (m->partitions[i].err || m->partitions[i].leader < 0) {
			return false;
		}
	}
	return true;
}

/* Fills in `ready`; false: no answer, try again. */
static bool topics_look(rd_kafka_t *rk, struct topic *topics, int n)
{
	const struct rd_kafka_metadata *meta;
	rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 1, NULL, &meta, CALL_MS);
	if (err) {
		snprintf(errstr, sizeof errstr, "%s", rd_kafka_err2str(err));
		return false;
	}
	for (int i = 0; i < n; i++) {
		topics[i].ready = false;
		for (int k = 0; k < meta->topic_cnt; k++) {
			const rd_kafka_metadata_topic_t *m = &meta->topics[k];
			if (strcmp(m->topic, topics[i].name) != 0 || m->err) {
				continue;
			}
			if (m->partition_cnt < topics[i].partitions) {
				fprintf(stderr, "topic %s has %d partitions, %d are needed\n", m->topic, m->partition_cnt,
					topics[i].partitions);
				exit(2);
			}
			topics[i].ready = all_led(m);
			topics[i].exists = true;
		}
	}
	rd_kafka_metadata_destroy(meta);
	return true;
}

static void topic_create(rd_kafka_t *rk, rd_kafka_queue_t *q, struct topic *t)
{
	rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(t->name, t->partitions, 1, errstr, sizeof errstr);
	if (!nt) {
		fprintf(stderr, "topic %s: %s\n", t->name, errstr);
		exit(2);
	}
	if (t->value && rd_kafka_NewTopic_set_config(nt, t->setting, t->value)) {
		fprintf(stderr, "topic %s: no setting %s\n", t->name, t->setting);
		exit(2);
	}
	rd_kafka_CreateTopics(rk, &nt, 1, NULL, q);
	rd_kafka_NewTopic_destroy(nt);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, DEADLINE_MS);
	const rd_kafka_CreateTopics_result_t *res = ev ? rd_kafka_event_CreateTopics_result(ev) : NULL;
	rd_kafka_resp_err_t err = ev ? rd_kafka_event_error(ev) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	const char *why = ev && err ? rd_kafka_event_error_string(ev) : "no answer";
	size_t n = 0;
	if (!err && res) {
		const rd_kafka_topic_result_t **each = rd_kafka_CreateTopics_result_topics(res, &n);
		err = n ? rd_kafka_topic_result_error(each[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
		why = n ? rd_kafka_topic_result_error_string(each[0]) : why;
	}
	if (!err) {
		printf("%s\n", t->name);
		t->exists = true;
	} else {
		/* Made by someone else meanwhile, or not yet possible: the next look tells. */
		snprintf(errstr, sizeof errstr, "topic %.249s: %.200s", t->name, why ? why : rd_kafka_err2name(err));
	}
	if (ev) {
		rd_kafka_event_destroy(ev);
	}
}

static bool topics_settle(rd_kafka_t *rk, rd_kafka_queue_t *q, struct topic *topics, int n)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	for (long long end = now_ms() + DEADLINE_MS; now_ms() < end; nanosleep(&pause, NULL)) {
		if (!topics_look(rk, topics, n)) {
			continue;
		}
		int ready = 0;
		for (int i = 0; i < n; i++) {
			ready += topics[i].ready;
			if (!topics[i].exists) {
				topic_create(rk, q, &topics[i]);
			}
		}
		if (ready == n) {
			return true;
		}
	}
	return false;
}

static void quiet(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
	(void)rk, (void)level, (void)fac, (void)buf; /* "connection refused" while the broker starts */
}

int main(int argc, char **argv)
{
	struct topic topics[MAX_TOPICS];
	int n = argc - 2;
	if (n < 1 || n > MAX_TOPICS) {
		fprintf(stderr, "usage: topics BROKERS NAME:PARTITIONS[:SETTING=VALUE]...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		if (!topic_parse(&topics[i], argv[i + 2])) {
			fprintf(stderr, "topics: '%s' is not NAME:PARTITIONS[:SETTING=VALUE]\n", argv[i + 2]);
			return 2;
		}
	}
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, quiet);
	const char *const settings[][2] = {
		{"bootstrap.servers", argv[1]},
		{"reconnect.backoff.ms", "50"},
		{"reconnect.backoff.max.ms", "200"},
	};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], errstr, sizeof errstr) != RD_KAFKA_CONF_OK) {
			fprintf(stderr, "topics: %s\n", errstr);
			return 2;
		}
	}
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, errstr, sizeof errstr);
	if (!rk) {
		fprintf(stderr, "topics: %s\n", errstr);
		return 1;
	}
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	bool ok = topics_settle(rk, q, topics, n);
	if (!ok) {
		fprintf(stderr, "topics: %s: not there after %d s: %s\n", argv[1], DEADLINE_MS / 1000, errstr);
	}
	rd_kafka_queue_destroy(q);
	rd_kafka_destroy(rk);
	return ok ? 0 : 1;
}
