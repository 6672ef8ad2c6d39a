/* backstage_world: the backstage thread's parts over fakes, turned by the test itself or on their own thread. */
#ifndef TK_BACKSTAGE_WORLD_H
#define TK_BACKSTAGE_WORLD_H

#include "api/jobs/inside.h"
#include "fake/fake_catalogue.h"
#include "fake/fake_outbox.h"
#include "fake/fake_queue_books.h"
#include "fake/fake_queue_store.h"
#include "fake/fake_seat_lock.h"

/* A Kafka that does what the test says. Reports come on the loop's next turn. */
struct broker_report {
	struct uuid id;
	uint64_t tag;
};
struct broker {
	struct event_out port;
	struct hook hook;
	struct broker_report *reports;
	unsigned count, cap;
	unsigned published, queue_max; /* 0: no bound */
	bool away;					   /* known to be */
	bool holds;					   /* reports wait */
	bool refuses;				   /* reports say that it failed */
	unsigned loses;				   /* so many reports never come */
	bool twice;					   /* the same report comes twice */
};

struct backstage_world {
	struct loop *loop;
	struct fake_catalogue catalogue;
	struct fake_seat_lock seats;
	struct fake_outbox outbox;
	struct fake_queue_store queue;
	struct fake_queue_books books;
	struct broker broker;
	struct metrics_sheet *metrics;
	struct config config;
	struct backstage *backstage;
	struct mailbox errands;
};
void world_init(struct backstage_world *w);
void world_init_with(struct backstage_world *w, const struct config *c);
void world_finish(struct backstage_world *w); /* stops the thread, if there is one */

/* Turns the loop until `done` says so: false after max_ms. */
bool world_turn_until(struct backstage_world *w, bool (*done)(struct backstage_world *w), int max_ms);
void world_turn_for(struct backstage_world *w, int ms);

/* Runs fn on the backstage thread, which owns the fakes, and waits for it. */
void world_on_thread(struct backstage_world *w, void (*fn)(struct backstage_world *w, void *arg), void *arg);

#endif
