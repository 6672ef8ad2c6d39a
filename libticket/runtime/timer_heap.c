#include "runtime/timer_heap.h"

#include <stdbool.h>

#include "runtime/loop.h"
#include "runtime/mem.h"

static bool before(const struct timer_entry *a, const struct timer_entry *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static void place(struct timer_heap *h, size_t i, struct timer_entry e)
{
	h->entries[i] = e;
	e.timer->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i, struct timer_entry e)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (!before(&e, &h->entries[parent])) break;
		place(h, i, h->entries[parent]);
		i = parent;
	}
	place(h, i, e);
}

static void sift_down(struct timer_heap *h, size_t i, struct timer_entry e)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->count) break;
		if (child + 1 < h->count && before(&h->entries[child + 1], &h->entries[child])) child++;
		if (!before(&h->entries[child], &e)) break;
		place(h, i, h->entries[child]);
		i = child;
	}
	place(h, i, e);
}

/* e belongs at i, or above, or below. */
static void settle(struct timer_heap *h, size_t i, struct timer_entry e)
{
	if (i > 0 && before(&e, &h->entries[(i - 1) / 2])) sift_up(h, i, e);
	else sift_down(h, i, e);
}

static size_t add_slot(struct timer_heap *h)
{
	if (h->count == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->entries = mem_must(reallocarray(h->entries, h->cap, sizeof *h->entries));
	}
	return h->count++;
}

void timer_heap_arm(struct timer_heap *h, struct timer *t, int64_t due_ms)
{
	struct timer_entry e = {due_ms, h->seq++, t};

	if (t->slot) settle(h, t->slot - 1, e);
	else sift_up(h, add_slot(h), e);
}

void timer_heap_stop(struct timer_heap *h, struct timer *t)
{
	size_t i = t->slot - 1;

	if (!t->slot) return;
	t->slot = 0;
	h->count--;
	if (i < h->count) settle(h, i, h->entries[h->count]);
}

int64_t timer_heap_due(const struct timer_heap *h)
{
	return h->count ? h->entries[0].due_ms : INT64_MAX;
}

uint64_t timer_heap_mark(const struct timer_heap *h)
{
	return h->seq;
}

struct timer *timer_heap_take(struct timer_heap *h, int64_t now_ms, uint64_t mark)
{
	struct timer *t;

	if (h->count == 0 || h->entries[0].due_ms > now_ms || h->entries[0].seq >= mark) return NULL;
	t = h->entries[0].timer;
	timer_heap_stop(h, t);
	return t;
}

void timer_heap_finish(struct timer_heap *h)
{
	free(h->entries);
}
