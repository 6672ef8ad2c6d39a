#include <stdlib.h>

#include "adapter/pg/internal.h"
#include "runtime/mem.h"

static struct pg_kind *kind_create(struct pg *pg, enum stmt stmt, enum pg_lane lane, bool write)
{
	struct pg_kind *k = mem_must(calloc(1, sizeof *k));
	k->stmt = stmt;
	k->lane = lane;
	k->write = write;
	k->tail = &k->head;
	k->next = pg->kinds[stmt];
	pg->kinds[stmt] = k;
	return k;
}

struct pg_kind *pg_kind_of_batch(struct pg *pg, const struct pg_batch *b)
{
	for (struct pg_kind *k = pg->kinds[b->stmt]; k; k = k->next) {
		if (k->batch == b) return k;
	}
	struct pg_kind *k = kind_create(pg, b->stmt, b->lane, b->write);
	k->batch = b;
	return k;
}

struct pg_kind *pg_kind_of_query(struct pg *pg, const struct pg_query *q)
{
	for (struct pg_kind *k = pg->kinds[q->stmt]; k; k = k->next) {
		if (k->query == q) return k;
	}
	struct pg_kind *k = kind_create(pg, q->stmt, q->lane, q->write);
	k->query = q;
	return k;
}

void pg_enqueue(struct pg *pg, struct pg_kind *k, struct port_call *c, bool first)
{
	if (!k->count++) k->since_ms = loop_now_ms(pg->loop);
	if (first) {
		c->next = k->head;
		k->head = c;
		if (!c->next) k->tail = &c->next;
	} else {
		c->next = NULL;
		*k->tail = c;
		k->tail = &c->next;
	}
	pg->queued++;
	if (k->listed) return;
	k->listed = true;
	TAILQ_INSERT_TAIL(&pg->lane[k->lane].kinds, k, link);
}

static struct port_call *dequeue(struct pg *pg, struct pg_kind *k)
{
	struct port_call *c = k->head;
	k->head = c->next;
	if (!k->head) k->tail = &k->head;
	k->count--;
	pg->queued--;
	return c;
}

void pg_answer(struct pg *pg, struct port_call *c, struct tk_err err)
{
	pg->answered = true;
	if (pg->metrics) {
		int64_t asked_ms = c->deadline_ms - pg->set.timeout_ms;
		metrics_observe(pg->metrics, METRIC_STATEMENT_SECONDS, 0, (loop_now_ms(pg->loop) - asked_ms) * 1000);
	}
	port_answer(c, err);
}

/* --- flights --- */

static struct pg_flight *flight_create(struct pg *pg, struct pg_kind *k)
{
	struct pg_flight *f = TAILQ_FIRST(&pg->idle_flights);
	if (f) {
		TAILQ_REMOVE(&pg->idle_flights, f, link);
	} else {
		f = mem_must(calloc(1, sizeof *f));
	}
	f->kind = k;
	f->count = 0;
	f->tries = 0;
	f->deadline_ms = INT64_MAX;
	f->due_ms = 0;
	f->result = NULL;
	f->fate = PG_FATE_OK;
	return f;
}

void pg_flight_free(struct pg *pg, struct pg_flight *f)
{
	PQclear(f->result);
	f->result = NULL;
	TAILQ_INSERT_HEAD(&pg->idle_flights, f, link);
}

static void flight_add(struct pg_flight *f, struct port_call *c)
{
	if (f->count == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->calls = mem_must(reallocarray(f->calls, f->cap, sizeof(struct port_call *)));
	}
	f->calls[f->count++] = c;
	if (c->deadline_ms < f->deadline_ms) f->deadline_ms = c->deadline_ms;
}

void pg_flight_answer(struct pg *pg, struct pg_flight *f, struct tk_err err)
{
	for (unsigned i = 0; i < f->count; i++) pg_answer(pg, f->calls[i], err);
	pg_flight_free(pg, f);
}

/* A call that has waited for most of its time is not sent: what is sent late would miss its deadline under way,
 * which costs the connection and leaves the outcome unknown. */
static bool too_late(const struct pg *pg, const struct port_call *c)
{
	return c->deadline_ms - pg->set.timeout_ms / 4 <= loop_now_ms(pg->loop);
}

static int by_order(const void *a, const void *b, void *kind)
{
	struct port_call *const *x = a, *const *y = b;
	return ((struct pg_kind *)kind)->batch->order(*x, *y);
}

static struct pg_flight *flight_of_kind(struct pg *pg, struct pg_kind *k)
{
	unsigned max = !k->batch ? 1 : k->batch->max ? k->batch->max : PG_BATCH_MAX;
	struct pg_flight *f = flight_create(pg, k);
	while (k->head && f->count < max) {
		struct port_call *c = dequeue(pg, k);
		if (too_late(pg, c)) pg_answer(pg, c, TK_ERR(TK_UNAVAILABLE, PG_STATEMENT[k->stmt].name));
		else flight_add(f, c);
	}
	if (f->count == 0) {
		pg_flight_free(pg, f);
		return NULL;
	}
	if (k->batch && k->batch->order && f->count > 1)
		qsort_r(f->calls, f->count, sizeof(struct port_call *), by_order, k);
	return f;
}

