#include "adapter/kafka/consumer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapter/kafka/client.h"
#include "adapter/kafka/log_ends.h"
#include "adapter/kafka/places.h"
#include "event/traceparent.h"
#include "runtime/loop.h"

enum { LOOK_UP_MS = 1000, LOOK_AGAIN_MS = 100, COMMIT_MS = 2000, LEAVE_MS = 5000, PROBE_MS = 100, WHY_TEXT = 256 };

struct kafka_consumer {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	struct loop *loop;
	struct watch watch; /* the eventfd that librdkafka writes when the queue stops being empty */
	struct timer tick;
	struct kafka_consumer_owner owner;
	char *topic;
	int64_t commit_every_ms;
	struct log_ends *ends;
	struct places places;
	bool stored;   /* since the last commit */
	bool revoking; /* partitions were taken and not yet given back */
	bool lost;	   /* ... and belong to someone else already */
	bool closing;
	bool reachable; /* by replies, not by messages: those may have waited here since before */
};

static void complain(struct kafka_consumer *c, const char *why, bool fatal)
{
	if (c->owner.failed && !c->closing) c->owner.failed(c->owner.ctx, why, fatal);
}

/* --- offsets ------------------------------------------------------------------------------------------------- */

void kafka_consumer_store(struct kafka_consumer *c, int32_t partition, int64_t next_offset)
{
	if (!places_has(&c->places, partition) || (c->revoking && c->lost)) return;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, c->topic, partition)->offset = next_offset;
	if (rd_kafka_offsets_store(c->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		places_done(&c->places, partition, next_offset);
		c->stored = true;
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void committed(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct kafka_consumer *c = opaque;
	(void)rk;
	(void)list;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR) c->reachable = true;
	else if (err != RD_KAFKA_RESP_ERR__NO_OFFSET) c->stored = true; /* the next tick tries again */
}

struct commit_wait {
	bool done;
	rd_kafka_resp_err_t err;
};

static void commit_done(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct commit_wait *wait = opaque;
	(void)rk;
	(void)list;
	wait->done = true;
	wait->err = err;
}

/* Not rd_kafka_commit, which waits for as long as the coordinator is away. */
struct tk_err kafka_consumer_commit(struct kafka_consumer *c, int64_t timeout_ms)
{
	struct commit_wait wait = {.err = RD_KAFKA_RESP_ERR__TIMED_OUT};
	rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
	int64_t end_ms = loop_now_us() / 1000 + timeout_ms;
	rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->rk, NULL, queue, commit_done, &wait);
	while (err == RD_KAFKA_RESP_ERR_NO_ERROR && !wait.done && loop_now_us() / 1000 < end_ms)
		rd_kafka_queue_poll_callback(queue, 10);
	rd_kafka_queue_destroy(queue);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR) err = wait.err;
	if (err == RD_KAFKA_RESP_ERR__NO_OFFSET) err = RD_KAFKA_RESP_ERR_NO_ERROR; /* nothing to commit */
	if (err == RD_KAFKA_RESP_ERR__TIMED_OUT) return TK_ERR(TK_UNCERTAIN, "no reply to an offset commit");
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return TK_ERR(TK_UNAVAILABLE, rd_kafka_err2name(err));
	c->stored = false;
	return TK_NONE;
}

/* --- partitions come and go ---------------------------------------------------------------------------------- */

static size_t numbers(const rd_kafka_topic_partition_list_t *parts, int32_t **ret)
{
	size_t n = (size_t)parts->cnt;
	*ret = calloc(n + 1, sizeof **ret);
	if (!*ret) abort();
	for (size_t i = 0; i < n; i++) (*ret)[i] = parts->elems[i].partition;
	return n;
}

static void assigned(struct kafka_consumer *c, rd_kafka_topic_partition_list_t *parts)
{
	int32_t *partition;
	size_t n = numbers(parts, &partition);
	rd_kafka_assign(c->rk, parts);
	log_ends_watch(c->ends, parts);
	c->reachable = true;
	places_take(&c->places, parts, LOOK_UP_MS);
	if (c->owner.assigned && !c->closing) c->owner.assigned(c->owner.ctx, partition, n);
	free(partition);
}

static void revoked(struct kafka_consumer *c, const rd_kafka_topic_partition_list_t *parts)
{
	int32_t *partition;
	size_t n = numbers(parts, &partition);
	c->revoking = true;
	c->lost = rd_kafka_assignment_lost(c->rk);
	if (c->owner.revoked && !c->closing) c->owner.revoked(c->owner.ctx, partition, n, c->lost);
	else kafka_consumer_release(c);
	free(partition);
}

