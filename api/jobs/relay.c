/* The relay: publishes outbox rows whose time has come, and clears them when Kafka has them.
 *
 *            lease `window` rows ──▶ publish ──▶ reports ──▶ clear
 *   window 100, 1 under way   ──all ok──▶ 200 … 1000, then up to 4 under way   ──any failure──▶ 100, 1 under way
 *
 * While Kafka is away no more than a window of rows is leased, so that the others are there the moment it is back; then
 * windows follow each other as fast as reports come. A row that was leased and never confirmed comes due again
 * by itself, with the same eventId: duplicates are normal, losses impossible. */
#include "api/jobs/hub.h"
#include "port/outbox.h"
#include "runtime/mem.h"

enum { WINDOW_MIN = 100, WINDOWS = 4 };
enum { IDLE_MS = 200, FULL_MS = 50, CLEAR_AGAIN_MS = 500, REST_MS = 1000 };
/* A report that has not come when the lease ends counts as a failure. What the producer did not take is offered again
 * for a part of the lease, so that it does not end before the delivery does. */
enum { OFFER_PART = 5 };
enum { CLEARING_MAX = WINDOWS * OUTBOX_LEASE_MAX };
enum { BY_RELAY = 1 }; /* METRIC_PAYMENT_EVENTS: direct|relay */

/* Rows that were leased together; its place and number are the tag of its events. */
struct window {
	bool used, failed;
	unsigned left; /* reports to come, and events not yet published */
	uint32_t number;
	int64_t leased_ms;
};

struct clearing {
	struct flow flow;
	struct outbox_clear call;
	struct relay *relay;
	int64_t until_ms;
	struct clearing *next; /* of those to be tried again */
};

struct relay {
	struct job job;
	struct outbox_lease lease;
	unsigned published;		/* of lease.events */
	struct window *filling; /* whose events are in `lease`; NULL: all are published or given up */
	struct window windows[WINDOWS];
	uint32_t numbers;
	unsigned size, allowed; /* of the next window; windows under way */
	int64_t rest_until_ms;	/* after a failure: a broker that refuses at once must not have all rows leased */
	bool hungry;			/* the last lease was full: there is more */
	unsigned clearing;
	struct clearing *again;
	struct timer clear_again;
	struct payment_completed events[OUTBOX_LEASE_MAX];
};

static struct relay *self(struct flow *f)
{
	return container_of(job_of(f), struct relay, job);
}

static int64_t now_of(const struct relay *r)
{
	return loop_now_ms(r->job.b->ports.loop);
}

/* Windows */

static unsigned under_way(const struct relay *r)
{
	unsigned n = 0;

	for (int i = 0; i < WINDOWS; i++) n += r->windows[i].used;
	return n;
}

static struct window *window_take(struct relay *r)
{
	struct window *w = r->windows;

	while (w->used) w++;
	*w = (struct window){.used = true, .number = ++r->numbers, .leased_ms = now_of(r)};
	return w;
}

static uint64_t tag_of(const struct relay *r, const struct window *w)
{
	return (uint64_t)w->number << 8 | (uint64_t)(w - r->windows);
}

/* NULL: given up before. */
static struct window *window_of(struct relay *r, uint64_t tag)
{
	struct window *w = (tag & 0xff) < WINDOWS ? &r->windows[tag & 0xff] : NULL;

	return w && w->used && w->number == tag >> 8 ? w : NULL;
}

static void shrink(struct relay *r)
{
	r->size = WINDOW_MIN;
	r->allowed = 1;
}

static void widen(struct relay *r)
{
	if (r->size >= OUTBOX_LEASE_MAX) r->allowed = r->allowed < WINDOWS ? r->allowed + 1 : WINDOWS;
	else r->size = 2 * r->size < OUTBOX_LEASE_MAX ? 2 * r->size : OUTBOX_LEASE_MAX;
}

static void window_end(struct relay *r, struct window *w)
{
	w->used = false;
	if (w->failed) {
		shrink(r);
		r->rest_until_ms = now_of(r) + REST_MS;
		return;
	}
	widen(r);
	if (r->hungry) job_kick(&r->job);
}

static void window_settle(struct relay *r, struct window *w, unsigned count)
{
	w->left -= count;
	if (w->left == 0) window_end(r, w);
}

static void give_up_late(struct relay *r)
{
	for (int i = 0; i < WINDOWS; i++) {
		struct window *w = &r->windows[i];

		if (!w->used || w == r->filling || now_of(r) - w->leased_ms < r->job.b->lease_ms) continue;
		w->failed = true;
		window_end(r, w);
	}
}

/* Clearing */

static void clear_row(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);
	struct outbox *o = c->relay->job.b->ports.outbox;

	c->call.call.flow = f;
	o->clear(o, &c->call);
}

static int row_cleared(struct flow *f)
{
	(void)f;
	return FLOW_END;
}

static const struct flow_step CLEAR_STEPS[] = {{"clear_row", clear_row, row_cleared}};

static void clearing_end(struct clearing *c)
{
	c->relay->clearing--;
	free(c);
}

