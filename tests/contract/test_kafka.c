/* The Kafka adapter against a real broker (TICKET_TEST_KAFKA_BROKERS), with topics and groups of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/json/json_codec.h"
#include "adapter/json/payment_completed_codec.h"
#include "adapter/kafka/consumer.h"
#include "adapter/kafka/producer.h"
#include "adapter/kafka/topics.h"
#include "runtime/loop.h"
#include "runtime/when.h"

enum { PARTITIONS = 4, PATIENCE_MS = 20000, SEEN_MAX = 4000, POLL_MAX = 100, NAME = 64 };

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

struct world {
	const char *brokers;
	struct loop *loop;
	char payment[NAME], dead_letter[NAME + 16], reservation[NAME + 16], group[NAME + 16];
	struct kafka_producer *producer;
	struct event_out *out;
	atomic_int failures;
};

/* --- topics of a test's own ---------------------------------------------------------------------------------- */

static void create_topics(struct world *w)
{
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, why, sizeof why);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	assert_non_null(rk);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_NewTopic_t *topic[] = {
		rd_kafka_NewTopic_new(w->payment, PARTITIONS, 1, why, sizeof why),
		rd_kafka_NewTopic_new(w->dead_letter, 1, 1, why, sizeof why),
		rd_kafka_NewTopic_new(w->reservation, 1, 1, why, sizeof why),
	};
	assert_int_equal(
		rd_kafka_NewTopic_set_config(topic[1], "max.message.bytes", "16777216"), 0); /* as script/up does */
	rd_kafka_CreateTopics(rk, topic, 3, NULL, q);
	rd_kafka_event_t *done = rd_kafka_queue_poll(q, PATIENCE_MS);
	assert_non_null(done);
	assert_int_equal(rd_kafka_event_error(done), 0);
	rd_kafka_event_destroy(done);
	rd_kafka_NewTopic_destroy_array(topic, 3);
	rd_kafka_queue_destroy(q);
	rd_kafka_destroy(rk);
}

static int make(void **state)
{
	static struct world w;
	static int round;
	const char *brokers = getenv("TICKET_TEST_KAFKA_BROKERS");
	w = (struct world){.brokers = brokers};
	*state = &w;
	if (!brokers) return 0;
	snprintf(w.payment, sizeof w.payment, "t%d.%lld.payment", ++round, (long long)when_now_ms());
	snprintf(w.dead_letter, sizeof w.dead_letter, "%s.dlq", w.payment);
	snprintf(w.reservation, sizeof w.reservation, "%s.decided", w.payment);
	snprintf(w.group, sizeof w.group, "%s.group", w.payment);
	w.loop = loop_create();
	assert_non_null(w.loop);
	create_topics(&w);
	return 0;
}

static int discard(void **state)
{
	struct world *w = *state;
	if (!w->brokers) return 0;
	if (w->producer) kafka_producer_stop(w->producer, 0);
	kafka_event_out_destroy(w->out);
	kafka_producer_destroy(w->producer);
	loop_destroy(w->loop);
	return 0;
}

static struct world *need_broker(void **state)
{
	struct world *w = *state;
	if (!w->brokers) skip();
	return w;
}

/* --- sending ------------------------------------------------------------------------------------------------- */

struct reports {
	int good, bad, refused;
	uint64_t tags; /* their sum */
	struct uuid last;
};

static void count_report(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct reports *r = ctx;
	*(d == DELIVERY_DONE ? &r->good : d == DELIVERY_REFUSED ? &r->refused : &r->bad) += 1;
	r->tags += tag;
	r->last = *event_id;
}

static void count_failure(void *ctx, const char *reason)
{
	struct world *w = ctx;
	assert_non_null(strstr(reason, "asked for by a test"));
	atomic_fetch_add(&w->failures, 1);
}

static void open_producer(struct world *w, struct reports *r, const char *brokers, int64_t timeout_ms)
{
	char why[256] = "";
	struct kafka_producer_settings set = {
		.brokers = brokers,
		.client_id = "ticket-test",
		.topic_payment = w->payment,
		.topic_reservation = w->reservation,
		.message_timeout_ms = timeout_ms,
		.failed = count_failure,
		.ctx = w,
	};
	w->producer = kafka_producer_create(&set, why, sizeof why);
	if (!w->producer) fail_msg("%s", why);
	w->out = kafka_event_out_create(w->producer, w->loop);
	assert_non_null(w->out);
	w->out->delivered = count_report;
	w->out->ctx = r;
}