void kafka_consumer_release(struct kafka_consumer *c)
{
	if (!c->revoking) return;
	struct tk_err err = c->stored && !c->lost ? kafka_consumer_commit(c, COMMIT_MS) : TK_NONE;
	c->revoking = c->stored = false;
	places_leave(&c->places);
	log_ends_watch(c->ends, NULL);
	rd_kafka_assign(c->rk, NULL);
	/* The next owner reads those events again, and the inbox knows them. */
	if (tk_failed(err)) complain(c, err.what, false);
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *parts, void *opaque)
{
	struct kafka_consumer *c = opaque;
	if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		assigned(c, parts);
	} else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
		revoked(c, parts);
	} else {
		rd_kafka_assign(rk, NULL);
		complain(c, rd_kafka_err2str(err), false);
	}
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static void erred(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct kafka_consumer *c = opaque;
	char text[WHY_TEXT];
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) c->reachable = false;
	if (err != RD_KAFKA_RESP_ERR__FATAL) return;
	if (rd_kafka_fatal_error(rk, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) reason = text;
	complain(c, reason, true);
}

static void fill(struct kafka_message *ret, rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers = NULL;
	const void *trace;
	size_t n;
	*ret = (struct kafka_message){
		.topic = rd_kafka_topic_name(m->rkt),
		.partition = m->partition,
		.offset = m->offset,
		.timestamp_ms = rd_kafka_message_timestamp(m, NULL),
		.key = m->key,
		.key_len = m->key_len,
		.value = m->payload,
		.value_len = m->len,
		.handle = m,
	};
	if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
	ret->headers = headers;
	if (rd_kafka_header_get_last(headers, "traceparent", &trace, &n) == RD_KAFKA_RESP_ERR_NO_ERROR && trace)
		traceparent_read(trace, n, ret->traceparent);
}

size_t kafka_consumer_poll(struct kafka_consumer *c, struct kafka_message *ret, size_t max)
{
	size_t n = 0;
	while (n < max) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 0);
		if (!m) break;
		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			fill(&ret[n++], m);
			continue;
		}
		complain(c, rd_kafka_message_errstr(m), false);
		rd_kafka_message_destroy(m);
	}
	return n;
}

void kafka_message_free(struct kafka_message *m)
{
	if (m->handle) rd_kafka_message_destroy(m->handle);
	m->handle = NULL;
}

size_t kafka_consumer_lag(struct kafka_consumer *c, struct kafka_lag *ret, size_t max)
{
	return places_lag(&c->places, ret, max);
}

bool kafka_consumer_reachable(const struct kafka_consumer *c)
{
	return c->reachable;
}

/* --- on the loop --------------------------------------------------------------------------------------------- */

static void woken(struct watch *w, uint32_t events)
{
	struct kafka_consumer *c = container_of(w, struct kafka_consumer, watch);
	uint64_t count;
	(void)events;
	/* Before polling: what comes during the poll sets it again. */
	while (read(w->fd, &count, sizeof count) < 0 && errno == EINTR) continue;
	c->owner.readable(c->owner.ctx);
}

