#include "poll_loop.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/json/json_codec.h"
#include "adapter/json/payment_completed_codec.h"
#include "runtime/log.h"
#include "runtime/when.h"

/* BATCHES hold about 2 MB each. SPARE: a member must poll now and then even while nothing can be begun, or the group puts it out. */
enum { BATCHES = 4, SPARE = 1024, SPARE_EVERY_MS = 1000, PARTITIONS_LOGGED = 64 };

enum work_state { WORK_IDLE, WORK_RUNNING, WORK_FINISHED };

struct work {
	struct event_batch batch;
	struct kafka_message *messages;
	enum work_state state;
	bool dropped; /* its partitions are gone: no offsets */
};

struct poll_loop {
	struct kafka_consumer *kafka;
	struct event_ports ports;
	struct json_decoder *json;
	struct mend_copies mend;
	unsigned batch_max;
	struct work work[BATCHES];
	unsigned oldest, running;	 /* work[oldest], then round and round */
	struct kafka_message *inbox; /* read, not begun: batch_max + SPARE */
	size_t waiting;
	int64_t spare_ms; /* when one was last read although there was no room */
	struct timer revoke_wait;
	bool revoking, stopping, reading;
	char broken[200];
};

static void pump(struct poll_loop *p);

/* --- offsets --- */

static void store_offsets(struct poll_loop *p, struct work *w)
{
	/* One store a partition: the last of each run is enough, and a batch has few runs. */
	for (unsigned i = 0; i < w->batch.count; i++) {
		const struct kafka_message *m = &w->messages[i];
		bool last = i + 1 == w->batch.count || w->messages[i + 1].partition != m->partition;
		if (last && !w->dropped && p->kafka) kafka_consumer_store(p->kafka, m->partition, m->offset + 1);
	}
}

static void work_free(struct work *w)
{
	for (unsigned i = 0; i < w->batch.count; i++) kafka_message_free(&w->messages[i]);
	w->batch.count = 0;
	w->state = WORK_IDLE;
	w->dropped = false;
}

static void forget_waiting(struct poll_loop *p)
{
	for (size_t i = 0; i < p->waiting; i++) kafka_message_free(&p->inbox[i]);
	p->waiting = 0;
}

/* What waits is of the partitions that go: it is nobody's loss, its offsets were not stored. */
static void release(struct poll_loop *p)
{
	p->revoking = false;
	forget_waiting(p);
	if (p->kafka) kafka_consumer_release(p->kafka);
}

static void release_if_idle(struct poll_loop *p)
{
	if (!p->revoking || p->running) return;
	timer_stop(p->ports.loop, &p->revoke_wait);
	release(p);
}

static void batch_finished(void *ctx, struct event_batch *b)
{
	struct poll_loop *p = ctx;
	container_of(b, struct work, batch)->state = WORK_FINISHED;
	while (p->running && p->work[p->oldest].state == WORK_FINISHED) {
		store_offsets(p, &p->work[p->oldest]);
		work_free(&p->work[p->oldest]);
		p->oldest = (p->oldest + 1) % BATCHES;
		p->running--;
	}
	release_if_idle(p);
	if (!p->reading) pump(p);
}

/* --- decoding --- */

static void slot_fill(struct poll_loop *p, struct event_slot *s, const struct kafka_message *m)
{
	enum event_fault fault = payment_completed_decode(p->json, m->value, m->value_len, &s->confirm.event);
	s->fault = fault == EVENT_FINE ? NULL : EVENT_FAULT_NAME[fault];
	memcpy(s->confirm.event.traceparent, m->traceparent, sizeof s->confirm.event.traceparent);
	s->letter = (struct dead_letter){
		.key = m->key,
		.key_len = m->key_len,
		.value = m->value,
		.value_len = m->value_len,
		.topic = m->topic,
		.partition = m->partition,
		.offset = m->offset,
		.headers = m->headers,
	};
}