static struct payment_completed a_payment(int n)
{
	struct payment_completed e = {
		.event_id = uuid_v7(when_now_ms(), 42),
		.order_no = uuid_v7(when_now_ms(), 42),
		.occurred_at_ms = when_now_ms(),
		.user = n + 1,
		.schedule = 42,
		.amount_krw = 120000,
		.traceparent = TRACE,
	};
	e.seat.len = (uint8_t)snprintf(e.seat.s, sizeof e.seat.s, "A-%d", n);
	return e;
}

static void publish(struct world *w, int from, int to)
{
	for (int i = from; i < to; i++) {
		struct payment_completed e = a_payment(i);
		struct tk_err err = w->out->publish_payment(w->out, &e, (uint64_t)i);
		if (tk_failed(err)) fail_msg("%s: %s", err.where, err.what);
	}
}

static void turn_until(struct world *w, const int *counter, int at_least)
{
	int64_t end_ms = loop_now_us() / 1000 + PATIENCE_MS;
	while (*counter < at_least && loop_now_us() / 1000 < end_ms) loop_turn(w->loop, 20);
	if (*counter < at_least) fail_msg("%d of %d came", *counter, at_least);
}

/* --- receiving ----------------------------------------------------------------------------------------------- */

struct reader {
	struct world *w;
	struct kafka_consumer *consumer;
	int count, assigned, revoked, lost; /* assigned: partitions held now */
	bool stores, busy;					/* busy: leaves messages and revocations alone */
	bool deaf;							/* polls no more */
	int64_t ahead;
	uint8_t seen[SEEN_MAX]; /* how often each user's event came */
	int64_t last_us;
	struct kafka_message kept; /* the last one, when `keeps` */
	bool keeps;
};

static void take(struct reader *r, struct kafka_message *m)
{
	static struct json_decoder *decoder;
	struct payment_completed e;
	if (!decoder) decoder = json_decoder_create();
	if (payment_completed_decode(decoder, m->value, m->value_len, &e) == EVENT_FINE && e.user < SEEN_MAX)
		r->seen[e.user]++;
	r->count++;
	r->last_us = loop_now_us();
	if (r->stores) kafka_consumer_store(r->consumer, m->partition, m->offset + 1);
	if (r->keeps && !r->kept.handle) r->kept = *m;
	else kafka_message_free(m);
}

static void readable(void *ctx)
{
	struct reader *r = ctx;
	struct kafka_message batch[POLL_MAX];
	size_t n = POLL_MAX;
	/* A busy owner polls too here, so that rebalances get through; it takes nothing after a revocation. */
	while (r->consumer && !r->deaf && n == POLL_MAX) {
		n = kafka_consumer_poll(r->consumer, batch, POLL_MAX);
		for (size_t i = 0; i < n; i++) take(r, &batch[i]);
	}
}

static void assigned(void *ctx, const int32_t *partitions, size_t n)
{
	struct reader *r = ctx;
	(void)partitions;
	r->assigned = (int)n;
}

static void revoked(void *ctx, const int32_t *partitions, size_t n, bool lost)
{
	struct reader *r = ctx;
	(void)partitions;
	(void)n;
	r->revoked++;
	r->lost += lost;
	if (r->busy) return; /* later */
	r->assigned = 0;
	kafka_consumer_release(r->consumer);
}

static void open_reader(struct reader *r, struct world *w, const char *topic)
{
	char why[256] = "";
	struct kafka_consumer_settings set = {.brokers = w->brokers,
		.client_id = "ticket-test",
		.group = w->group,
		.topic = topic,
		.commit_every_ms = 200,
		.ahead = r->ahead};
	struct kafka_consumer_owner owner = {.readable = readable, .assigned = assigned, .revoked = revoked, .ctx = r};
	r->w = w;
	r->consumer = kafka_consumer_create(&set, w->loop, &owner, why, sizeof why);
	if (!r->consumer) fail_msg("%s", why);
}

static void close_reader(struct reader *r)
{
	struct kafka_consumer *c = r->consumer;
	kafka_message_free(&r->kept);
	r->consumer = NULL;
	kafka_consumer_destroy(c);
}