static bool lingers(const struct pg *pg, const struct pg_kind *k)
{
	const struct pg_batch *b = k->batch;
	return b && b->linger_ms && k->count < PG_LINGER_ENOUGH && loop_now_ms(pg->loop) - k->since_ms < b->linger_ms;
}

static struct pg_kind *next_kind(const struct pg *pg, struct pg_lane_state *lane)
{
	struct pg_kind *k;
	TAILQ_FOREACH(k, &lane->kinds, link)
	{
		if (!lingers(pg, k)) return k;
	}
	return NULL;
}

static struct pg_flight *next_new(struct pg *pg, struct pg_lane_state *lane)
{
	struct pg_kind *k;
	while ((k = next_kind(pg, lane))) {
		struct pg_flight *f = flight_of_kind(pg, k);
		TAILQ_REMOVE(&lane->kinds, k, link);
		k->listed = k->head != NULL;
		if (k->listed) TAILQ_INSERT_TAIL(&lane->kinds, k, link);
		if (f) return f;
	}
	return NULL;
}

static struct pg_flight *next_again(struct pg *pg, struct pg_lane_state *lane)
{
	int64_t now_ms = loop_now_ms(pg->loop);
	struct pg_flight *f;
	TAILQ_FOREACH(f, &lane->again, link)
	{
		if (f->due_ms > now_ms) continue;
		TAILQ_REMOVE(&lane->again, f, link);
		return f;
	}
	return NULL;
}

struct pg_flight *pg_next_flight(struct pg *pg, enum pg_lane which)
{
	struct pg_lane_state *lane = &pg->lane[which];
	lane->again_turn = !lane->again_turn;
	struct pg_flight *f = lane->again_turn ? next_again(pg, lane) : next_new(pg, lane);
	if (f) return f;
	return lane->again_turn ? next_new(pg, lane) : next_again(pg, lane);
}

void pg_put_back(struct pg *pg, struct pg_flight *f, int64_t due_ms)
{
	PQclear(f->result);
	f->result = NULL;
	f->fate = PG_FATE_OK;
	f->due_ms = due_ms;
	TAILQ_INSERT_TAIL(&pg->lane[f->kind->lane].again, f, link);
}

static void put_back_in_pieces(struct pg *pg, struct pg_flight *f, unsigned size)
{
	for (unsigned i = 0; i < f->count;) {
		struct pg_flight *piece = flight_create(pg, f->kind);
		piece->tries = f->tries;
		for (unsigned end = i + size; i < end && i < f->count; i++) flight_add(piece, f->calls[i]);
		pg_put_back(pg, piece, 0);
	}
	pg_flight_free(pg, f);
}

void pg_put_back_singly(struct pg *pg, struct pg_flight *f)
{
	put_back_in_pieces(pg, f, 1);
}

void pg_put_back_halved(struct pg *pg, struct pg_flight *f)
{
	put_back_in_pieces(pg, f, (f->count + 1) / 2);
}

/* --- deadlines of what waits --- */

static void expire_kind(struct pg *pg, struct pg_kind *k)
{
	while (k->head && too_late(pg, k->head))
		pg_answer(pg, dequeue(pg, k), TK_ERR(TK_UNAVAILABLE, PG_STATEMENT[k->stmt].name));
}

static void expire_again(struct pg *pg, struct pg_lane_state *lane)
{
	struct pg_flights late = TAILQ_HEAD_INITIALIZER(late);
	struct pg_flight *f, *next;
	for (f = TAILQ_FIRST(&lane->again); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->deadline_ms > loop_now_ms(pg->loop)) continue;
		TAILQ_REMOVE(&lane->again, f, link);
		TAILQ_INSERT_TAIL(&late, f, link);
	}
	while ((f = TAILQ_FIRST(&late))) {
		TAILQ_REMOVE(&late, f, link);
		pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, PG_STATEMENT[f->kind->stmt].name));
	}
}

void pg_expire_queued(struct pg *pg)
{
	for (unsigned i = 0; i < STMT_COUNT; i++) {
		for (struct pg_kind *k = pg->kinds[i]; k; k = k->next) expire_kind(pg, k);
	}
	for (unsigned i = 0; i < PG_LANES; i++) expire_again(pg, &pg->lane[i]);
}

/* --- the end --- */

static void kinds_finish(struct pg *pg, struct pg_kind *k)
{
	while (k) {
		struct pg_kind *next = k->next;
		while (k->head) pg_answer(pg, dequeue(pg, k), TK_ERR(TK_UNAVAILABLE, "closing"));
		free(k);
		k = next;
	}
}

void pg_queues_finish(struct pg *pg)
{
	struct pg_flight *f;
	for (unsigned i = 0; i < PG_LANES; i++) {
		while ((f = TAILQ_FIRST(&pg->lane[i].again))) {
			TAILQ_REMOVE(&pg->lane[i].again, f, link);
			pg_flight_answer(pg, f, TK_ERR(TK_UNAVAILABLE, "closing"));
		}
	}
	for (unsigned i = 0; i < STMT_COUNT; i++) kinds_finish(pg, pg->kinds[i]);
	while ((f = TAILQ_FIRST(&pg->idle_flights))) {
		TAILQ_REMOVE(&pg->idle_flights, f, link);
		free(f->calls);
		free(f);
	}
}
