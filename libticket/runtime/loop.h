/* loop: one thread's epoll loop with timers, idle hooks and a mailbox.
 *
 * Times are monotonic ms (int64_t), `loop_now_ms` is read once a turn.
 * Thread: everything but `mailbox_post` and `loop_stop` belongs to the loop's thread.
 * Ownership: watches, timers and hooks live in the caller's memory; remove them first.
 * Errors: `-1` with errno where a call says so; the loop itself only ends by loop_stop. */
#ifndef TK_LOOP_H
#define TK_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct loop;

/* A descriptor. `events` are EPOLL* bits (level triggered). */
struct watch {
	int fd;
	uint32_t events;
	void (*ready)(struct watch *w, uint32_t events);
};
int watch_add(struct loop *l, struct watch *w);						/* -1: errno */
int watch_change(struct loop *l, struct watch *w, uint32_t events); /* no system call when equal */
void watch_remove(struct loop *l, struct watch *w);					/* safe inside any callback; before close() */

/* A one-shot timer in a binary heap; arming an armed one moves it. Zero-initialise.
 * Equal ones fire in the order they were armed. One armed by a timer fires in the next turn at the earliest. */
struct timer {
	int64_t due_ms;
	size_t slot; /* heap place + 1; 0: not armed */
	void (*fired)(struct timer *t);
};
void timer_arm(struct loop *l, struct timer *t, int64_t due_ms);
void timer_stop(struct loop *l, struct timer *t); /* harmless when not armed */

/* Called once a turn after all events and before sleeping: where writes are flushed and
 * micro-batches leave. Returns true when it made progress that another hook may care
 * about (hooks run again until none did, at most a few rounds). */
struct hook {
	bool (*before_sleep)(struct hook *h);
	TAILQ_ENTRY(hook) link;
};
void hook_add(struct loop *l, struct hook *h);
void hook_remove(struct loop *l, struct hook *h);

/* Messages from other threads. `deliver` runs on the loop's thread and then owns the mail. */
struct mail {
	struct mail *next;
	void (*deliver)(struct mail *m, void *ctx);
};
struct mailbox {
	pthread_mutex_t lock;
	struct mail *head, **tail;
	bool signalled;
	void *ctx;
	struct loop *loop;
	struct watch watch; /* the eventfd */
};
int mailbox_init(struct mailbox *b, struct loop *l, void *ctx); /* -1: errno */
void mailbox_finish(struct mailbox *b);							/* senders have ended; delivers what is left */
void mailbox_post(struct mailbox *b, struct mail *m);			/* any thread; order per sender kept */

struct loop *loop_create(void); /* NULL: errno */
void loop_destroy(struct loop *l);
void loop_run(struct loop *l);				/* until loop_stop, also one from before; may run again after it */
void loop_turn(struct loop *l, int max_ms); /* one turn, sleeping at most max_ms; for tests */
void loop_stop(struct loop *l);				/* any thread, also a signal handler */
int64_t loop_now_ms(const struct loop *l);
int64_t loop_now_us(void); /* monotonic, a fresh reading */

#endif
