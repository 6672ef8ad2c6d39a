#include "adapter/redis/pieces.h"

static struct redis_piece *idle(struct redis_pieces *job)
{
	for (int i = 0; i < PIECES_UNDER_WAY; i++) {
		if (!job->piece[i].busy) return &job->piece[i];
	}
	return NULL;
}

static void pump(struct redis_pieces *job)
{
	struct redis_piece *p;
	job->pumping = true; /* a call that fails at once comes back here while we are at it */
	while (job->next < job->total && !tk_failed(job->err) && (p = idle(job))) {
		p->job = job;
		p->busy = true;
		p->from = job->next;
		p->count = job->cut(job, p->from);
		job->next += p->count;
		job->flying++;
		redis_call(job->redis, job->op, &p->call);
	}
	job->pumping = false;
	if (job->flying == 0) job->ended(job, job->err);
}

void redis_pieces_start(struct redis_pieces *job)
{
	pump(job);
}

struct redis_piece *redis_piece_of(struct port_call *c)
{
	return container_of(c, struct redis_piece, call);
}

void redis_piece_done(struct redis_piece *p, struct tk_err err)
{
	struct redis_pieces *job = p->job;
	p->busy = false;
	job->flying--;
	if (tk_failed(err) && !tk_failed(job->err)) job->err = err;
	if (!job->pumping) pump(job);
}