static void header_is(const void *headers, const char *name, const char *want)
{
	const void *value;
	size_t n;
	if (rd_kafka_header_get_last(headers, name, &value, &n) != RD_KAFKA_RESP_ERR_NO_ERROR) fail_msg("no %s", name);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(value, want, n);
}

/* --- the producer -------------------------------------------------------------------------------------------- */

static void a_payment_arrives_as_the_contract_says(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	struct payment_completed e = a_payment(1);
	char id[UUID_TEXT], order[UUID_TEXT], at[WHEN_TEXT];
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_payment(w->out, &e, 77)));
	turn_until(w, &reports.good, 1);
	assert_int_equal(reports.tags, 77);
	assert_true(uuid_equal(&reports.last, &e.event_id));
	assert_true(w->out->reachable(w->out));

	open_reader(&r, w, w->payment);
	turn_until(w, &r.count, 1);
	assert_int_equal(r.kept.key_len, 6);
	assert_memory_equal(r.kept.key, "42:A-1", 6);
	assert_int_equal(r.seen[2], 1);
	assert_string_equal(r.kept.traceparent, TRACE);
	uuid_text(id, &e.event_id);
	uuid_text(order, &e.order_no);
	when_text(at, e.occurred_at_ms);
	header_is(r.kept.headers, "ce_specversion", "1.0");
	header_is(r.kept.headers, "ce_id", id);
	header_is(r.kept.headers, "ce_type", "PaymentCompletedEvent");
	header_is(r.kept.headers, "ce_source", "/ticket-test");
	header_is(r.kept.headers, "ce_time", at);
	header_is(r.kept.headers, "ce_subject", order);
	header_is(r.kept.headers, "content-type", "application/json");
	header_is(r.kept.headers, "traceparent", TRACE);
	/* What Java's default partitioner makes of this key: murmur2, the sign bit dropped. */
	assert_int_equal(r.kept.partition, rd_kafka_msg_partitioner_murmur2(NULL, "42:A-1", 6, PARTITIONS, NULL, NULL));
	close_reader(&r);
}

static void a_decision_has_its_own_topic(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	struct reservation_decided e = {.type = RESERVATION_CONFIRMED, .schedule = 42, .user = 7, .seat = {"A-1", 3}};
	e.event_id = e.order_no = uuid_v7(when_now_ms(), 42);
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_reservation(w->out, &e, 1)));
	turn_until(w, &reports.good, 1);
	open_reader(&r, w, w->reservation);
	turn_until(w, &r.count, 1);
	header_is(r.kept.headers, "ce_type", "ReservationConfirmedEvent");
	assert_string_equal(r.kept.traceparent, "");
	assert_memory_equal(r.kept.key, "42:A-1", 6);
	close_reader(&r);
}

static void a_dead_letter_keeps_what_came(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	rd_kafka_headers_t *came = rd_kafka_headers_new(2);
	rd_kafka_header_add(came, "x", -1, "\0y", 2);
	rd_kafka_header_add(came, "dlq.reason", -1, "an old one", -1);
	struct dead_letter d = {.key = "k",
		.key_len = 1,
		.value = "\0\xff",
		.value_len = 2,
		.reason = "not_json",
		.topic = "payment.completed",
		.partition = 23,
		.offset = 9876543210,
		.headers = came};
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_dead_letter(w->out, &d, 5)));
	rd_kafka_headers_destroy(came);
	turn_until(w, &reports.good, 1);
	assert_true(uuid_is_nil(&reports.last));
	open_reader(&r, w, w->dead_letter);
	turn_until(w, &r.count, 1);
	assert_int_equal(r.kept.value_len, 2);
	assert_memory_equal(r.kept.value, "\0\xff", 2);
	assert_memory_equal(r.kept.key, "k", 1);
	assert_int_equal(rd_kafka_header_cnt(r.kept.headers), 5);
	header_is(r.kept.headers, "dlq.reason", "not_json");
	header_is(r.kept.headers, "dlq.topic", "payment.completed");
	header_is(r.kept.headers, "dlq.partition", "23");
	header_is(r.kept.headers, "dlq.offset", "9876543210");
	close_reader(&r);
}

/* Bytes that no compression makes fewer. */
static char *noise(size_t n)
{
	char *bytes = malloc(n);
	uint64_t x = 88172645463325252;
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		bytes[i] = (char)x;
	}
	return bytes;
}

