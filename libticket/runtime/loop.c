#include "runtime/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/err.h"
#include "runtime/mem.h"
#include "runtime/timer_heap.h"

enum { EVENTS = 128, HOOK_ROUNDS = 8 };

struct loop {
	int epoll;
	atomic_bool stop;
	int64_t now_ms;
	struct watch wake; /* an eventfd: ends a sleep from another thread or a signal handler */
	struct timer_heap timers;
	TAILQ_HEAD(, hook) hooks;
	struct hook *next_hook; /* the one to call next, while they are called */
	int fetched, at;		/* events[at..fetched) are still to be delivered */
	struct epoll_event events[EVENTS];
};

int64_t loop_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

/* Watches */

static int control(struct loop *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};

	return epoll_ctl(l->epoll, op, w->fd, &e);
}

int watch_add(struct loop *l, struct watch *w)
{
	return control(l, EPOLL_CTL_ADD, w, w->events);
}

int watch_change(struct loop *l, struct watch *w, uint32_t events)
{
	if (events == w->events) return 0;
	if (control(l, EPOLL_CTL_MOD, w, events) < 0) return -1;
	w->events = events;
	return 0;
}

void watch_remove(struct loop *l, struct watch *w)
{
	/* Fails for a descriptor closed before: the kernel has forgotten that one by itself. */
	control(l, EPOLL_CTL_DEL, w, 0);
	for (int i = l->at; i < l->fetched; i++) {
		if (l->events[i].data.ptr == w) l->events[i].data.ptr = NULL;
	}
}

static void deliver_events(struct loop *l)
{
	while (l->at < l->fetched) {
		struct epoll_event *e = &l->events[l->at++];
		struct watch *w = e->data.ptr;
		uint32_t events;

		if (!w) continue;
		/* A callback before this one may have lost interest in some of it. */
		events = e->events & (w->events | EPOLLERR | EPOLLHUP);
		if (events) w->ready(w, events);
	}
	l->at = l->fetched = 0;
}

/* Timers */

void timer_arm(struct loop *l, struct timer *t, int64_t due_ms)
{
	t->due_ms = due_ms;
	/* Not before now: one that a callback arms in the past must not overtake those that wait already. */
	timer_heap_arm(&l->timers, t, due_ms > l->now_ms ? due_ms : l->now_ms);
}

void timer_stop(struct loop *l, struct timer *t)
{
	timer_heap_stop(&l->timers, t);
}

/* Those armed by the callbacks themselves wait for the next turn, so that descriptors have their turn too. */
static void fire_timers(struct loop *l)
{
	uint64_t before = timer_heap_mark(&l->timers);
	struct timer *t;

	while ((t = timer_heap_take(&l->timers, l->now_ms, before)) != NULL) t->fired(t);
}

/* Hooks */

void hook_add(struct loop *l, struct hook *h)
{
	TAILQ_INSERT_TAIL(&l->hooks, h, link);
}

void hook_remove(struct loop *l, struct hook *h)
{
	if (l->next_hook == h) l->next_hook = TAILQ_NEXT(h, link);
	TAILQ_REMOVE(&l->hooks, h, link);
}

static bool call_hooks_once(struct loop *l)
{
	bool progress = false;

	l->next_hook = TAILQ_FIRST(&l->hooks);
	while (l->next_hook) {
		struct hook *h = l->next_hook;

		l->next_hook = TAILQ_NEXT(h, link);
		progress |= h->before_sleep(h);
	}
	return progress;
}

/* True: there is progress even after the last round, so don't sleep. */
static bool call_hooks(struct loop *l)
{
	for (int i = 0; i < HOOK_ROUNDS; i++) {
		if (!call_hooks_once(l)) return false;
	}
	return true;
}

/* The turn */

