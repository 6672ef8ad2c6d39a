#include "adapter/redis/seat_copy.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/redis/pieces.h"
#include "adapter/redis/seat_keys.h"
#include "domain/schedule.h"
#include "runtime/uuid.h"

/* Seats a script; Redis serves nobody else meanwhile (a few hundred µs). */
enum { APPLY_SEATS = 200, READ_SEATS = 500 };

/* --- a load --- */

static void bind_birth(struct redis_args *a, struct port_call *c)
{
	key_state(a, container_of(c, struct seat_birth, call)->schedule);
	redis_arg_run(a);
	redis_arg_int(a, random_number());
}

static void birth_replied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct seat_birth *k = container_of(c, struct seat_birth, call);
	if (!tk_failed(err)) k->birth = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
	if (!tk_failed(err) && k->birth <= 0) err = REDIS_ODD_REPLY;
	port_answer(c, err);
}

void seat_copy_birth(struct redis *r, struct seat_birth *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_BIRTH, .keys = 1, .bind = bind_birth, .replied = birth_replied};
	redis_call(r, &OP, &k->call);
}

/* --- apply --- */

struct apply_job {
	struct redis_pieces pieces;
	struct seat_apply *in;
	struct port_call finish;
	unsigned order[]; /* places in in->changes, by schedule */
};

static struct apply_job *apply_job_of(const struct redis_pieces *p)
{
	return container_of((struct redis_pieces *)(uintptr_t)p, struct apply_job, pieces);
}

static const struct seat_change *change_at(const struct apply_job *job, unsigned i)
{
	return &job->in->changes[job->order[i]];
}

static int by_schedule(const void *a, const void *b, void *changes)
{
	const struct seat_change *all = changes;
	unsigned i = *(const unsigned *)a, j = *(const unsigned *)b;
	int64_t x = all[i].schedule, y = all[j].schedule;
	if (x != y) return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

static unsigned cut_schedule(const struct redis_pieces *p, unsigned from)
{
	const struct apply_job *job = apply_job_of(p);
	unsigned n = 1;
	while (
		n < APPLY_SEATS && from + n < p->total && change_at(job, from + n)->schedule == change_at(job, from)->schedule)
		n++;
	return n;
}

static void bind_apply(struct redis_args *a, struct port_call *c)
{
	const struct redis_piece *p = redis_piece_of(c);
	const struct apply_job *job = apply_job_of(p->job);
	int64_t schedule = change_at(job, p->from)->schedule;
	key_state(a, schedule);
	key_users(a, schedule);
	key_lock(a, schedule, "");
	for (unsigned i = 0; i < p->count; i++) {
		const struct seat_change *ch = change_at(job, p->from + i);
		char kind = (char)ch->kind;
		redis_arg(a, ch->seat.s, ch->seat.len);
		redis_arg_int(a, ch->rev);
		redis_arg(a, &kind, 1);
		redis_arg_int(a, ch->user);
	}
}

static void piece_applied(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	(void)reply;
	redis_piece_done(redis_piece_of(c), err);
}

static void apply_answer(struct apply_job *job, struct tk_err err)
{
	struct port_call *c = &job->in->call;
	free(job);
	port_answer(c, err);
}

static void bind_finish(struct redis_args *a, struct port_call *c)
{
	const struct seat_apply *in = container_of(c, struct apply_job, finish)->in;
	key_state(a, in->load_schedule);
	redis_arg_run(a);
	redis_arg_int(a, in->load_birth);
}

static void finished(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	if (!tk_failed(err) && (reply->type != REDIS_REPLY_INTEGER || reply->integer != 1))
		err = TK_ERR(TK_UNAVAILABLE, "Redis has lost the copy since its load began");
	apply_answer(container_of(c, struct apply_job, finish), err);
}

static void all_applied(struct redis_pieces *p, struct tk_err err)
{
	static const struct redis_op FINISH = {
		.script = SCRIPT_SEAT_LOADED, .keys = 1, .bind = bind_finish, .replied = finished};
	struct apply_job *job = apply_job_of(p);
	if (tk_failed(err) || !job->in->load_birth) apply_answer(job, err);
	else redis_call(p->redis, &FINISH, &job->finish);
}

void seat_copy_apply(struct redis *r, struct seat_apply *k)
{
	static const struct redis_op OP = {
		.script = SCRIPT_SEAT_APPLY, .keys = 3, .bind = bind_apply, .replied = piece_applied};
	struct apply_job *job = calloc(1, sizeof *job + k->count * sizeof job->order[0]);
	if (!job) abort();
	job->in = k;
	job->pieces =
		(struct redis_pieces){.redis = r, .op = &OP, .total = k->count, .cut = cut_schedule, .ended = all_applied};
	for (unsigned i = 0; i < k->count; i++) job->order[i] = i;
	qsort_r(job->order, k->count, sizeof job->order[0], by_schedule, (void *)(uintptr_t)k->changes);
	redis_pieces_start(&job->pieces);
}

/* --- read --- */

struct read_job {
	struct redis_pieces pieces;
	struct seat_read *in;
};

static struct read_job *read_job_of(const struct redis_pieces *p)
{
	return container_of((struct redis_pieces *)(uintptr_t)p, struct read_job, pieces);
}

static unsigned cut_seats(const struct redis_pieces *p, unsigned from)
{
	return p->total - from < READ_SEATS ? p->total - from : READ_SEATS;
}

static void bind_read(struct redis_args *a, struct port_call *c)
{
	const struct redis_piece *p = redis_piece_of(c);
	const struct seat_read *in = read_job_of(p->job)->in;
	key_state(a, in->schedule);
	key_lock(a, in->schedule, "");
	redis_arg_run(a);
	for (unsigned i = 0; i < p->count; i++) {
		const struct seat_no *no = &in->plan->seats[p->from + i].no;
		redis_arg(a, no->s, no->len);
	}
}

static bool take_letters(const struct redis_piece *p, const redisReply *reply)
{
	struct seat_read *in = read_job_of(p->job)->in;
	if (reply->type != REDIS_REPLY_STRING || reply->len != p->count) return false;
	for (unsigned i = 0; i < p->count; i++) {
		char letter = reply->str[i];
		in->status[p->from + i] = letter == 'S' ? SEAT_SOLD_OUT : letter == 'H' ? SEAT_HOLD : SEAT_AVAILABLE;
	}
	return true;
}

static void piece_read(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct redis_piece *p = redis_piece_of(c);
	struct read_job *job = read_job_of(p->job);
	if (!tk_failed(err) && reply->type == REDIS_REPLY_NIL) {
		job->in->loaded = false;
		job->pieces.next = job->pieces.total; /* the rest need not be asked */
	} else if (!tk_failed(err) && !take_letters(p, reply)) {
		err = REDIS_ODD_REPLY;
	}
	redis_piece_done(p, err);
}

static void all_read(struct redis_pieces *p, struct tk_err err)
{
	struct read_job *job = read_job_of(p);
	struct port_call *c = &job->in->call;
	free(job);
	port_answer(c, err);
}

void seat_copy_read(struct redis *r, struct seat_read *k)
{
	static const struct redis_op OP = {.script = SCRIPT_SEAT_READ, .keys = 2, .bind = bind_read, .replied = piece_read};
	struct read_job *job = calloc(1, sizeof *job);
	if (!job) abort();
	job->in = k;
	job->pieces =
		(struct redis_pieces){.redis = r, .op = &OP, .total = k->plan->count, .cut = cut_seats, .ended = all_read};
	k->loaded = true;
	redis_pieces_start(&job->pieces);
}