static void a_letter_may_be_larger_than_any_payment(void **state)
{
	enum { LARGE = 5 << 20 };
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	char *value = noise(LARGE);
	struct dead_letter d = {.value = value, .value_len = LARGE, .reason = "not_json", .topic = "t"};
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_dead_letter(w->out, &d, 0)));
	turn_until(w, &reports.good, 1);
	open_reader(&r, w, w->dead_letter);
	turn_until(w, &r.count, 1);
	assert_int_equal(r.kept.value_len, LARGE);
	assert_memory_equal(r.kept.value, value, LARGE);
	close_reader(&r);
	free(value);
}

static void a_letter_too_large_for_its_topic_is_refused_and_goes_cut(void **state)
{
	enum { HUGE = 17 << 20 };
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	char *value = noise(HUGE);
	rd_kafka_headers_t *came = rd_kafka_headers_new(1);
	rd_kafka_header_add(came, "x", -1, "y", 1);
	struct dead_letter d = {.key = "k",
		.key_len = 1,
		.value = value,
		.value_len = HUGE,
		.reason = "not_json",
		.topic = "t",
		.headers = came};
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_dead_letter(w->out, &d, 0)));
	turn_until(w, &reports.refused, 1);
	assert_true(w->out->reachable(w->out));
	for (d.cut = LETTER_WITHOUT_VALUE; d.cut < LETTER_CUTS; d.cut++) {
		assert_false(tk_failed(w->out->publish_dead_letter(w->out, &d, 0)));
		turn_until(w, &reports.good, (int)d.cut);
	}
	rd_kafka_headers_destroy(came);
	open_reader(&r, w, w->dead_letter);
	turn_until(w, &r.count, 2);
	assert_null(r.kept.value);
	assert_memory_equal(r.kept.key, "k", 1);
	assert_int_equal(rd_kafka_header_cnt(r.kept.headers), 6);
	header_is(r.kept.headers, "dlq.truncated", "17825792");
	header_is(r.kept.headers, "dlq.reason", "not_json");
	close_reader(&r);
	free(value);
}

static void null_and_empty_stay_apart(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.keeps = true};
	struct dead_letter d = {.key = NULL, .value = "", .reason = "not_json", .topic = "t"};
	open_producer(w, &reports, w->brokers, 0);
	assert_false(tk_failed(w->out->publish_dead_letter(w->out, &d, 0)));
	turn_until(w, &reports.good, 1);
	open_reader(&r, w, w->dead_letter);
	turn_until(w, &r.count, 1);
	assert_null(r.kept.key);
	assert_non_null(r.kept.value);
	assert_int_equal(r.kept.value_len, 0);
	close_reader(&r);
}

static void each_loop_gets_its_own_reports(void **state)
{
	struct world *w = need_broker(state);
	struct reports mine = {0}, other = {0};
	struct payment_completed e = a_payment(1);
	open_producer(w, &mine, w->brokers, 0);
	struct loop *loop = loop_create();
	struct event_out *out = kafka_event_out_create(w->producer, loop);
	assert_non_null(out);
	out->delivered = count_report;
	out->ctx = &other;
	publish(w, 0, 1500); /* more than a slab */
	assert_false(tk_failed(out->publish_payment(out, &e, 9)));
	turn_until(w, &mine.good, 1500);
	assert_int_equal(mine.tags, 1500 * 1499 / 2);
	assert_int_equal(other.good, 0); /* its loop has not turned */
	kafka_producer_stop(w->producer, 2000);
	loop_turn(loop, 1000);
	assert_int_equal(other.good, 1);
	assert_int_equal(other.tags, 9);
	kafka_event_out_destroy(out);
	loop_destroy(loop);
}

static void a_stop_flushes_and_takes_nothing_more(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct payment_completed e = a_payment(1);
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 2000);
	kafka_producer_stop(w->producer, 10000);
	turn_until(w, &reports.good, 2000);
	assert_int_equal(reports.bad, 0);
	assert_int_equal(w->out->publish_payment(w->out, &e, 1).kind, TK_UNAVAILABLE);
}