static void begin(struct poll_loop *p)
{
	struct work *w = &p->work[(p->oldest + p->running) % BATCHES];
	unsigned n = p->waiting < p->batch_max ? (unsigned)p->waiting : p->batch_max;
	memcpy(w->messages, p->inbox, n * sizeof *w->messages);
	memmove(p->inbox, p->inbox + n, (p->waiting - n) * sizeof *p->inbox);
	p->waiting -= n;
	for (unsigned i = 0; i < n; i++) slot_fill(p, &w->batch.slots[i], &w->messages[i]);
	w->state = WORK_RUNNING;
	p->running++;
	event_batch_start(&w->batch, n);
}

/* --- reading --- */

static size_t room(struct poll_loop *p)
{
	int64_t now = loop_now_ms(p->ports.loop);
	if (p->waiting < p->batch_max) return p->batch_max - p->waiting;
	if (p->waiting == p->batch_max + SPARE || now - p->spare_ms < SPARE_EVERY_MS) return 0;
	p->spare_ms = now;
	return 1;
}

static void pump(struct poll_loop *p)
{
	size_t n, got;
	if (p->stopping || !p->kafka) return;
	p->reading = true; /* callbacks of a poll, and batches that end at once, come back here */
	do {
		n = room(p);
		got = n ? kafka_consumer_poll(p->kafka, p->inbox + p->waiting, n) : 0;
		p->waiting += got;
		if (p->revoking) break;
		while (p->waiting && p->running < BATCHES && !p->stopping) begin(p);
	} while (got && got == n && p->waiting < p->batch_max);
	p->reading = false;
}

static void readable(void *ctx)
{
	pump(ctx);
}

/* --- the group --- */

static void drop_running(struct poll_loop *p)
{
	for (unsigned i = 0; i < p->running; i++) p->work[(p->oldest + i) % BATCHES].dropped = true;
}

static void log_partitions(bool assigned, const int32_t *partitions, size_t n)
{
	char list[PARTITIONS_LOGGED * 4 + 1] = "";
	size_t len = 0;
	for (size_t i = 0; i < n && len + 12 < sizeof list; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, i ? ",%d" : "%d", partitions[i]);
	if (assigned) LOG(partitions_assigned, LF_I("count", n), LF_S("partitions", list));
	else LOG(partitions_revoked, LF_I("count", n), LF_S("partitions", list));
}

static void assigned(void *ctx, const int32_t *partitions, size_t n)
{
	(void)ctx;
	log_partitions(true, partitions, n);
}

static void revoked(void *ctx, const int32_t *partitions, size_t n, bool lost)
{
	struct poll_loop *p = ctx;
	log_partitions(false, partitions, n);
	p->revoking = true;
	if (lost) drop_running(p);
	if (p->running && !lost) {
		timer_arm(p->ports.loop, &p->revoke_wait, loop_now_ms(p->ports.loop) + REVOKE_WAIT_MS);
		return;
	}
	/* Inside a poll, whose messages are being written: what waits is decided and its offsets ignored. */
	p->revoking = false;
	kafka_consumer_release(p->kafka);
}

static void revoke_waited(struct timer *t)
{
	struct poll_loop *p = container_of(t, struct poll_loop, revoke_wait);
	if (!p->revoking) return;
	drop_running(p);
	release(p);
}

static void failed(void *ctx, const char *why, bool fatal)
{
	struct poll_loop *p = ctx;
	LOG_LIMITED(server_away, LF_S("server", "kafka"), LF_S("why", why));
	if (fatal) snprintf(p->broken, sizeof p->broken, "the Kafka consumer failed for good: %s", why);
}

/* --- what the batches tell --- */

static void copy_lost(void *ctx, int64_t schedule)
{
	mend_copies_mark(&((struct poll_loop *)ctx)->mend, schedule);
}

static void parked(void *ctx, const struct event_slot *s)
{
	(void)ctx;
	LOG(event_parked, LF_S("reason", s->letter.reason), LF_I("partition", s->letter.partition),
		LF_I("offset", s->letter.offset));
}

