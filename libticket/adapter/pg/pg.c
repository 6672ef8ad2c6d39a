#include "adapter/pg/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/pg/internal.h"
#include "runtime/mem.h"

static bool takes_work(const struct pg_conn *c)
{
	return c->stage == PG_UP && c->aloft_count == 0;
}

/* Each connection that was idle gets one flight after another until there are no more. */
static void share_out(struct pg *pg, enum pg_lane which, unsigned count)
{
	struct pg_conn **idle = pg->lane[which].idle;
	unsigned depth = which == PG_FAST ? PG_PIPELINE_MAX : 1;
	for (unsigned round = 0; round < depth; round++) {
		for (unsigned i = 0; i < count; i++) {
			struct pg_conn *c = idle[i];
			if (c->stage != PG_UP) continue;
			struct pg_flight *f = pg_next_flight(pg, which);
			if (!f) return;
			if (pg_flight_send(c, f)) continue;
			pg_put_back(pg, f, 0);
			pg_conn_lose(c);
		}
	}
}

static void dispatch(struct pg *pg, enum pg_lane which)
{
	struct pg_lane_state *lane = &pg->lane[which];
	if (TAILQ_EMPTY(&lane->kinds) && TAILQ_EMPTY(&lane->again)) return;
	unsigned count = 0;
	for (unsigned i = 0; i < lane->count; i++) {
		if (takes_work(&lane->conns[i])) lane->idle[count++] = &lane->conns[i];
	}
	share_out(pg, which, count);
	for (unsigned i = 0; i < count; i++) {
		struct pg_conn *c = lane->idle[i];
		pg_conn_gauge(c);
		if (c->stage == PG_UP && c->aloft_count && !pg_conn_flush(c)) pg_conn_lose(c);
	}
}

static bool under_way(const struct pg *pg)
{
	for (unsigned i = 0; i < PG_LANES; i++) {
		const struct pg_lane_state *lane = &pg->lane[i];
		if (!TAILQ_EMPTY(&lane->again)) return true;
		for (unsigned j = 0; j < lane->count; j++) {
			if (lane->conns[j].aloft_count) return true;
		}
	}
	return pg->queued > 0;
}

static void keep_ticking(struct pg *pg)
{
	if (!pg->tick.slot && under_way(pg)) timer_arm(pg->loop, &pg->tick, loop_now_ms(pg->loop) + PG_TICK_MS);
}

static bool before_sleep(struct hook *h)
{
	struct pg *pg = container_of(h, struct pg, hook);
	pg->answered = false;
	for (enum pg_lane i = 0; i < PG_LANES; i++) dispatch(pg, i);
	keep_ticking(pg);
	return pg->answered;
}

/* A reply that misses its deadline may still come and would be taken for the next one's: the connection goes. */
static void expire_aloft(struct pg *pg, struct pg_conn *c)
{
	struct pg_flight *f;
	TAILQ_FOREACH(f, &c->aloft, link)
	{
		if (f->deadline_ms > loop_now_ms(pg->loop)) continue;
		pg_conn_lose(c);
		return;
	}
}

static void ticked(struct timer *t)
{
	struct pg *pg = container_of(t, struct pg, tick);
	pg_expire_queued(pg);
	for (unsigned i = 0; i < PG_LANES; i++) {
		for (unsigned j = 0; j < pg->lane[i].count; j++) expire_aloft(pg, &pg->lane[i].conns[j]);
	}
	keep_ticking(pg);
}

static void lane_init(struct pg *pg, enum pg_lane which)
{
	struct pg_lane_state *lane = &pg->lane[which];
	TAILQ_INIT(&lane->kinds);
	TAILQ_INIT(&lane->again);
	lane->count = (unsigned)pg->set.connections[which];
	assert(lane->count >= 1);
	lane->conns = mem_must(calloc(lane->count, sizeof *lane->conns));
	lane->idle = mem_must(calloc(lane->count, sizeof(struct pg_conn *)));
	for (unsigned i = 0; i < lane->count; i++) pg_conn_init(&lane->conns[i], pg, which);
}

struct pg *pg_create(struct loop *l, const struct pg_settings *s, struct metrics_sheet *m)
{
	struct pg *pg = mem_must(calloc(1, sizeof *pg));
	pg->loop = l;
	pg->metrics = m;
	pg->set = *s;
	pg->set.url = pg->url = mem_must(strdup(s->url));
	pg->application_name = mem_must(strdup(s->application_name ? s->application_name : "ticket"));
	pg->set.application_name = pg->application_name;
	if (!pg->set.queue_max) pg->set.queue_max = PG_QUEUE_MAX;
	pg->seed = (unsigned)loop_now_us() | 1;
	pg->hook.before_sleep = before_sleep;
	pg->tick.fired = ticked;
	TAILQ_INIT(&pg->idle_flights);
	for (enum pg_lane i = 0; i < PG_LANES; i++) {
		lane_init(pg, i);
		for (unsigned j = 0; j < pg->lane[i].count; j++) pg_conn_start(&pg->lane[i].conns[j]);
	}
	hook_add(l, &pg->hook);
	return pg;
}

void pg_destroy(struct pg *pg)
{
	if (!pg) return;
	pg->closing = true;
	hook_remove(pg->loop, &pg->hook);
	timer_stop(pg->loop, &pg->tick);
	for (unsigned i = 0; i < PG_LANES; i++) {
		for (unsigned j = 0; j < pg->lane[i].count; j++) pg_conn_finish(&pg->lane[i].conns[j]);
	}
	pg_queues_finish(pg);
	for (unsigned i = 0; i < PG_LANES; i++) {
		free(pg->lane[i].conns);
		free(pg->lane[i].idle);
	}
	pg_args_finish(&pg->args);
	free(pg->url);
	free(pg->application_name);
	free(pg);
}

static bool lane_works(const struct pg_lane_state *lane)
{
	for (unsigned i = 0; i < lane->count; i++) {
		if (lane->conns[i].stage == PG_UP) return true;
	}
	return false;
}

bool pg_ready(const struct pg *pg)
{
	return lane_works(&pg->lane[PG_FAST]) && lane_works(&pg->lane[PG_SLOW]);
}

const char *pg_misfit(const struct pg *pg)
{
	return *pg->misfit ? pg->misfit : NULL;
}

const char *pg_complaint(const struct pg *pg)
{
	return pg->complaint;
}

static void call(struct pg *pg, struct pg_kind *k, struct port_call *c)
{
	c->deadline_ms = loop_now_ms(pg->loop) + pg->set.timeout_ms;
	if (pg->closing || pg->queued >= pg->set.queue_max)
		pg_answer(pg, c, TK_ERR(TK_UNAVAILABLE, "too much is waiting for the database"));
	else pg_enqueue(pg, k, c, false);
}

void pg_batch_call(struct pg *pg, const struct pg_batch *b, struct port_call *c)
{
	call(pg, pg_kind_of_batch(pg, b), c);
}

void pg_query_call(struct pg *pg, const struct pg_query *q, struct port_call *c)
{
	call(pg, pg_kind_of_query(pg, q), c);
}
