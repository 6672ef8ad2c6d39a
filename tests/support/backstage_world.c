#include "support/backstage_world.h"

#include <semaphore.h>
#include <string.h>

#include "runtime/mem.h"

/* The broker */

static struct tk_err publish(struct event_out *e, const struct payment_completed *p, uint64_t tag)
{
	struct broker *b = container_of(e, struct broker, port);

	if (b->queue_max && b->count >= b->queue_max) return TK_ERR(TK_UNAVAILABLE, "full");
	if (b->count == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->reports = mem_must(realloc(b->reports, b->cap * sizeof *b->reports));
	}
	b->reports[b->count++] = (struct broker_report){p->event_id, tag};
	b->published++;
	return TK_NONE;
}

static bool reachable(struct event_out *e)
{
	return !container_of(e, struct broker, port)->away;
}

static void report(struct broker *b, const struct broker_report *r)
{
	if (b->loses) {
		b->loses--;
		return;
	}
	b->port.delivered(b->port.ctx, &r->id, r->tag, b->refuses ? DELIVERY_FAILED : DELIVERY_DONE);
	if (b->twice) b->port.delivered(b->port.ctx, &r->id, r->tag, b->refuses ? DELIVERY_FAILED : DELIVERY_DONE);
}

static bool report_all(struct hook *h)
{
	struct broker *b = container_of(h, struct broker, hook);
	struct broker_report *all = b->reports;
	unsigned n = b->count;

	if (b->holds || n == 0) return false;
	b->reports = NULL;
	b->count = b->cap = 0;
	for (unsigned i = 0; i < n; i++) report(b, &all[i]);
	free(all);
	return true;
}

/* The world */

void world_init(struct backstage_world *w)
{
	world_init_with(w, &(struct config){0});
}

void world_init_with(struct backstage_world *w, const struct config *c)
{
	*w = (struct backstage_world){.loop = mem_must(loop_create()), .metrics = metrics_sheet_create(), .config = *c};
	w->broker.port = (struct event_out){.publish_payment = publish, .reachable = reachable};
	w->broker.hook.before_sleep = report_all;
	hook_add(w->loop, &w->broker.hook);
	fake_catalogue_init(&w->catalogue, w->loop);
	fake_seat_lock_init(&w->seats, w->loop);
	fake_outbox_init(&w->outbox, w->loop);
	fake_queue_store_init(&w->queue, w->loop);
	fake_queue_books_init(&w->books, w->loop);
	if (mailbox_init(&w->errands, w->loop, w) < 0) abort();
	w->backstage = mem_must(backstage_create(&(struct backstage_ports){
		.loop = w->loop,
		.catalogue = &w->catalogue.port,
		.seats = &w->seats.port,
		.outbox = &w->outbox.port,
		.events = &w->broker.port,
		.queue = &w->queue.port,
		.books = &w->books.port,
		.metrics = w->metrics,
		.config = &w->config,
	}));
}

void world_finish(struct backstage_world *w)
{
	backstage_stop(w->backstage);
	fake_catalogue_finish(&w->catalogue);
	fake_outbox_finish(&w->outbox);
	fake_queue_store_finish(&w->queue);
	fake_queue_books_finish(&w->books);
	fake_seat_lock_finish(&w->seats);
	backstage_destroy(w->backstage);
	mailbox_finish(&w->errands);
	hook_remove(w->loop, &w->broker.hook);
	free(w->broker.reports);
	loop_destroy(w->loop);
	metrics_finish();
}

bool world_turn_until(struct backstage_world *w, bool (*done)(struct backstage_world *w), int max_ms)
{
	int64_t end = loop_now_us() / 1000 + max_ms;

	while (!done(w)) {
		if (loop_now_us() / 1000 > end) return false;
		loop_turn(w->loop, 10);
	}
	return true;
}

void world_turn_for(struct backstage_world *w, int ms)
{
	int64_t end = loop_now_us() / 1000 + ms;

	while (loop_now_us() / 1000 < end) loop_turn(w->loop, 10);
}

struct errand {
	struct mail mail;
	void (*fn)(struct backstage_world *w, void *arg);
	void *arg;
	sem_t done;
};

static void run_errand(struct mail *m, void *world)
{
	struct errand *e = container_of(m, struct errand, mail);

	e->fn(world, e->arg);
	sem_post(&e->done);
}

void world_on_thread(struct backstage_world *w, void (*fn)(struct backstage_world *w, void *arg), void *arg)
{
	struct errand e = {.mail.deliver = run_errand, .fn = fn, .arg = arg};

	sem_init(&e.done, 0, 0);
	mailbox_post(&w->errands, &e.mail);
	while (sem_wait(&e.done) < 0) continue;
	sem_destroy(&e.done);
}
