#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json/payment_completed_codec.h"
#include "adapter/json/reservation_decided_codec.h"
#include "adapter/kafka/producer_internal.h"
#include "runtime/buf.h"
#include "runtime/when.h"

enum { SLAB_REPORTS = 512, KEY_TEXT = 48 };

struct slab {
	struct slab *next;
	struct kafka_report report[SLAB_REPORTS];
};

struct kafka_event_out {
	struct event_out port;
	struct kafka_outbox outbox;
	struct kafka_producer *producer;
	struct buf body;		   /* reused: librdkafka copies */
	struct kafka_report *idle; /* as many as were ever under way at once; the producer's queue bounds them */
	struct slab *slabs;
};

static struct kafka_event_out *self(struct event_out *e)
{
	return container_of(e, struct kafka_event_out, port);
}

static void add_slab(struct kafka_event_out *k)
{
	struct slab *s = malloc(sizeof *s);
	if (!s) abort();
	s->next = k->slabs;
	k->slabs = s;
	for (int i = 0; i < SLAB_REPORTS; i++) {
		s->report[i].next = k->idle;
		k->idle = &s->report[i];
	}
}

static struct kafka_report *take_report(struct kafka_event_out *k, struct uuid event_id, uint64_t tag)
{
	if (!k->idle) add_slab(k);
	struct kafka_report *r = k->idle;
	k->idle = r->next;
	r->owner = &k->outbox;
	r->event_id = event_id;
	r->tag = tag;
	return r;
}

static void put_report(struct kafka_event_out *k, struct kafka_report *r)
{
	r->next = k->idle;
	k->idle = r;
}

static void deliver(struct mail *m, void *ctx)
{
	struct kafka_event_out *k = ctx;
	struct kafka_report *next;
	for (struct kafka_report *r = container_of(m, struct kafka_report, mail); r; r = next) {
		struct uuid event_id = r->event_id;
		uint64_t tag = r->tag;
		enum delivery delivery = r->delivery;
		next = r->next;
		put_report(k, r); /* first: the owner may publish again from within */
		if (k->port.delivered) k->port.delivered(k->port.ctx, &event_id, tag, delivery);
	}
}

static struct tk_err post(struct kafka_event_out *k, struct kafka_outgoing *m, struct uuid event_id, uint64_t tag)
{
	m->report = take_report(k, event_id, tag);
	struct tk_err err = kafka_producer_send(k->producer, m);
	if (tk_failed(err)) put_report(k, m->report);
	return err;
}

/* CloudEvents 1.0, Kafka protocol binding, binary mode. */
struct envelope {
	const struct uuid *event_id, *order_no;
	const char *type, *traceparent;
	int64_t at_ms;
};

static rd_kafka_headers_t *headers_of(const struct kafka_event_out *k, const struct envelope *e)
{
	char id[UUID_TEXT], subject[UUID_TEXT], at[WHEN_TEXT];
	rd_kafka_headers_t *h = rd_kafka_headers_new(8);
	uuid_text(id, e->event_id);
	uuid_text(subject, e->order_no);
	when_text(at, e->at_ms);
	rd_kafka_header_add(h, "ce_specversion", -1, "1.0", 3);
	rd_kafka_header_add(h, "ce_id", -1, id, UUID_TEXT - 1);
	rd_kafka_header_add(h, "ce_type", -1, e->type, -1);
	rd_kafka_header_add(h, "ce_source", -1, kafka_producer_source(k->producer), -1);
	rd_kafka_header_add(h, "ce_time", -1, at, -1);
	rd_kafka_header_add(h, "ce_subject", -1, subject, UUID_TEXT - 1);
	rd_kafka_header_add(h, "content-type", -1, "application/json", -1);
	if (e->traceparent[0]) rd_kafka_header_add(h, "traceparent", -1, e->traceparent, -1);
	return h;
}

