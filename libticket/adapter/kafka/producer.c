#include "adapter/kafka/producer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/kafka/client.h"
#include "adapter/kafka/producer_internal.h"

enum {
	POLL_MS = 50, /* at most so late is a stop noticed */
	PROBE_EVERY_MS = 1000,
	PROBE_MS = 300,
	PURGE_MS = 5000,
	SOURCE_TEXT = 256,
	WHY_TEXT = 256,
	/* The most that librdkafka allows: a broker counts compressed bytes, so that it alone knows what is too large. */
	MESSAGE_MAX_BYTES = 1000000000,
};

struct kafka_producer {
	struct kafka_producer_settings set; /* strings are our copies */
	char source[SOURCE_TEXT], dead_letter[SOURCE_TEXT];

	/* Readers publish; the writer, our thread, swaps the handle. */
	pthread_rwlock_t lock;
	rd_kafka_t *rk; /* NULL: being replaced, or stopped */
	rd_kafka_topic_t *topic[TOPICS];
	bool closing;

	pthread_t thread;
	bool running;
	atomic_bool stopping, reachable;
	atomic_llong flush_ms;

	/* Of our thread. */
	bool fatal;
	int64_t probe_due_ms;
	struct kafka_outbox *dirty; /* outboxes with reports to hand over */
};

static int64_t now_ms(void)
{
	return loop_now_us() / 1000;
}

static void set_reachable(struct kafka_producer *p, bool reachable)
{
	if (atomic_exchange(&p->reachable, reachable) == reachable) return;
	p->probe_due_ms = now_ms() + PROBE_EVERY_MS;
	if (p->set.reachable_changed) p->set.reachable_changed(p->set.ctx, reachable);
}

static enum delivery judge_report(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR: return DELIVERY_DONE;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD: return DELIVERY_REFUSED;
	default: return DELIVERY_FAILED;
	}
}

static void reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_producer *p = opaque;
	struct kafka_report *r = m->_private;
	struct kafka_outbox *o = r->owner;
	(void)rk;
	r->delivery = judge_report(m->err);
	r->next = NULL;
	if (!o->first) {
		o->first = r;
		o->next = p->dirty;
		p->dirty = o;
	} else {
		o->last->next = r;
	}
	o->last = r;
	if (r->delivery != DELIVERY_FAILED) set_reachable(p, true);
	else if (kafka_means_away(m->err)) set_reachable(p, false);
}

/* One mail, one wake-up of a loop for everything that came since. */
static void hand_over(struct kafka_producer *p)
{
	while (p->dirty) {
		struct kafka_outbox *o = p->dirty;
		struct kafka_report *first = o->first;
		p->dirty = o->next;
		o->first = o->last = NULL;
		first->mail.deliver = o->deliver;
		mailbox_post(&o->box, &first->mail);
	}
}

static void erred(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct kafka_producer *p = opaque;
	char text[WHY_TEXT];
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) set_reachable(p, false);
	if (err != RD_KAFKA_RESP_ERR__FATAL || p->fatal) return;
	p->fatal = true;
	if (rd_kafka_fatal_error(rk, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) reason = text;
	if (p->set.failed) p->set.failed(p->set.ctx, reason);
}

static rd_kafka_conf_t *make_conf(struct kafka_producer *p, char *why, size_t why_len)
{
	const struct kafka_producer_settings *s = &p->set;
	const struct kafka_option rows[] = {
		KAFKA_TEXT("enable.idempotence", "true"),
		KAFKA_TEXT("acks", "all"),
		KAFKA_NUMBER("linger.ms", s->linger_ms),
		KAFKA_NUMBER("message.timeout.ms", s->message_timeout_ms),
		KAFKA_NUMBER("socket.timeout.ms", s->message_timeout_ms > 1000 ? s->message_timeout_ms : 1000),
		KAFKA_NUMBER("queue.buffering.max.messages", s->queue_max),
		KAFKA_NUMBER("message.max.bytes", MESSAGE_MAX_BYTES),
		KAFKA_TEXT("compression.type", s->compression),
		/* As Java clients do it, so that whoever publishes, a seat stays in its partition. */
		KAFKA_TEXT("partitioner", "murmur2_random"),
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!kafka_conf_fill(conf, s->brokers, s->client_id, rows, sizeof rows / sizeof *rows, why, why_len)) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_dr_msg_cb(conf, reported);
	rd_kafka_conf_set_error_cb(conf, erred);
	rd_kafka_conf_set_opaque(conf, p);
	return conf;
}

