#include "adapter/redis/batch.h"

#include <stdlib.h>

#include "runtime/mem.h"

void redis_batches_init(struct redis_batches *all)
{
	TAILQ_INIT(&all->waiting);
	LIST_INIT(&all->spare);
	for (unsigned i = 0; i < REDIS_BATCH_CHAINS; i++) LIST_INIT(&all->chains[i]);
}

void redis_batches_finish(struct redis_batches *all)
{
	struct redis_batch *b;
	while ((b = LIST_FIRST(&all->spare))) {
		LIST_REMOVE(b, chain);
		free(b);
	}
}

static struct redis_batch *batch_create(struct redis_batches *all)
{
	struct redis_batch *b = LIST_FIRST(&all->spare);
	if (b) LIST_REMOVE(b, chain);
	else b = mem_must(malloc(sizeof *b));
	return b;
}

static void free_when_idle(struct redis_batches *all, struct redis_batch *b)
{
	if (b->first || b->under_way) return;
	LIST_REMOVE(b, chain);
	LIST_INSERT_HEAD(&all->spare, b, chain);
}

struct redis_batch *redis_batch_of(struct redis_batches *all, const struct redis_op *op, const struct port_call *c)
{
	int64_t schedule = op->batch->schedule(c);
	struct redis_batch_chain *chain = &all->chains[(uint64_t)schedule % REDIS_BATCH_CHAINS];
	struct redis_batch *b;
	LIST_FOREACH(b, chain, chain)
	{
		if (b->op == op && b->schedule == schedule) return b;
	}
	b = batch_create(all);
	*b = (struct redis_batch){.op = op, .schedule = schedule};
	LIST_INSERT_HEAD(chain, b, chain);
	return b;
}

static unsigned weight_of(const struct redis_batch *b, const struct port_call *c)
{
	return b->op->batch->weight ? b->op->batch->weight(c) : 1;
}

bool redis_batch_takes(const struct redis_batch *b, const struct port_call *c)
{
	if (!b->first) return true;
	return b->weight + weight_of(b, c) <= b->op->batch->max && b->op->batch->alike(b->first, c);
}

bool redis_batch_full(const struct redis_batch *b)
{
	return b->weight >= b->op->batch->max;
}

void redis_batch_add(struct redis_batches *all, struct redis_batch *b, struct port_call *c)
{
	if (!b->first) {
		b->tail = &b->first;
		TAILQ_INSERT_TAIL(&all->waiting, b, waiting);
	}
	c->next = NULL;
	*b->tail = c;
	b->tail = &c->next;
	b->weight += weight_of(b, c);
}

struct port_call *redis_batch_leave(struct redis_batches *all, struct redis_batch *b)
{
	struct port_call *calls = b->first;
	TAILQ_REMOVE(&all->waiting, b, waiting);
	b->first = NULL;
	b->weight = 0;
	b->under_way++;
	return calls;
}

void redis_batch_back(struct redis_batches *all, struct redis_batch *b)
{
	b->under_way--;
	free_when_idle(all, b);
}
