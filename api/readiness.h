/* readiness: which servers are away from any thread of the process. A request may come to any shard and may need
 * backstage's look-ups, so one that is not connected yet makes the whole daemon not ready.
 * Thread: a part belongs to one thread; the counts may be read by any. */
#ifndef TK_READINESS_H
#define TK_READINESS_H

#include <stdatomic.h>
#include <stdbool.h>

struct readiness {
	_Atomic int pg_away, redis_away; /* parts without it */
};
struct readiness_part {
	struct readiness *of;
	bool pg, redis; /* as last told */
};

/* Before the threads start: everything is away. */
static inline void readiness_join(struct readiness_part *p, struct readiness *r)
{
	*p = (struct readiness_part){.of = r};
	atomic_fetch_add(&r->pg_away, 1);
	atomic_fetch_add(&r->redis_away, 1);
}

static inline void readiness_tell(struct readiness_part *p, bool pg, bool redis)
{
	if (p->pg != pg) atomic_fetch_add(&p->of->pg_away, pg ? -1 : 1);
	if (p->redis != redis) atomic_fetch_add(&p->of->redis_away, redis ? -1 : 1);
	p->pg = pg;
	p->redis = redis;
}

#endif
