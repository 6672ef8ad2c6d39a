#include "support/hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/jobs/rooms.h"
#include "runtime/mem.h"
#include "runtime/when.h"

/* A flow knows nothing of its hall, and there is one at a time. */
static struct hall *the_hall;

static struct config settings(void)
{
	return (struct config){
		.queue_max_active = 2,
		.queue_admit_per_s = 1000,
		.queue_active_ttl_s = 120,
		.queue_claim_ttl_s = 30,
		.queue_wait_grace_s = 300,
		.queue_bypass = SWITCH_ON,
		.hold_ttl_s = 300,
		.max_seats_per_user = 4,
	};
}

static void add_shows(struct fake_catalogue *c)
{
	fake_catalogue_add(c, HALL_OPEN, 10)->row.queue_required = true;
	fake_catalogue_add(c, HALL_PLAIN, 10);
	fake_catalogue_add(c, HALL_CLOSED, 10)->row = (struct schedule){.id = HALL_CLOSED,
		.concert_id = 1,
		.sale_opens_at_ms = TIME_NONE,
		.status = SCHEDULE_CLOSED,
		.queue_required = true};
	fake_catalogue_add(c, HALL_EARLY, 10)->row = (struct schedule){
		.id = HALL_EARLY, .concert_id = 1, .sale_opens_at_ms = when_now_ms() + HALL_EARLY_MS, .queue_required = true};
}

struct hall *hall_open(void)
{
	struct hall *h = mem_must(calloc(1, sizeof *h));

	the_hall = h;
	h->config = settings();
	world_init_with(&h->w, &h->config);
	add_shows(&h->w.catalogue);
	h->loop = mem_must(loop_create());
	h->real_ms = h->w.queue.now_ms = h->w.seats.now_ms = when_now_ms();
	h->tokens = hmac_queue_token_create("a secret of the tests, long enough");
	h->bypass.per_s = 2;
	h->services = (struct services){
		.config = &h->config,
		.loop = h->loop,
		.seats = &h->w.seats.port,
		.catalogue = &h->w.catalogue.port,
		.queue = &h->w.queue.port,
		.tokens = hmac_queue_token_port(h->tokens),
		.books = &h->w.books.port,
		.seating = seating_create(h->w.backstage, h->loop),
		.board = queue_board_create(h->w.backstage, h->loop, &h->w.queue.port),
		.bypass = &h->bypass,
		.metrics = h->w.metrics,
	};
	return h;
}

static bool rests(struct hall *h, void *arg)
{
	(void)arg;
	for (int i = 0; i < JOBS; i++) {
		if (h->w.backstage->job[i]->running) return false;
	}
	return h->w.backstage->rooms->draws == 0 && h->w.backstage->hub->flights == 0;
}

void hall_close(struct hall *h)
{
	for (int i = 0; i < JOBS; i++) job_stop(h->w.backstage->job[i]);
	assert_true(hall_turn_until(h, rests, NULL, 2000));
	backstage_stop(h->w.backstage);
	seating_destroy(h->services.seating);
	queue_board_destroy(h->services.board);
	hmac_queue_token_destroy(h->tokens);
	world_finish(&h->w);
	loop_destroy(h->loop);
	free(h);
	the_hall = NULL;
}

void hall_begin(struct hall *h)
{
	job_start(h->w.backstage->job[JOB_POLL_ROWS]);
	job_start(h->w.backstage->job[JOB_STEER]);
	job_start(h->w.backstage->job[JOB_LOOK]);
	job_start(h->w.backstage->job[JOB_ADMIT]);
	job_start(h->w.backstage->job[JOB_DUE_DRAWS]);
}

void hall_turn(struct hall *h)
{
	int64_t elapsed = when_now_ms() - h->real_ms;

	h->w.queue.now_ms = h->w.seats.now_ms = h->real_ms + elapsed + h->moved_ms;
	loop_turn(h->w.loop, 0);
	loop_turn(h->loop, 1);
}

void hall_turn_for(struct hall *h, int ms)
{
	int64_t end = when_now_ms() + ms;

	while (when_now_ms() < end) hall_turn(h);
}

bool hall_turn_until(struct hall *h, bool (*is_so)(struct hall *h, void *arg), void *arg, int max_ms)
{
	int64_t end = when_now_ms() + max_ms;

	while (!is_so(h, arg)) {
		if (when_now_ms() > end) return false;
		hall_turn(h);
	}
	return true;
}

void hall_move_clock(struct hall *h, int64_t ms)
{
	h->moved_ms += ms;
}

unsigned hall_mark(const struct hall *h)
{
	return h->finished;
}

void hall_done(struct flow *f)
{
	(void)f;
	the_hall->finished++;
}

void hall_wait(struct hall *h, unsigned mark)
{
	int64_t end = when_now_ms() + 5000;

	while (h->finished == mark && when_now_ms() < end) hall_turn(h);
	assert_int_equal(h->finished, mark + 1);
}

struct visit_queue hall_visit(struct hall *h, int64_t schedule, int64_t user, bool enter, const char *token)
{
	struct visit_queue v = {.schedule = schedule, .user = user, .enter = enter, .token = token};
	unsigned mark = hall_mark(h);

	visit_queue_start(&v, &h->services, hall_done);
	hall_wait(h, mark);
	visit_queue_finish(&v);
	return v;
}

enum queue_status hall_status(struct hall *h, int64_t schedule, int64_t user)
{
	struct visit_queue v = hall_visit(h, schedule, user, false, NULL);

	return v.outcome == VISIT_PLACED ? v.call.place.status : QUEUE_NOBODY;
}

void hall_token(struct hall *h, int64_t schedule, int64_t user, const struct queue_place *p, char ret[QUEUE_TOKEN_TEXT])
{
	struct queue_token *t = h->services.tokens;

	t->write(t, &(struct queue_ticket){schedule, user, p->number, p->epoch}, ret);
}
