#include "poll_loop.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/json/json_codec.h"
#include "adapter/json/payment_completed_codec.h"
#include "runtime/log.h"
#include "runtime/pace.h"
#include "runtime/when.h"

/* BATCHES hold about 2 MB each when they are full. DECIDING: one would leave the database idle between two statements.
 * SPARE: a member must poll now and then even while there is no room, or the group puts it out. */
enum { BATCHES = 8, DECIDING = 2, SPARE = 1024, SPARE_EVERY_MS = 1000, PARTITIONS_LOGGED = 64 };
/* Each batch costs a commit, a script and a request for each partition, however small it is. */
enum { CALM_MS = 5, BUSY_MS = 60, CROWD = 32 };

enum work_state { WORK_IDLE, WORK_RUNNING, WORK_FINISHED };

struct work {
	struct event_batch batch;
	struct kafka_message *messages;
	enum work_state state;
	bool deciding;
	bool dropped; /* its partitions are gone: no offsets */
};

struct poll_loop {
	struct kafka_consumer *kafka;
	struct event_ports ports;
	struct json_decoder *json;
	struct mend_copies mend;
	unsigned batch_max;
	struct work work[BATCHES];
	unsigned oldest, running; /* work[oldest], then round and round; the one after them is being filled */
	unsigned filled;		  /* messages in it, decoded */
	unsigned deciding;		  /* of the running ones */
	bool tied;				  /* the one that is filled waits for a seat of theirs */
	struct pace pace;
	struct kafka_message *spare;
	unsigned spares;
	int64_t spare_ms; /* when one was last read */
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

static void free_messages(struct kafka_message *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) kafka_message_free(&m[i]);
}

static void work_free(struct work *w)
{
	free_messages(w->messages, w->batch.count);
	w->batch.count = 0;
	w->state = WORK_IDLE;
	w->dropped = false;
}

/* NULL: all are running. */
static struct work *filling(struct poll_loop *p)
{
	return p->running < BATCHES ? &p->work[(p->oldest + p->running) % BATCHES] : NULL;
}

static void forget_waiting(struct poll_loop *p)
{
	struct work *w = filling(p);
	if (w) free_messages(w->messages, p->filled);
	free_messages(p->spare, p->spares);
	p->filled = p->spares = 0;
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
	pump(p);
}

/* --- from message to batch --- */

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

/* `n` more have been put behind those that are there. */
static void take(struct poll_loop *p, struct work *w, unsigned n)
{
	for (unsigned i = p->filled; i < p->filled + n; i++) slot_fill(p, &w->batch.slots[i], &w->messages[i]);
	p->filled += n;
}

static void take_spares(struct poll_loop *p, struct work *w)
{
	unsigned room = p->batch_max - p->filled, n = p->spares < room ? p->spares : room;
	memcpy(w->messages + p->filled, p->spare, n * sizeof *w->messages);
	memmove(p->spare, p->spare + n, (p->spares - n) * sizeof *p->spare);
	p->spares -= n;
	take(p, w, n);
}

/* What came first for a seat is decided first. */
static bool is_apart(const struct poll_loop *p, const struct work *w)
{
	for (unsigned i = 0; i < p->running; i++) {
		const struct work *other = &p->work[(p->oldest + i) % BATCHES];
		if (other->deciding && !event_batch_is_apart(&other->batch, w->batch.slots, p->filled)) return false;
	}
	return true;
}

/* Beside others only a full one, which changes no more. */
static bool may_join(struct poll_loop *p, const struct work *w)
{
	if (p->deciding == DECIDING || p->filled < p->batch_max || p->tied) return false;
	p->tied = !is_apart(p, w);
	return !p->tied;
}

static void begin(struct poll_loop *p)
{
	struct work *w = filling(p);
	unsigned n = p->filled;
	if (n == 0 || p->revoking || p->stopping) return;
	if (p->deciding ? !may_join(p, w) : !pace_is_time(&p->pace, n)) return;
	p->filled = 0;
	p->running++;
	p->deciding++;
	pace_went(&p->pace, n);
	w->deciding = true;
	w->state = WORK_RUNNING;
	event_batch_start(&w->batch, n);
}

static void it_is_time(struct timer *t)
{
	begin(container_of(t, struct poll_loop, pace.timer));
}

static void batch_decided(void *ctx, struct event_batch *b)
{
	struct poll_loop *p = ctx;
	container_of(b, struct work, batch)->deciding = false;
	p->deciding--;
	p->tied = false;
	begin(p);
}

/* --- reading --- */

static void read_spare(struct poll_loop *p)
{
	int64_t now = loop_now_ms(p->ports.loop);
	if (p->spares == SPARE || now - p->spare_ms < SPARE_EVERY_MS) return;
	p->spare_ms = now;
	p->spares += (unsigned)kafka_consumer_poll(p->kafka, p->spare + p->spares, 1);
}

/* True: there may be more. */
static bool read_some(struct poll_loop *p)
{
	struct work *w = filling(p);
	if (!w || p->filled == p->batch_max) {
		read_spare(p);
		return false;
	}
	take_spares(p, w);
	unsigned room = p->batch_max - p->filled;
	unsigned n = (unsigned)kafka_consumer_poll(p->kafka, w->messages + p->filled, room);
	take(p, w, n);
	return n == room && room > 0;
}

static void pump(struct poll_loop *p)
{
	if (p->stopping || p->reading || !p->kafka) return;
	p->reading = true; /* callbacks of a poll come back here */
	bool more;
	do {
		more = read_some(p);
		begin(p);
	} while (more && !p->revoking);
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
	else LOG(letter_truncated, LF_I("partition", l->partition), LF_I("offset", l->offset), LF_I("bytes", l->value_len));
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
	const struct event_batch_owner owner = {batch_decided, batch_finished, copy_lost, parked, letter_cut, retried, p};
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
	p->spare = must(calloc(SPARE, sizeof *p->spare));
	p->revoke_wait.fired = revoke_waited;
	const struct pace_terms terms = {.calm_ms = CALM_MS, .busy_ms = BUSY_MS, .crowd = CROWD, .enough = p->batch_max};
	pace_init(&p->pace, p->ports.loop, terms, it_is_time);
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
	pace_stop(&p->pace);
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
	free(p->spare);
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