static void a_fatal_error_makes_a_new_handle(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct payment_completed e = a_payment(1);
	int accepted = 0, all = 0;
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 1);
	turn_until(w, &reports.good, 1);
	kafka_producer_break(w->producer);
	for (int i = 0; i < 200 || atomic_load(&w->failures) == 0; i++) {
		accepted += !tk_failed(w->out->publish_payment(w->out, &e, 1));
		usleep(1000);
		assert_true(i < PATIENCE_MS);
	}
	while (tk_failed(w->out->publish_payment(w->out, &e, 1))) usleep(1000);
	accepted++;
	for (int64_t end_ms = loop_now_us() / 1000 + PATIENCE_MS; all < accepted + 1 && loop_now_us() / 1000 < end_ms;) {
		loop_turn(w->loop, 20);
		all = reports.good + reports.bad;
	}
	assert_int_equal(all, accepted + 1); /* each exactly once */
	assert_true(reports.good >= 2);
	assert_int_equal(atomic_load(&w->failures), 1);
}

static void brokers_away_fail_the_reports_in_time(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	open_producer(w, &reports, "127.0.0.1:1", 1000);
	publish(w, 0, 10);
	turn_until(w, &reports.bad, 10);
	assert_false(w->out->reachable(w->out));
	assert_int_equal(reports.good, 0);
}

static void a_stop_without_brokers_is_bounded(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	open_producer(w, &reports, "127.0.0.1:1", 60000);
	publish(w, 0, 10);
	int64_t began_us = loop_now_us();
	kafka_producer_stop(w->producer, 300);
	assert_true(loop_now_us() - began_us < 3000000);
	turn_until(w, &reports.bad, 10);
}

/* --- topics -------------------------------------------------------------------------------------------------- */

static void a_missing_topic_is_named_and_not_made(void **state)
{
	struct world *w = need_broker(state);
	const char *there[] = {w->payment, w->dead_letter}, *not [] = {w->payment, "no.such.topic"};
	char name[256] = "";
	assert_int_equal(kafka_topics_check(w->brokers, there, 2, 5000, name, sizeof name), KAFKA_TOPICS_THERE);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(kafka_topics_check(w->brokers, not, 2, 5000, name, sizeof name), KAFKA_TOPICS_MISSING);
		assert_string_equal(name, "no.such.topic");
	}
}

static void topics_are_unknown_while_brokers_are_away(void **state)
{
	struct world *w = need_broker(state);
	const char *topic = w->payment;
	char name[256] = "";
	int64_t began_us = loop_now_us();
	assert_int_equal(kafka_topics_check("127.0.0.1:1", &topic, 1, 500, name, sizeof name), KAFKA_TOPICS_UNKNOWN);
	assert_true(loop_now_us() - began_us < 2000000);
}

/* --- the consumer -------------------------------------------------------------------------------------------- */

static void what_is_not_stored_comes_again(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader first = {.stores = false}, second = {.stores = true}, third = {.stores = true};
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 500);
	turn_until(w, &reports.good, 500);
	open_reader(&first, w, w->payment);
	turn_until(w, &first.count, 500);
	close_reader(&first);
	open_reader(&second, w, w->payment);
	turn_until(w, &second.count, 500);
	close_reader(&second);
	publish(w, 500, 600);
	turn_until(w, &reports.good, 600);
	open_reader(&third, w, w->payment);
	turn_until(w, &third.count, 100);
	assert_int_equal(third.count, 100);
	for (int i = 501; i <= 600; i++) assert_int_equal(third.seen[i], 1);
	close_reader(&third);
}

/* As the broker has it, asked by a stranger. */
static int64_t committed_in_all(struct world *w)
{
	char why[256];
	int64_t sum = 0;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, why, sizeof why);
	rd_kafka_conf_set(conf, "group.id", w->group, why, sizeof why);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
	assert_non_null(rk);
	rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_new(PARTITIONS);
	for (int p = 0; p < PARTITIONS; p++) rd_kafka_topic_partition_list_add(at, w->payment, p);
	assert_int_equal(rd_kafka_committed(rk, at, PATIENCE_MS), 0);
	for (int p = 0; p < PARTITIONS; p++) sum += at->elems[p].offset > 0 ? at->elems[p].offset : 0;
	rd_kafka_topic_partition_list_destroy(at);
	rd_kafka_destroy(rk);
	return sum;
}

