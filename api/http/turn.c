/* When libmicrohttpd runs: once its sockets are ready, and again for what has moved, before the loop sleeps. */
#include <malloc.h>
#include <sys/epoll.h>

#include "api/http/http_internal.h"

enum {
	TICK_MS = 100,
	RUNS_A_TURN = 4,
	BURST_BLOCKS = 1024, /* of arenas, freed since the last look: a burst was there */
	BURST_OVER = 64		 /* requests under way, at most */
};

/* libmicrohttpd asks for another run by a time-out of 0: a socket may have more to read, a resumed one is not watched
 * again before a read in vain, an answer has another part. Requests that wait make it ask too, without need; where
 * there are some, what has moved tells, and an answer under way gets a second run to meet the end of the room. */
static bool run_again(struct http *h, int runs)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	if (h->resumed) return true;
	if (MHD_get_timeout(h->mhd, &wait_ms) != MHD_YES || wait_ms > 0) return false;
	return !h->waiting || h->moved || (runs < 2 && (h->answering || h->reading));
}

/* Bounded: what is left over is done before the loop sleeps. */
void http_turn(struct http *h)
{
	int runs = 0;

	do {
		h->resumed = h->moved = false;
		MHD_run(h->mhd);
		exchange_sweep(h);
	} while (++runs < RUNS_A_TURN && run_again(h, runs));
	h->resumed = runs == RUNS_A_TURN && run_again(h, runs);
}

static void on_epoll(struct watch *w, uint32_t events)
{
	(void)events;
	http_turn(container_of(w, struct http, epoll));
}

static bool before_sleep(struct hook *hook)
{
	struct http *h = container_of(hook, struct http, hook);

	if (!h->resumed) return false;
	http_turn(h);
	return true;
}

/* What a burst of requests needed goes back to the system when it is over; before, that would only cost time. */
static void give_back_memory(struct http *h)
{
	size_t *freed = &h->app->arenas.freed;

	if (*freed < BURST_BLOCKS || h->busy > BURST_OVER) return;
	*freed = 0;
	malloc_trim(0);
}

static void on_tick(struct timer *t)
{
	struct http *h = container_of(t, struct http, tick);
	int64_t now_ms = loop_now_ms(h->app->loop);

	clients_reap(h, now_ms);
	listener_wake(h);
	give_back_memory(h);
	http_turn(h);
	timer_arm(h->app->loop, t, now_ms + TICK_MS);
}

bool http_turn_start(struct http *h)
{
	struct loop *l = h->app->loop;

	h->epoll = (struct watch){MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN, on_epoll};
	if (watch_add(l, &h->epoll) != 0) return false;
	h->hook.before_sleep = before_sleep;
	hook_add(l, &h->hook);
	h->tick.fired = on_tick;
	timer_arm(l, &h->tick, loop_now_ms(l) + TICK_MS);
	return true;
}

void http_turn_stop(struct http *h)
{
	hook_remove(h->app->loop, &h->hook);
	watch_remove(h->app->loop, &h->epoll);
}