static void letter_cut(void *ctx, const struct event_slot *s)
{
	const struct dead_letter *l = &s->letter;
	(void)ctx;
	if (l->cut == LETTER_CUTS)
		LOG(letter_lost, LF_S("reason", l->reason), LF_I("partition", l->partition), LF_I("offset", l->offset));
	else
		LOG(letter_truncated, LF_I("partition", l->partition), LF_I("offset", l->offset), LF_I("bytes", l->value_len));
}

static void retried(void *ctx, struct tk_err err, unsigned events)
{
	(void)ctx;
	LOG_LIMITED(batch_retried, LF_I("events", events), LF_ERR(err));
}

static void mended(void *ctx, int64_t schedule)
{
	(void)ctx;
	LOG(copy_repaired, LF_I("schedule", schedule));
}

static void delivered(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct poll_loop *p = ctx;
	(void)event_id;
	event_batch_delivered(&p->work[tag >> 32].batch, tag, d);
}

/* --- the whole --- */

static void *must(void *p)
{
	if (!p) abort();
	return p;
}

static void init_work(struct poll_loop *p)
{
	const struct event_batch_owner owner = {batch_finished, copy_lost, parked, letter_cut, retried, p};
	for (unsigned i = 0; i < BATCHES; i++) {
		event_batch_init(&p->work[i].batch, i, p->batch_max, &p->ports, &owner);
		p->work[i].messages = must(calloc(p->batch_max, sizeof(struct kafka_message)));
	}
}

struct poll_loop *poll_loop_create(const struct poll_settings *s, char *why, size_t why_len)
{
	struct poll_loop *p = must(calloc(1, sizeof *p));
	const struct kafka_consumer_owner owner = {readable, assigned, revoked, failed, p};
	p->ports = s->ports;
	p->batch_max = s->batch_max ? s->batch_max : POLL_BATCH_MAX;
	p->json = must(json_decoder_create());
	p->inbox = must(calloc(p->batch_max + SPARE, sizeof *p->inbox));
	p->revoke_wait.fired = revoke_waited;
	p->mend = (struct mend_copies){
		.catalogue = s->catalogue, .seat_lock = s->ports.seat_lock, .loop = s->ports.loop, .mended = mended, .ctx = p};
	init_work(p);
	p->ports.event_out->delivered = delivered;
	p->ports.event_out->ctx = p;
	p->kafka = kafka_consumer_create(&s->kafka, p->ports.loop, &owner, why, why_len);
	if (p->kafka) return p;
	poll_loop_destroy(p);
	return NULL;
}

bool poll_loop_drain(struct poll_loop *p)
{
	p->stopping = true;
	return p->running == 0;
}

void poll_loop_give_up(struct poll_loop *p)
{
	p->stopping = true;
	drop_running(p);
	for (unsigned i = 0; i < BATCHES; i++) event_batch_give_up(&p->work[i].batch);
}

void poll_loop_leave(struct poll_loop *p)
{
	p->stopping = true;
	mend_copies_stop(&p->mend);
	timer_stop(p->ports.loop, &p->revoke_wait);
	forget_waiting(p);
	for (unsigned i = 0; i < BATCHES; i++) {
		/* Given up: its bytes are needed no more, what it has published was copied. */
		for (unsigned k = 0; k < p->work[i].batch.count; k++) kafka_message_free(&p->work[i].messages[k]);
	}
	kafka_consumer_destroy(p->kafka);
	p->kafka = NULL;
}

void poll_loop_destroy(struct poll_loop *p)
{
	if (!p) return;
	for (unsigned i = 0; i < BATCHES; i++) {
		event_batch_finish(&p->work[i].batch);
		free(p->work[i].messages);
	}
	mend_copies_finish(&p->mend);
	json_decoder_destroy(p->json);
	free(p->inbox);
	free(p);
}

size_t poll_loop_lag(struct poll_loop *p, struct kafka_lag *ret, size_t max)
{
	return p->kafka ? kafka_consumer_lag(p->kafka, ret, max) : 0;
}

bool poll_loop_reachable(const struct poll_loop *p)
{
	return p->kafka && kafka_consumer_reachable(p->kafka);
}

const char *poll_loop_broken(const struct poll_loop *p)
{
	return *p->broken ? p->broken : NULL;
}