static void offsets_are_committed_while_running(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader first = {.stores = true};
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 100);
	open_reader(&first, w, w->payment);
	turn_until(w, &first.count, 100);
	for (int64_t end_ms = loop_now_us() / 1000 + 1000; loop_now_us() / 1000 < end_ms;) loop_turn(w->loop, 20);
	assert_int_equal(committed_in_all(w), 100);
	close_reader(&first);
}

/* Until the ends of all partitions add up to `messages`. */
static void turn_until_ends(struct world *w, struct reader *r, struct kafka_lag lag[PARTITIONS], int64_t messages)
{
	int64_t sum = 0;
	for (int64_t end_ms = loop_now_us() / 1000 + PATIENCE_MS; sum != messages && loop_now_us() / 1000 < end_ms;) {
		loop_turn(w->loop, 20);
		sum = 0;
		if (kafka_consumer_lag(r->consumer, lag, PARTITIONS) != PARTITIONS) continue;
		for (int p = 0; p < PARTITIONS; p++) sum += lag[p].next_offset + lag[p].lag;
	}
	assert_int_equal(sum, messages);
}

static void a_busy_owner_ends_its_batch_before_a_rebalance(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader first = {.stores = false, .busy = true}, second = {.stores = true};
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 400);
	open_reader(&first, w, w->payment);
	turn_until(w, &first.count, 400);
	assert_int_equal(first.assigned, PARTITIONS);
	open_reader(&second, w, w->payment);
	turn_until(w, &first.revoked, 1);
	for (int i = 0; i < 20; i++) loop_turn(w->loop, 20);
	assert_int_equal(second.assigned, 0); /* it waits */
	/* The batch is done: its offsets, then the partitions. The ends are known a little later than the messages. */
	struct kafka_lag lag[PARTITIONS];
	turn_until_ends(w, &first, lag, 400);
	for (int32_t p = 0; p < PARTITIONS; p++)
		kafka_consumer_store(first.consumer, lag[p].partition, lag[p].next_offset + lag[p].lag);
	first.busy = false;
	kafka_consumer_release(first.consumer);
	turn_until(w, &second.assigned, PARTITIONS / 2);
	turn_until(w, &first.assigned, PARTITIONS / 2);
	publish(w, 400, 800);
	for (int64_t end_ms = loop_now_us() / 1000 + PATIENCE_MS;
		 first.count + second.count < 800 && loop_now_us() / 1000 < end_ms;)
		loop_turn(w->loop, 20);
	assert_int_equal(first.count + second.count, 800); /* none twice, none lost */
	for (int i = 1; i <= 800; i++) assert_int_equal(first.seen[i] + second.seen[i], 1);
	assert_int_equal(first.lost + second.lost, 0);
	close_reader(&second);
	close_reader(&first);
}

static int64_t lag_of(struct reader *r)
{
	struct kafka_lag lag[PARTITIONS];
	int64_t sum = 0;
	size_t n = kafka_consumer_lag(r->consumer, lag, PARTITIONS);
	for (size_t i = 0; i < n; i++) sum += lag[i].lag > 0 ? lag[i].lag : 0;
	return n == PARTITIONS ? sum : -1;
}

static void the_lag_is_what_is_not_done_with(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.stores = false}, again = {.stores = true};
	open_producer(w, &reports, w->brokers, 0);
	publish(w, 0, 300);
	turn_until(w, &reports.good, 300);
	open_reader(&r, w, w->payment);
	turn_until(w, &r.count, 300);
	assert_int_equal(lag_of(&r), 300);
	r.stores = true;
	publish(w, 300, 400);
	turn_until(w, &r.count, 400);
	assert_true(lag_of(&r) < 300);
	close_reader(&r);
	open_reader(&again, w, w->payment);
	turn_until(w, &again.assigned, PARTITIONS);
	for (int i = 0; i < 30; i++) loop_turn(w->loop, 20);
	assert_int_equal(lag_of(&again), 0); /* where it goes on is known before anything has been read */
	close_reader(&again);
}

static void the_lag_grows_while_nothing_more_is_fetched(void **state)
{
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.stores = true, .ahead = 1};
	open_producer(w, &reports, w->brokers, 0);
	open_reader(&r, w, w->payment);
	turn_until(w, &r.assigned, PARTITIONS);
	r.deaf = true;
	publish(w, 0, 300);
	turn_until(w, &reports.good, 300);
	for (int i = 0; i < 50; i++) loop_turn(w->loop, 20); /* enough is waiting here */
	publish(w, 300, 600);
	for (int64_t end_ms = loop_now_us() / 1000 + PATIENCE_MS; lag_of(&r) != 600 && loop_now_us() / 1000 < end_ms;)
		loop_turn(w->loop, 20);
	assert_int_equal(lag_of(&r), 600);
	close_reader(&r);
}