static void clearing_done(struct flow *f)
{
	struct clearing *c = container_of(f, struct clearing, flow);
	struct relay *r = c->relay;

	if (!tk_failed(f->err)) backlog_moved(&r->job.b->backlog, -1);
	if (!tk_failed(f->err) || now_of(r) > c->until_ms || r->job.stopped) {
		clearing_end(c);
		return;
	}
	if (!r->again) timer_arm(r->job.b->ports.loop, &r->clear_again, now_of(r) + CLEAR_AGAIN_MS);
	c->next = r->again;
	r->again = c;
}

static void clear(struct relay *r, const struct uuid *event_id)
{
	struct clearing *c = mem_must(calloc(1, sizeof *c));

	c->relay = r;
	c->call.event_id = *event_id;
	c->until_ms = now_of(r) + r->job.b->lease_ms; /* afterwards the row is due again and published twice: harmless */
	r->clearing++;
	flow_start(&c->flow, CLEAR_STEPS, 0, clearing_done);
}

static void clear_again(struct timer *t)
{
	struct relay *r = container_of(t, struct relay, clear_again);
	struct clearing *c = r->again, *next;

	r->again = NULL;
	for (; c; c = next) {
		next = c->next;
		flow_start(&c->flow, CLEAR_STEPS, 0, clearing_done);
	}
}

/* A late report of success is as good as any: the broker has the event. */
static void delivered(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct relay *r = ctx;
	struct window *w = window_of(r, tag);

	if (r->job.b->hub->ended) return; /* the database may be closed already; the row comes due again */
	if (d == DELIVERY_DONE) {
		metrics_add(r->job.b->ports.metrics, METRIC_PAYMENT_EVENTS, BY_RELAY, 1);
		clear(r, event_id);
	}
	if (!w) return;
	w->failed |= d != DELIVERY_DONE;
	window_settle(r, w, 1);
}

/* The round */

static bool is_reachable(const struct relay *r)
{
	struct event_out *e = r->job.b->ports.events;

	return e->reachable(e);
}

static void publish_events(struct relay *r)
{
	struct event_out *out = r->job.b->ports.events;
	uint64_t tag = tag_of(r, r->filling);

	while (r->published < r->lease.count) {
		if (tk_failed(out->publish_payment(out, &r->events[r->published], tag))) return;
		r->published++;
	}
}

/* False: the producer is full, the rest is offered again soon. */
static bool offer(struct relay *r)
{
	struct window *w = r->filling;
	unsigned left;

	publish_events(r);
	left = r->lease.count - r->published;
	if (left && now_of(r) - w->leased_ms < r->job.b->lease_ms / OFFER_PART && !r->job.stopped) {
		r->job.next_in_ms = FULL_MS;
		return false;
	}
	r->filling = NULL;
	w->failed |= left > 0;
	window_settle(r, w, left + 1);
	return true;
}

enum { OFFER_REST, LEASE };

static bool may_lease(const struct relay *r)
{
	if (r->job.stopped || now_of(r) < r->rest_until_ms) return false;
	return under_way(r) < r->allowed && r->clearing < CLEARING_MAX && is_reachable(r);
}

static int rest_offered(struct flow *f)
{
	struct relay *r = self(f);

	give_up_late(r);
	if (r->filling && !offer(r)) return FLOW_END;
	return may_lease(r) ? LEASE : FLOW_END;
}

static void lease_rows(struct flow *f)
{
	struct relay *r = self(f);

	r->lease = (struct outbox_lease){
		.call.flow = f,
		.limit = r->size,
		.lease_ms = r->job.b->lease_ms,
		.events = r->events,
	};
	r->job.b->ports.outbox->lease(r->job.b->ports.outbox, &r->lease);
}

static int rows_leased(struct flow *f)
{
	struct relay *r = self(f);

	r->hungry = !tk_failed(f->err) && r->lease.count == r->lease.limit;
	if (tk_failed(f->err) || r->lease.count == 0) return FLOW_END;
	r->published = 0;
	r->filling = window_take(r);
	r->filling->left = r->lease.count + 1; /* its own: reports may come before all are published */
	if (!offer(r)) return FLOW_END;
	if (r->hungry && may_lease(r)) job_kick(&r->job);
	return FLOW_END;
}

static void init(struct job *j)
{
	struct relay *r = container_of(j, struct relay, job);

	shrink(r);
	r->clear_again.fired = clear_again;
	j->b->ports.events->delivered = delivered;
	j->b->ports.events->ctx = r;
}

static unsigned reports_awaited(const struct relay *r)
{
	unsigned n = 0;

	for (int i = 0; i < WINDOWS; i++) n += r->windows[i].used ? r->windows[i].left : 0;
	return r->filling ? n - 1 - (r->lease.count - r->published) : n; /* what was never published has none */
}

bool relay_is_idle(const struct job *job)
{
	const struct relay *r = container_of(job, const struct relay, job);

	return r->clearing == 0 && (reports_awaited(r) == 0 || !is_reachable(r));
}

static void finish(struct job *j)
{
	struct relay *r = container_of(j, struct relay, job);
	struct clearing *c, *next;

	timer_stop(j->b->ports.loop, &r->clear_again);
	for (c = r->again; c; c = next) {
		next = c->next;
		clearing_end(c);
	}
}

static const struct flow_step STEPS[] = {
	[OFFER_REST] = {"offer_rest", NULL, rest_offered},
	[LEASE] = {"lease_rows", lease_rows, rows_leased},
};
const struct job_kind RELAY_KIND = {"relay", IDLE_MS, sizeof(struct relay), STEPS, init, NULL, finish};
