#include "api/jobs/backstage.h"

#include <errno.h>
#include <string.h>

#include "api/jobs/rooms.h"
#include "runtime/mem.h"

/* How long a stop waits for what is under way; every port answers within its deadline, Kafka's reports may not. */
enum { DRAIN_MS = 3000, DRAIN_LOOK_MS = 10 };
/* Above Kafka's message.timeout.ms, so that a row comes due again only when its event is no longer under way. */
enum { LEASE_MS = 15000 };

static const struct job_kind *const KIND[JOBS] = {
	[JOB_EXPIRE] = &EXPIRE_KIND,
	[JOB_RELAY] = &RELAY_KIND,
	[JOB_SWEEP] = &SWEEP_KIND,
	[JOB_COUNT] = &COUNT_KIND,
	[JOB_POLL_ROWS] = &POLL_ROWS_KIND,
	[JOB_REFRESH_PLANS] = &REFRESH_PLANS_KIND,
	[JOB_FOLLOW_MAPS] = &FOLLOW_MAPS_KIND,
	[JOB_MEND] = &MEND_KIND,
	[JOB_STEER] = &STEER_KIND,
	[JOB_LOOK] = &LOOK_KIND,
	[JOB_ADMIT] = &ADMIT_KIND,
	[JOB_DUE_DRAWS] = &DUE_DRAWS_KIND,
};

/* Stopping, on the thread itself */

static bool is_drained(const struct backstage *b)
{
	for (int i = 0; i < JOBS; i++) {
		if (b->job[i]->running) return false;
	}
	return b->hub->flights == 0 && b->rooms->draws == 0 && relay_is_idle(b->job[JOB_RELAY]);
}

static void look_again(struct timer *t)
{
	struct backstage *b = container_of(t, struct backstage, drain);
	int64_t now = loop_now_ms(b->ports.loop);

	if (is_drained(b) || now >= b->drain_until_ms) loop_stop(b->ports.loop);
	else timer_arm(b->ports.loop, &b->drain, now + DRAIN_LOOK_MS);
}

static void begin_drain(struct mail *m, void *ctx)
{
	struct backstage *b = ctx;

	(void)m;
	b->hub->closed = true;
	for (int i = 0; i < JOBS; i++) job_stop(b->job[i]);
	b->drain_until_ms = loop_now_ms(b->ports.loop) + DRAIN_MS;
	look_again(&b->drain);
}

/* Life */

struct backstage *backstage_create(const struct backstage_ports *p)
{
	struct backstage *b = mem_must(calloc(1, sizeof *b));

	b->ports = *p;
	b->lease_ms = LEASE_MS;
	if (mailbox_init(&b->mailbox, p->loop, b) < 0) {
		free(b);
		return NULL;
	}
	b->drain.fired = look_again;
	b->stop_mail.deliver = begin_drain;
	b->hub = hub_create(b);
	b->rooms = rooms_create(b);
	for (int i = 0; i < JOBS; i++) b->job[i] = job_create(b, KIND[i]);
	return b;
}

/* A daemon of the queue leaves orders and the outbox to the others, who leave admission to it. */
static bool is_ours(const struct backstage *b, int job)
{
	bool booking = job == JOB_EXPIRE || job == JOB_RELAY || job == JOB_SWEEP || job == JOB_MEND;
	bool queue = job == JOB_LOOK || job == JOB_ADMIT || job == JOB_DUE_DRAWS;

	return (!booking || b->ports.config->role != ROLE_QUEUE) && (!queue || b->ports.queue);
}

static void *run(void *arg)
{
	struct backstage *b = arg;

	for (int i = 0; i < JOBS; i++) {
		if (is_ours(b, i)) job_start(b->job[i]);
	}
	loop_run(b->ports.loop);
	return NULL;
}

bool backstage_start(struct backstage *b)
{
	int why = pthread_create(&b->thread, NULL, run, b);

	b->started = why == 0;
	errno = why;
	return b->started;
}

void backstage_stop(struct backstage *b)
{
	if (b->started) {
		mailbox_post(&b->mailbox, &b->stop_mail);
		pthread_join(b->thread, NULL);
	}
	b->started = false;
	b->hub->closed = true;
	b->hub->ended = b->rooms->ended = true;
}

void backstage_destroy(struct backstage *b)
{
	if (!b) return;
	backstage_stop(b);
	mailbox_finish(&b->mailbox); /* refuses what came too late */
	timer_stop(b->ports.loop, &b->drain);
	for (int i = 0; i < JOBS; i++) job_destroy(b->job[i]);
	rooms_destroy(b->rooms);
	hub_destroy(b->hub);
	free(b);
}

/* Seating */

struct seating *seating_create(struct backstage *b, struct loop *shard_loop)
{
	struct seating_owner owner = {.mailbox = &b->mailbox, .take = hub_take_request};
	struct seating *s = seating_open(shard_loop, &owner);

	if (s) hub_add_shard(b->hub, s);
	return s;
}

void seating_destroy(struct seating *s)
{
	if (s) seating_close(s);
}

/* Queues */

struct queue_board *queue_board_create(struct backstage *b, struct loop *shard_loop, struct queue_store *store)
{
	struct queue_owner owner = {.mailbox = &b->mailbox, .take = rooms_take_request};
	struct queue_board_ports ports = {.loop = shard_loop, .store = store, .rules = b->rooms->rules};
	struct queue_board *board = queue_board_open(&ports, &owner);

	if (board) rooms_add_board(b->rooms, board);
	return board;
}

void queue_board_destroy(struct queue_board *board)
{
	if (board) queue_board_close(board);
}

/* Numbers */

struct backlog *backstage_backlog(struct backstage *b)
{
	return &b->backlog;
}

void backstage_stats(struct seating *s, struct backstage_stats_ask *a)
{
	seating_request(s, WANT_STATS, NEED_SCHEDULE, 0, &a->call, NULL);
}

void backstage_collect(void *backstage, struct metrics_out *out)
{
	gauges_collect(backstage, out);
	rooms_collect(((struct backstage *)backstage)->rooms, out);
}