static int unknown_lags(struct reader *r)
{
	struct kafka_lag lag[PARTITIONS];
	int unknown = 0;
	size_t n = kafka_consumer_lag(r->consumer, lag, PARTITIONS);
	for (size_t i = 0; i < n; i++) unknown += lag[i].lag < 0;
	return n == PARTITIONS ? unknown : PARTITIONS;
}

/* On librdkafka's own mock of a broker, which answers the first questions with an error. */
static void an_idle_partition_that_was_not_looked_up_in_time_gets_its_lag(void **state)
{
	enum { LIST_OFFSETS = 2, QUESTIONS = 14 };
	struct world *w = need_broker(state);
	struct world mocked = *w;
	struct reader r = {.stores = true};
	rd_kafka_resp_err_t errors[QUESTIONS];
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, why, sizeof why);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
	mocked.brokers = rd_kafka_mock_cluster_bootstraps(mock);
	assert_int_equal(rd_kafka_mock_topic_create(mock, w->payment, PARTITIONS, 1), 0);
	for (int i = 0; i < QUESTIONS; i++) errors[i] = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
	rd_kafka_mock_push_request_errors_array(mock, LIST_OFFSETS, QUESTIONS, errors);
	open_reader(&r, &mocked, w->payment);
	turn_until(w, &r.assigned, PARTITIONS);
	assert_true(unknown_lags(&r) > 0);
	for (int64_t end_ms = loop_now_us() / 1000 + 8000; unknown_lags(&r) && loop_now_us() / 1000 < end_ms;)
		loop_turn(w->loop, 20);
	assert_int_equal(unknown_lags(&r), 0);
	assert_int_equal(lag_of(&r), 0);
	close_reader(&r);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(rk);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void an_idle_system_is_quick(void **state)
{
	enum { ROUNDS = 50 };
	struct world *w = need_broker(state);
	struct reports reports = {0};
	struct reader r = {.stores = true};
	int64_t took_us[ROUNDS];
	open_producer(w, &reports, w->brokers, 0);
	open_reader(&r, w, w->payment);
	publish(w, 0, 20);
	turn_until(w, &r.count, 20);
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < 3; k++) loop_turn(w->loop, 10);
		int64_t began_us = loop_now_us();
		publish(w, 20 + i, 21 + i);
		turn_until(w, &r.count, 21 + i);
		took_us[i] = r.last_us - began_us;
	}
	qsort(took_us, ROUNDS, sizeof *took_us, by_value);
	print_message("publish to poll: median %lld us, highest %lld us\n", (long long)took_us[ROUNDS / 2],
		(long long)took_us[ROUNDS - 1]);
	assert_true(took_us[ROUNDS / 2] < 40000); /* 5 ms on a machine with nothing else to do */
	close_reader(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, discard)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_payment_arrives_as_the_contract_says),
		TEST(a_decision_has_its_own_topic),
		TEST(a_dead_letter_keeps_what_came),
		TEST(a_letter_may_be_larger_than_any_payment),
		TEST(a_letter_too_large_for_its_topic_is_refused_and_goes_cut),
		TEST(null_and_empty_stay_apart),
		TEST(each_loop_gets_its_own_reports),
		TEST(a_stop_flushes_and_takes_nothing_more),
		TEST(a_fatal_error_makes_a_new_handle),
		TEST(brokers_away_fail_the_reports_in_time),
		TEST(a_stop_without_brokers_is_bounded),
		TEST(a_missing_topic_is_named_and_not_made),
		TEST(topics_are_unknown_while_brokers_are_away),
		TEST(what_is_not_stored_comes_again),
		TEST(offsets_are_committed_while_running),
		TEST(a_busy_owner_ends_its_batch_before_a_rebalance),
		TEST(the_lag_is_what_is_not_done_with),
		TEST(the_lag_grows_while_nothing_more_is_fetched),
		TEST(an_idle_partition_that_was_not_looked_up_in_time_gets_its_lag),
		TEST(an_idle_system_is_quick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