static int sleep_ms(const struct loop *l, int max_ms)
{
	int64_t due = timer_heap_due(&l->timers), left;

	if (due == INT64_MAX) return max_ms;
	left = due - loop_now_us() / 1000; /* a fresh reading: the callbacks took their time */
	if (left <= 0) return 0;
	if (max_ms >= 0 && left > max_ms) return max_ms;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void loop_turn(struct loop *l, int max_ms)
{
	assert(l->fetched == 0 && "a turn within a turn");

	int sleep = call_hooks(l) || atomic_load(&l->stop) ? 0 : sleep_ms(l, max_ms);
	int n = epoll_wait(l->epoll, l->events, EVENTS, sleep);

	l->now_ms = loop_now_us() / 1000;
	l->fetched = n > 0 ? n : 0; /* a failure is EINTR: a signal came */
	deliver_events(l);
	fire_timers(l);
}

void loop_run(struct loop *l)
{
	while (!atomic_exchange(&l->stop, false)) loop_turn(l, -1);
}

/* Async-signal-safe: a lock-free store and a write. */
void loop_stop(struct loop *l)
{
	int saved = errno;
	uint64_t one = 1;

	atomic_store(&l->stop, true);
	while (write(l->wake.fd, &one, sizeof one) < 0 && errno == EINTR) continue;
	errno = saved;
}

static void drain(int eventfd_)
{
	uint64_t count;

	while (read(eventfd_, &count, sizeof count) < 0 && errno == EINTR) continue;
}

static void woken(struct watch *w, uint32_t events)
{
	(void)events;
	drain(w->fd);
}

static int watch_eventfd(struct loop *l, struct watch *w, void (*ready)(struct watch *w, uint32_t events))
{
	*w = (struct watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .events = EPOLLIN, .ready = ready};
	if (w->fd < 0) return -1;
	if (watch_add(l, w) == 0) return 0;

	int saved = errno;
	close(w->fd);
	errno = saved;
	w->fd = -1;
	return -1;
}

struct loop *loop_create(void)
{
	struct loop *l = mem_must(calloc(1, sizeof *l));

	TAILQ_INIT(&l->hooks);
	l->now_ms = loop_now_us() / 1000;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0 && watch_eventfd(l, &l->wake, woken) == 0) return l;

	int saved = errno;
	if (l->epoll >= 0) close(l->epoll);
	free(l);
	errno = saved;
	return NULL;
}

void loop_destroy(struct loop *l)
{
	if (!l) return;
	close(l->wake.fd);
	close(l->epoll);
	timer_heap_finish(&l->timers);
	free(l);
}

/* The mailbox */

static struct mail *take_all(struct mailbox *b)
{
	struct mail *m;

	pthread_mutex_lock(&b->lock);
	m = b->head;
	b->head = NULL;
	b->tail = &b->head;
	b->signalled = false;
	pthread_mutex_unlock(&b->lock);
	return m;
}

static void deliver_all(struct mail *m, void *ctx)
{
	while (m) {
		struct mail *next = m->next; /* deliver owns the mail */

		m->deliver(m, ctx);
		m = next;
	}
}

static void mail_came(struct watch *w, uint32_t events)
{
	struct mailbox *b = container_of(w, struct mailbox, watch);

	(void)events;
	drain(w->fd);
	deliver_all(take_all(b), b->ctx);
}

int mailbox_init(struct mailbox *b, struct loop *l, void *ctx)
{
	*b = (struct mailbox){.ctx = ctx, .loop = l};
	b->tail = &b->head;
	if (watch_eventfd(l, &b->watch, mail_came) < 0) return -1;
	pthread_mutex_init(&b->lock, NULL);
	return 0;
}

void mailbox_finish(struct mailbox *b)
{
	struct mail *m;

	while ((m = take_all(b)) != NULL) deliver_all(m, b->ctx);
	watch_remove(b->loop, &b->watch);
	close(b->watch.fd);
	pthread_mutex_destroy(&b->lock);
}

void mailbox_post(struct mailbox *b, struct mail *m)
{
	uint64_t one = 1;

	m->next = NULL;
	pthread_mutex_lock(&b->lock);
	*b->tail = m;
	b->tail = &m->next;
	/* Inside the lock: who sees the mail delivered knows that the descriptor is no longer needed for it. */
	if (!b->signalled) {
		b->signalled = true;
		while (write(b->watch.fd, &one, sizeof one) < 0 && errno == EINTR) continue;
	}
	pthread_mutex_unlock(&b->lock);
}