static bool open_handle(struct kafka_producer *p, char *why, size_t why_len)
{
	const char *name[TOPICS] = {p->set.topic_payment, p->set.topic_reservation, p->dead_letter};
	rd_kafka_conf_t *conf = make_conf(p, why, why_len);
	if (!conf) return false;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_len);
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return false;
	}
	pthread_rwlock_wrlock(&p->lock);
	for (int i = 0; i < TOPICS; i++) p->topic[i] = rd_kafka_topic_new(rk, name[i], NULL);
	p->rk = rk;
	pthread_rwlock_unlock(&p->lock);
	return true;
}

/* What the brokers have not taken by now comes back as failed. Only then may the handle go: it reports nothing later. */
static void drain(struct kafka_producer *p, rd_kafka_t *rk, int64_t flush_ms)
{
	int64_t purge_ms = now_ms() + flush_ms, end_ms = purge_ms + PURGE_MS;
	bool purged = false;
	while (rd_kafka_outq_len(rk) > 0 && now_ms() < end_ms) {
		if (!purged && (p->fatal || now_ms() >= purge_ms)) {
			rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
			purged = true;
		}
		rd_kafka_poll(rk, 10);
		hand_over(p);
	}
	rd_kafka_poll(rk, 0);
	hand_over(p);
}

static void close_handle(struct kafka_producer *p, int64_t flush_ms)
{
	rd_kafka_topic_t *topic[TOPICS];
	pthread_rwlock_wrlock(&p->lock);
	rd_kafka_t *rk = p->rk;
	memcpy(topic, p->topic, sizeof topic);
	p->rk = NULL; /* from here on nobody publishes into it */
	pthread_rwlock_unlock(&p->lock);
	if (!rk) return;
	drain(p, rk, flush_ms);
	for (int i = 0; i < TOPICS; i++) rd_kafka_topic_destroy(topic[i]);
	rd_kafka_destroy(rk);
}

static void replace_handle(struct kafka_producer *p)
{
	char why[WHY_TEXT];
	close_handle(p, 0);
	p->fatal = !open_handle(p, why, sizeof why);
}

