/* Counts what the database knows: the outbox, refunds, double sales. Each second, for the cap on the outbox, and
 * whenever a scrape asks: then by a count that began after the question. */
#include "api/jobs/inside.h"
#include "port/outbox.h"
#include "runtime/log.h"

/* A count may be expensive: it takes at most a twentieth of the time. */
enum { PERIOD_MS = 1000, REST = 20 };

struct waiters { /* in the order they came, which is that of their due_ms */
	struct seating_wait *head, **tail;
};

struct count {
	struct job job;
	struct outbox_stats call;
	int64_t began_us;
	struct waiters waiting; /* for the count under way, or the next one when none is */
	struct waiters late;	/* came while one was under way */
	struct timer due;
};

static struct count *self(struct flow *f)
{
	return container_of(job_of(f), struct count, job);
}

static struct seating_request *request_of(struct seating_wait *w)
{
	return container_of(w, struct seating_request, wait);
}

static struct seating_wait *take_all(struct waiters *w)
{
	struct seating_wait *all = w->head;

	*w = (struct waiters){NULL, &w->head};
	return all;
}

static void put(struct waiters *to, struct seating_wait *w)
{
	w->next = NULL;
	*to->tail = w;
	to->tail = &w->next;
}

static void put_all(struct waiters *to, struct seating_wait *all)
{
	for (struct seating_wait *next; all; all = next) {
		next = all->next;
		put(to, all);
	}
}

static void answer_all(struct seating_wait *all, struct tk_err err)
{
	for (struct seating_wait *next; all; all = next) {
		next = all->next;
		all->answer(all, err, !tk_failed(err));
	}
}

/* Those whose time has come are answered with what is known, which is old; the others wait on. */
static void answer_due(struct count *c, struct waiters *w, int64_t now_ms)
{
	for (struct seating_wait *all = take_all(w), *next; all; all = next) {
		next = all->next;
		if (request_of(all)->due_ms > now_ms) put(w, all);
		else all->answer(all, TK_ERR(TK_UNAVAILABLE, "the count takes too long"), false);
	}
	if (w->head) timer_arm(c->job.b->ports.loop, &c->due, request_of(w->head)->due_ms);
}

static void time_is_up(struct timer *t)
{
	struct count *c = container_of(t, struct count, due);
	int64_t now = loop_now_ms(c->job.b->ports.loop);

	answer_due(c, &c->late, now);
	answer_due(c, &c->waiting, now); /* the older ones last: the timer is theirs */
}

void gauges_ask(struct job *job, struct seating_request *r)
{
	struct count *c = container_of(job, struct count, job);

	if (!c->waiting.head && !c->late.head) timer_arm(job->b->ports.loop, &c->due, r->due_ms);
	put(job->running ? &c->late : &c->waiting, &r->wait);
	job_kick(job);
}

static void count_rows(struct flow *f)
{
	struct count *c = self(f);

	c->began_us = loop_now_us();
	c->call = (struct outbox_stats){.call.flow = f};
	c->job.b->ports.outbox->stats(c->job.b->ports.outbox, &c->call);
}

static int rows_counted(struct flow *f)
{
	struct count *c = self(f);
	struct backstage *b = c->job.b;
	int64_t rest_ms = (loop_now_us() - c->began_us) / 1000 * REST;

	if (rest_ms > PERIOD_MS) c->job.next_in_ms = rest_ms;
	if (tk_failed(f->err)) return FLOW_END;
	atomic_store(&b->pending, c->call.pending);
	atomic_store(&b->backlog.rows, c->call.pending);
	atomic_store(&b->oldest_age_ms, c->call.oldest_age_ms);
	atomic_store(&b->refunds_pending, c->call.refunds_pending);
	atomic_store(&b->oversold, c->call.oversold);
	if (c->call.oversold > 0) LOG_LIMITED(oversold, LF_I("seats", c->call.oversold));
	return FLOW_END;
}

static void round_ended(struct job *j)
{
	struct count *c = container_of(j, struct count, job);

	answer_all(take_all(&c->waiting), j->flow.err);
	put_all(&c->waiting, take_all(&c->late));
	if (!j->stopped) return;
	answer_all(take_all(&c->waiting), TK_ERR(TK_UNAVAILABLE, "stopping"));
}

static void init(struct job *j)
{
	struct count *c = container_of(j, struct count, job);

	c->waiting.tail = &c->waiting.head;
	c->late.tail = &c->late.head;
	c->due.fired = time_is_up;
}

static void finish(struct job *j)
{
	struct count *c = container_of(j, struct count, job);

	timer_stop(j->b->ports.loop, &c->due);
	answer_all(take_all(&c->waiting), TK_ERR(TK_UNAVAILABLE, "stopping"));
	answer_all(take_all(&c->late), TK_ERR(TK_UNAVAILABLE, "stopping"));
}

static const struct flow_step STEPS[] = {{"count_rows", count_rows, rows_counted}};
const struct job_kind COUNT_KIND = {"count", PERIOD_MS, sizeof(struct count), STEPS, init, round_ended, finish};

static void write_gauge(struct metrics_out *out, const char *name, double v, const char *doc)
{
	metrics_write_family(out, name, METRIC_GAUGE, doc);
	metrics_write_sample(out, name, NULL, v);
}

void gauges_collect(void *ctx, struct metrics_out *out)
{
	struct backstage *b = ctx;

	write_gauge(out, "ticket_outbox_pending", (double)atomic_load(&b->pending), "Events that Kafka has not confirmed");
	write_gauge(out, "ticket_outbox_oldest_age_seconds", (double)atomic_load(&b->oldest_age_ms) / 1000,
		"Age of the oldest of them");
	write_gauge(out, "ticket_refunds_pending", (double)atomic_load(&b->refunds_pending), "Refunds not yet given");
	write_gauge(out, "ticket_oversold_seats", (double)atomic_load(&b->oversold),
		"Seats with two live reservations: never anything but 0");
}
