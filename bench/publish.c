/* publish: payment events into Kafka as fast as it takes them, just as the API would send them.
 *
 *     bench_publish BROKERS TOPIC < rows        a row: event_id order_no user schedule seat amount
 *
 * Prints one line of JSON when the broker has them all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/kafka/producer.h"
#include "runtime/loop.h"
#include "runtime/when.h"

enum { TURN_MS = 10, IDLE_MAX = 3000 }; /* so many turns without a report, and it gives up */

struct publish {
	struct kafka_producer *producer;
	struct event_out *out;
	struct loop *loop;
	uint64_t sent, delivered, failed;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_publish: %s\n", what);
	exit(2);
}

static void delivered(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct publish *p = ctx;

	(void)event_id, (void)tag;
	if (d == DELIVERY_DONE) p->delivered++;
	else p->failed++;
}

static bool parse(const char *line, struct payment_completed *ret)
{
	char event[40], order[40], seat[24];
	long long user, schedule, amount;

	if (sscanf(line, "%39s %39s %lld %lld %23s %lld", event, order, &user, &schedule, seat, &amount) != 6) return false;
	*ret = (struct payment_completed){.occurred_at_ms = when_now_ms(),
		.user = user,
		.schedule = schedule,
		.amount_krw = amount,
		.method = METHOD_CARD};
	return uuid_parse(event, strlen(event), &ret->event_id) && uuid_parse(order, strlen(order), &ret->order_no) &&
		seat_no_parse(seat, strlen(seat), &ret->seat);
}

static void publish(struct publish *p, const struct payment_completed *e)
{
	while (tk_failed(p->out->publish_payment(p->out, e, 0))) loop_turn(p->loop, TURN_MS); /* the queue is full */
	if (++p->sent % 1000 == 0) loop_turn(p->loop, 0);
}

static void drain(struct publish *p)
{
	for (int idle = 0; p->delivered + p->failed < p->sent && idle < IDLE_MAX; idle++) {
		uint64_t before = p->delivered;
		loop_turn(p->loop, TURN_MS);
		if (p->delivered > before) idle = 0;
	}
}

int main(int argc, char **argv)
{
	struct publish p = {NULL};
	struct payment_completed e;
	char why[256], line[256];

	if (argc != 3) die("usage: bench_publish BROKERS TOPIC < rows");
	struct kafka_producer_settings s = {.brokers = argv[1],
		.client_id = "bench",
		.topic_payment = argv[2],
		.topic_reservation = argv[2],
		.message_timeout_ms = 60000};
	p.loop = loop_create();
	if (!p.loop || !(p.producer = kafka_producer_create(&s, why, sizeof why))) die("no producer");
	if (!(p.out = kafka_event_out_create(p.producer, p.loop))) die("no producer");
	p.out->delivered = delivered;
	p.out->ctx = &p;
	int64_t start_us = loop_now_us();
	while (fgets(line, sizeof line, stdin)) {
		if (!parse(line, &e)) die(line);
		publish(&p, &e);
	}
	drain(&p);
	double seconds = (double)(loop_now_us() - start_us) / 1e6;
	printf("{\"published\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"per_s\":%.0f}\n", (unsigned long long)p.delivered,
		(unsigned long long)(p.sent - p.delivered), seconds, (double)p.delivered / seconds);
	kafka_producer_stop(p.producer, 1000);
	kafka_event_out_destroy(p.out);
	kafka_producer_destroy(p.producer);
	loop_destroy(p.loop);
	return p.delivered == p.sent ? 0 : 1;
}