static struct tk_err send_event(struct kafka_event_out *k, enum kafka_topic topic, const struct envelope *e,
	int64_t schedule, const struct seat_no *seat, uint64_t tag)
{
	char key[KEY_TEXT];
	int key_len = snprintf(key, sizeof key, "%lld:%s", (long long)schedule, seat->s);
	struct kafka_outgoing m = {
		.topic = topic,
		.key = key,
		.key_len = (size_t)key_len,
		.value = k->body.data,
		.value_len = k->body.len,
		.headers = headers_of(k, e),
	};
	return post(k, &m, *e->event_id, tag);
}

static struct tk_err publish_payment(struct event_out *port, const struct payment_completed *e, uint64_t tag)
{
	struct kafka_event_out *k = self(port);
	struct envelope envelope = {&e->event_id, &e->order_no, PAYMENT_COMPLETED_TYPE, e->traceparent, e->occurred_at_ms};
	k->body.len = 0;
	payment_completed_encode(e, &k->body);
	return send_event(k, TOPIC_PAYMENT, &envelope, e->schedule, &e->seat, tag);
}

static struct tk_err publish_reservation(struct event_out *port, const struct reservation_decided *e, uint64_t tag)
{
	struct kafka_event_out *k = self(port);
	const char *type = RESERVATION_EVENT_NAME[e->type];
	struct envelope envelope = {&e->event_id, &e->order_no, type, e->traceparent, e->occurred_at_ms};
	k->body.len = 0;
	reservation_decided_encode(e, &k->body);
	return send_event(k, TOPIC_RESERVATION, &envelope, e->schedule, &e->seat, tag);
}

/* Instead of what a message may carry from an earlier life as a dead letter. */
static void set_header(rd_kafka_headers_t *h, const char *name, const char *value)
{
	rd_kafka_header_remove(h, name);
	rd_kafka_header_add(h, name, -1, value, -1);
}

static rd_kafka_headers_t *letter_headers(const struct dead_letter *d)
{
	char partition[16], offset[24], truncated[24];
	bool own = d->headers && d->cut != LETTER_BARE;
	rd_kafka_headers_t *h = own ? rd_kafka_headers_copy(d->headers) : rd_kafka_headers_new(5);
	snprintf(partition, sizeof partition, "%d", d->partition);
	snprintf(offset, sizeof offset, "%lld", (long long)d->offset);
	set_header(h, "dlq.reason", d->reason);
	set_header(h, "dlq.topic", d->topic);
	set_header(h, "dlq.partition", partition);
	set_header(h, "dlq.offset", offset);
	if (d->cut == LETTER_WHOLE) return h;
	snprintf(truncated, sizeof truncated, "%zu", d->value_len);
	set_header(h, "dlq.truncated", truncated);
	return h;
}

static struct tk_err publish_dead_letter(struct event_out *port, const struct dead_letter *d, uint64_t tag)
{
	static const struct uuid none;
	struct kafka_outgoing m = {.topic = TOPIC_DEAD_LETTER, .headers = letter_headers(d)};
	if (d->cut != LETTER_BARE) {
		m.key = d->key;
		m.key_len = d->key_len;
	}
	if (d->cut == LETTER_WHOLE) {
		m.value = d->value;
		m.value_len = d->value_len;
	}
	return post(self(port), &m, none, tag);
}

static bool reachable(struct event_out *port)
{
	return kafka_producer_reachable(self(port)->producer);
}

struct event_out *kafka_event_out_create(struct kafka_producer *p, struct loop *l)
{
	struct kafka_event_out *k = calloc(1, sizeof *k);
	if (!k) abort();
	k->producer = p;
	k->outbox.deliver = deliver;
	k->port.publish_payment = publish_payment;
	k->port.publish_reservation = publish_reservation;
	k->port.publish_dead_letter = publish_dead_letter;
	k->port.reachable = reachable;
	buf_init(&k->body, NULL);
	if (mailbox_init(&k->outbox.box, l, k) < 0) {
		buf_finish(&k->body);
		free(k);
		return NULL;
	}
	return &k->port;
}

void kafka_event_out_destroy(struct event_out *e)
{
	if (!e) return;
	struct kafka_event_out *k = self(e);
	mailbox_finish(&k->outbox.box);
	while (k->slabs) {
		struct slab *s = k->slabs;
		k->slabs = s->next;
		free(s);
	}
	buf_finish(&k->body);
	free(k);
}