/* No callback says that a broker is back, so it is asked. */
static void probe(struct kafka_producer *p)
{
	const struct rd_kafka_metadata *seen;
	if (atomic_load(&p->reachable) || now_ms() < p->probe_due_ms) return;
	p->probe_due_ms = now_ms() + PROBE_EVERY_MS;
	if (rd_kafka_metadata(p->rk, 0, p->topic[TOPIC_PAYMENT], &seen, PROBE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
	rd_kafka_metadata_destroy(seen);
	set_reachable(p, true);
}

static void *run(void *arg)
{
	struct kafka_producer *p = arg;
	while (!atomic_load(&p->stopping)) {
		if (p->fatal) replace_handle(p);
		if (!p->rk) {
			nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
			continue;
		}
		rd_kafka_poll(p->rk, POLL_MS);
		hand_over(p);
		probe(p);
	}
	close_handle(p, atomic_load(&p->flush_ms));
	return NULL;
}

static const char *copy(const char *s)
{
	char *c = strdup(s);
	if (!c) abort();
	return c;
}

static void copy_settings(struct kafka_producer *p, const struct kafka_producer_settings *s)
{
	p->set = *s;
	p->set.brokers = copy(s->brokers);
	p->set.client_id = copy(s->client_id);
	p->set.topic_payment = copy(s->topic_payment);
	p->set.topic_reservation = copy(s->topic_reservation);
	p->set.compression = copy(s->compression ? s->compression : "lz4");
	if (!s->linger_ms) p->set.linger_ms = 3;
	if (!s->message_timeout_ms) p->set.message_timeout_ms = 10000;
	if (!s->queue_max) p->set.queue_max = 500000;
	snprintf(p->source, sizeof p->source, "/%s", s->client_id);
	snprintf(p->dead_letter, sizeof p->dead_letter, "%s.dlq", s->topic_payment);
}

static void release(struct kafka_producer *p)
{
	const char *text[] = {
		p->set.brokers, p->set.client_id, p->set.topic_payment, p->set.topic_reservation, p->set.compression};
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) free((void *)(uintptr_t)text[i]);
	pthread_rwlock_destroy(&p->lock);
	free(p);
}

/* Signals belong to main. */
static int start_thread(struct kafka_producer *p)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

struct kafka_producer *kafka_producer_create(const struct kafka_producer_settings *s, char *why, size_t why_len)
{
	struct kafka_producer *p = calloc(1, sizeof *p);
	if (!p) abort();
	copy_settings(p, s);
	pthread_rwlock_init(&p->lock, NULL);
	atomic_store(&p->reachable, true);
	if (!open_handle(p, why, why_len)) goto fail;
	int failed = start_thread(p);
	if (failed) {
		snprintf(why, why_len, "no thread for the Kafka producer: %s", strerror(failed));
		close_handle(p, 0);
		goto fail;
	}
	p->running = true;
	return p;
fail:
	release(p);
	return NULL;
}

void kafka_producer_stop(struct kafka_producer *p, int64_t flush_ms)
{
	if (!p->running) return;
	pthread_rwlock_wrlock(&p->lock);
	p->closing = true;
	pthread_rwlock_unlock(&p->lock);
	atomic_store(&p->flush_ms, flush_ms);
	atomic_store(&p->stopping, true);
	pthread_join(p->thread, NULL);
	p->running = false;
}

void kafka_producer_destroy(struct kafka_producer *p)
{
	if (!p) return;
	kafka_producer_stop(p, 0);
	release(p);
}

bool kafka_producer_reachable(const struct kafka_producer *p)
{
	return atomic_load(&p->reachable);
}

const char *kafka_producer_source(const struct kafka_producer *p)
{
	return p->source;
}

void kafka_producer_break(struct kafka_producer *p)
{
	pthread_rwlock_rdlock(&p->lock);
	if (p->rk) rd_kafka_test_fatal_error(p->rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "asked for by a test");
	pthread_rwlock_unlock(&p->lock);
}

static struct tk_err judge(rd_kafka_error_t *e)
{
	if (!e) return TK_NONE;
	rd_kafka_resp_err_t code = rd_kafka_error_code(e);
	rd_kafka_error_destroy(e);
	switch (code) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL: return TK_ERR(TK_UNAVAILABLE, "producer queue full");
	case RD_KAFKA_RESP_ERR__FATAL: return TK_ERR(TK_UNAVAILABLE, "producer failed for good");
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return TK_ERR(TK_UNAVAILABLE, "topic unknown");
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return TK_ERR(TK_INVALID, "message too large");
	default: return TK_ERR(TK_INTERNAL, "produce refused");
	}
}

static struct tk_err produce(struct kafka_producer *p, const struct kafka_outgoing *m)
{
	rd_kafka_vu_t row[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->topic[m->topic]},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)m->key, m->key_len}},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)m->value, m->value_len}},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = m->headers},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = m->report},
	};
	return judge(rd_kafka_produceva(p->rk, row, sizeof row / sizeof *row));
}

struct tk_err kafka_producer_send(struct kafka_producer *p, const struct kafka_outgoing *m)
{
	struct tk_err err = TK_ERR(TK_UNAVAILABLE, "producer being replaced");
	if (pthread_rwlock_tryrdlock(&p->lock) == 0) {
		if (p->closing) err = TK_ERR(TK_UNAVAILABLE, "producer stopped");
		else if (p->rk) err = produce(p, m);
		pthread_rwlock_unlock(&p->lock);
	}
	if (tk_failed(err)) rd_kafka_headers_destroy(m->headers);
	return err;
}