/* No callback says that a broker is back. With all of them away the loop has time to ask. */
static void probe(struct kafka_consumer *c)
{
	const struct rd_kafka_metadata *seen;
	if (rd_kafka_metadata(c->rk, 0, NULL, &seen, PROBE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
	rd_kafka_metadata_destroy(seen);
	c->reachable = true;
}

static void ticked(struct timer *t)
{
	struct kafka_consumer *c = container_of(t, struct kafka_consumer, tick);
	timer_arm(c->loop, t, loop_now_ms(c->loop) + c->commit_every_ms);
	if (c->stored && !c->revoking) {
		c->stored = false;
		rd_kafka_commit(c->rk, NULL, 1);
	}
	if (!c->reachable) probe(c);
	else if (!c->revoking) places_ask(&c->places, LOOK_AGAIN_MS);
	/* An idle member must poll too, or the group puts it out. */
	c->owner.readable(c->owner.ctx);
}

static int watch_queue(struct kafka_consumer *c)
{
	static const uint64_t ONE = 1;
	c->watch = (struct watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .events = EPOLLIN, .ready = woken};
	if (c->watch.fd < 0) return -1;
	if (watch_add(c->loop, &c->watch) < 0) {
		close(c->watch.fd);
		return -1;
	}
	rd_kafka_queue_io_event_enable(c->queue, c->watch.fd, &ONE, sizeof ONE);
	return 0;
}

static rd_kafka_conf_t *make_conf(
	struct kafka_consumer *c, const struct kafka_consumer_settings *s, char *why, size_t why_len)
{
	int64_t session_ms = s->session_timeout_ms ? s->session_timeout_ms : 6000;
	const struct kafka_option rows[] = {
		KAFKA_TEXT("group.id", s->group),
		KAFKA_TEXT("enable.auto.commit", "false"),
		KAFKA_TEXT("enable.auto.offset.store", "false"),
		/* The default, latest, would skip payments when a group's offsets are gone. */
		KAFKA_TEXT("auto.offset.reset", "earliest"),
		/* cooperative-sticky can crash on close (librdkafka 2.0.2). */
		KAFKA_TEXT("partition.assignment.strategy", "range"),
		KAFKA_NUMBER("session.timeout.ms", session_ms),
		KAFKA_NUMBER("heartbeat.interval.ms", session_ms / 4),
		KAFKA_NUMBER("max.poll.interval.ms", s->max_poll_interval_ms ? s->max_poll_interval_ms : 300000),
		/* A broker answers a fetch at once when there is anything; this bounds how long a partition that was not
		 * part of the running fetch waits for its turn. */
		KAFKA_NUMBER("fetch.wait.max.ms", 50),
		KAFKA_NUMBER("fetch.error.backoff.ms", 50),
		/* Of all partitions together. A full queue is looked at again only a second later, so it must hold more
		 * than a second's work: 20,000 messages made 47,000/s of 124,000/s. */
		KAFKA_NUMBER("queued.min.messages", s->ahead ? s->ahead : 400000),
		KAFKA_NUMBER("queued.max.messages.kbytes", 131072),
		KAFKA_NUMBER("socket.timeout.ms", 10000),
		KAFKA_TEXT("allow.auto.create.topics", "false"),
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!kafka_conf_fill(conf, s->brokers, s->client_id, rows, sizeof rows / sizeof *rows, why, why_len)) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_rebalance_cb(conf, rebalance);
	rd_kafka_conf_set_offset_commit_cb(conf, committed);
	rd_kafka_conf_set_error_cb(conf, erred);
	rd_kafka_conf_set_opaque(conf, c);
	return conf;
}

static bool subscribe(struct kafka_consumer *c, char *why, size_t why_len)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t err = rd_kafka_subscribe(c->rk, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR) snprintf(why, why_len, "topic %s: %s", c->topic, rd_kafka_err2str(err));
	return err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool open_handle(struct kafka_consumer *c, const struct kafka_consumer_settings *s, char *why, size_t why_len)
{
	rd_kafka_conf_t *conf = make_conf(c, s, why, why_len);
	if (!conf) return false;
	c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_len);
	if (!c->rk) {
		rd_kafka_conf_destroy(conf);
		return false;
	}
	rd_kafka_poll_set_consumer(c->rk);
	c->queue = rd_kafka_queue_get_consumer(c->rk);
	c->ends = log_ends_create(c->rk, c->topic);
	if (!c->ends) {
		snprintf(why, why_len, "no thread for the Kafka consumer: %s", strerror(errno));
		return false;
	}
	c->places = (struct places){.rk = c->rk, .topic = c->topic, .ends = c->ends};
	if (watch_queue(c) < 0) {
		snprintf(why, why_len, "no eventfd for the Kafka consumer: %s", strerror(errno));
		return false;
	}
	return subscribe(c, why, why_len);
}

struct kafka_consumer *kafka_consumer_create(const struct kafka_consumer_settings *s, struct loop *l,
	const struct kafka_consumer_owner *owner, char *why, size_t why_len)
{
	struct kafka_consumer *c = calloc(1, sizeof *c);
	if (!c) abort();
	c->loop = l;
	c->owner = *owner;
	c->watch.fd = -1;
	c->reachable = true;
	c->commit_every_ms = s->commit_every_ms ? s->commit_every_ms : 1000;
	c->topic = strdup(s->topic);
	if (!c->topic) abort();
	if (!open_handle(c, s, why, why_len)) {
		kafka_consumer_destroy(c);
		return NULL;
	}
	c->tick.fired = ticked;
	timer_arm(l, &c->tick, loop_now_ms(l) + c->commit_every_ms);
	return c;
}

/* rd_kafka_consumer_close would wait for a broker that hangs. */
static void leave_group(struct kafka_consumer *c)
{
	int64_t end_ms = loop_now_us() / 1000 + LEAVE_MS;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
	rd_kafka_error_t *failed = rd_kafka_consumer_close_queue(c->rk, queue);
	while (!failed && !rd_kafka_consumer_closed(c->rk) && loop_now_us() / 1000 < end_ms) {
		rd_kafka_message_t *m = rd_kafka_consume_queue(queue, 20); /* runs the last revocation */
		if (m) rd_kafka_message_destroy(m);
	}
	if (failed) rd_kafka_error_destroy(failed);
	rd_kafka_queue_destroy(queue);
}

static void close_handle(struct kafka_consumer *c)
{
	if (!c->rk) return;
	if (c->revoking) kafka_consumer_release(c);
	else if (c->stored && tk_failed(kafka_consumer_commit(c, COMMIT_MS)))
		c->stored = false; /* once is enough: the inbox knows what is read again */
	rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
	leave_group(c);
	log_ends_destroy(c->ends);
	rd_kafka_queue_destroy(c->queue);
	rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_consumer_destroy(struct kafka_consumer *c)
{
	if (!c) return;
	c->closing = true;
	timer_stop(c->loop, &c->tick);
	close_handle(c);
	if (c->watch.fd >= 0) {
		watch_remove(c->loop, &c->watch);
		close(c->watch.fd);
	}
	places_finish(&c->places);
	free(c->topic);
	free(c);
}
