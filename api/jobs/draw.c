/* The draw: who came before opening is put in the order of HMAC-SHA256(seed, decimal user id) and numbered from 1.
 *
 *     BOOK --seed--> SCAN (pieces) --users--> SIGN (slices) --order--> NUMBER (pieces) --> RECORD --count--> FINISH
 *
 * The set no longer changes and the seed stands, so a daemon that dies in the middle is followed by one that comes to
 * the same. The count is recorded before the last step: as long as that is missing, the draw is repeated.
 * In pieces and slices, so that neither Redis nor this thread stands still. */
#include "api/jobs/rooms.h"
#include "runtime/hmac.h"
#include "runtime/log.h"
#include "runtime/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* A slice takes about 3 ms. 100,000 users make baskets of 100, each sorted when its turn comes. */
enum { SLICE = 2048, BASKETS = 1024, BASKET_SHIFT = 6 };

struct ticket {
	uint8_t sign[HMAC_SIZE];
	int64_t user;
};
struct basket {
	struct ticket *tickets;
	uint32_t count, cap;
};
struct draw {
	struct flow flow;
	struct rooms *rooms;
	int64_t schedule;
	struct queue_rules rules;
	struct queue_draw book;
	struct queue_scan_pre scan;
	int64_t piece[QUEUE_SCAN_MAX];
	int64_t *users;
	size_t user_count, user_cap, user_at;
	struct timer slice;
	struct hmac *hmac;
	struct basket basket[BASKETS];
	unsigned basket_at;
	uint32_t ticket_at;
	struct queue_number_pre number;
	int64_t next_number;
	struct queue_draw_done done;
};

static struct draw *self(struct flow *f)
{
	return container_of(f, struct draw, flow);
}

static struct backstage *stage_of(const struct draw *d)
{
	return d->rooms->b;
}

static struct queue_store *store_of(const struct draw *d)
{
	return stage_of(d)->ports.queue;
}

static struct queue_books *books_of(const struct draw *d)
{
	return stage_of(d)->ports.books;
}

enum { BOOK, SCAN, SIGN, NUMBER, RECORD, FINISH };

/* What fails is begun again by the next round of admission. */
static bool is_over(const struct draw *d)
{
	return tk_failed(d->flow.err) || stage_of(d)->hub->closed;
}

/* --- the seed --- */

static void ask_book(struct flow *f)
{
	struct draw *d = self(f);

	d->book = (struct queue_draw){.call.flow = f, .schedule = d->schedule, .opens_at_ms = d->rules.opens_at_ms};
	if (getrandom(d->book.candidate, sizeof d->book.candidate, 0) != sizeof d->book.candidate) abort();
	books_of(d)->draw(books_of(d), &d->book);
}

static int book_read(struct flow *f)
{
	struct draw *d = self(f);

	if (is_over(d)) return FLOW_END;
	d->hmac = hmac_create(d->book.seed, sizeof d->book.seed);
	return SCAN;
}

/* --- who came --- */

static void scan(struct flow *f)
{
	struct draw *d = self(f);

	d->scan.call.flow = f;
	d->scan.schedule = d->schedule;
	d->scan.users = d->piece;
	store_of(d)->scan_pre(store_of(d), &d->scan);
}

static int scanned(struct flow *f)
{
	struct draw *d = self(f);

	if (is_over(d)) return FLOW_END;
	if (d->user_count + d->scan.count > d->user_cap) {
		d->user_cap = 2 * d->user_cap + QUEUE_SCAN_MAX;
		d->users = mem_must(realloc(d->users, d->user_cap * sizeof *d->users));
	}
	for (unsigned i = 0; i < d->scan.count; i++) d->users[d->user_count++] = d->piece[i];
	return d->scan.cursor ? SCAN : SIGN;
}

/* --- their order --- */

static void put(struct draw *d, const struct ticket *t)
{
	struct basket *b = &d->basket[(t->sign[0] << 8 | t->sign[1]) >> BASKET_SHIFT];

	if (b->count == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 16;
		b->tickets = mem_must(realloc(b->tickets, b->cap * sizeof *b->tickets));
	}
	b->tickets[b->count++] = *t;
}

static void sign(struct draw *d, int64_t user)
{
	struct ticket t = {.user = user};
	char text[24];

	hmac_sign(d->hmac, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)user), t.sign);
	put(d, &t);
}

static void sign_slice(struct timer *timer)
{
	struct draw *d = container_of(timer, struct draw, slice);

	for (unsigned i = 0; i < SLICE && d->user_at < d->user_count; i++) sign(d, d->users[d->user_at++]);
	flow_wake(&d->flow, TK_NONE);
}

static void sign_next(struct flow *f)
{
	struct draw *d = self(f);
	struct loop *l = stage_of(d)->ports.loop;

	d->slice.fired = sign_slice;
	timer_arm(l, &d->slice, loop_now_ms(l));
}

static int signed_slice(struct flow *f)
{
	struct draw *d = self(f);

	if (is_over(d)) return FLOW_END;
	return d->user_at < d->user_count ? SIGN : NUMBER;
}

/* --- their numbers --- */

static int by_sign(const void *a, const void *b)
{
	return memcmp(((const struct ticket *)a)->sign, ((const struct ticket *)b)->sign, HMAC_SIZE);
}

/* A scan may give a user twice. */
static void drop_repeated(struct basket *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		if (kept && b->tickets[kept - 1].user == b->tickets[i].user) continue;
		b->tickets[kept++] = b->tickets[i];
	}
	b->count = kept;
}

static const struct ticket *next_ticket(struct draw *d)
{
	for (; d->basket_at < BASKETS; d->basket_at++, d->ticket_at = 0) {
		struct basket *b = &d->basket[d->basket_at];

		if (d->ticket_at == 0 && b->count) {
			qsort(b->tickets, b->count, sizeof *b->tickets, by_sign);
			drop_repeated(b);
		}
		if (d->ticket_at < b->count) return &b->tickets[d->ticket_at++];
	}
	return NULL;
}

static void number(struct draw *d, unsigned count, bool finish)
{
	d->number = (struct queue_number_pre){
		.call.flow = &d->flow,
		.schedule = d->schedule,
		.daemon = d->rooms->daemon,
		.users = d->piece,
		.count = count,
		.first_number = d->next_number,
		.finish = finish,
		.rules = d->rules,
	};
	d->next_number += count;
	store_of(d)->number_pre(store_of(d), &d->number);
}

static void number_next(struct flow *f)
{
	struct draw *d = self(f);
	const struct ticket *t;
	unsigned n = 0;

	while (n < QUEUE_BATCH_MAX && (t = next_ticket(d))) d->piece[n++] = t->user;
	if (n) number(d, n, false);
	else flow_wake(f, TK_NONE);
}

static int numbered(struct flow *f)
{
	struct draw *d = self(f);

	if (is_over(d)) return FLOW_END;
	if (d->number.schedule && !d->number.mine) return FLOW_END; /* somebody else admits here by now, and draws */
	return d->basket_at < BASKETS ? NUMBER : RECORD;
}

/* --- and it is done --- */

static void record(struct flow *f)
{
	struct draw *d = self(f);

	int64_t count = d->book.count < 0 ? d->next_number - 1 : d->book.count;

	d->done = (struct queue_draw_done){.call.flow = f, .schedule = d->schedule, .count = count};
	books_of(d)->drawn(books_of(d), &d->done);
}

static int recorded(struct flow *f)
{
	return is_over(self(f)) ? FLOW_END : FINISH;
}

static void finish(struct flow *f)
{
	number(self(f), 0, true);
}

static int finished(struct flow *f)
{
	struct draw *d = self(f);
	struct room *m = room_find(d->rooms, d->schedule);

	if (is_over(d) || !d->number.mine) return FLOW_END;
	if (m) m->drawn = d->done.count;
	LOG(queue_drawn, LF_I("schedule", d->schedule), LF_I("users", d->done.count));
	return FLOW_END;
}

static const struct flow_step STEPS[] = {
	[BOOK] = {"ask_book", ask_book, book_read},
	[SCAN] = {"scan", scan, scanned},
	[SIGN] = {"sign", sign_next, signed_slice},
	[NUMBER] = {"number", number_next, numbered},
	[RECORD] = {"record", record, recorded},
	[FINISH] = {"finish", finish, finished},
};

static void draw_ended(struct flow *f)
{
	struct draw *d = self(f);
	struct room *m = room_find(d->rooms, d->schedule);

	if (tk_failed(f->err)) LOG_LIMITED(job_failed, LF_S("job", "draw"), LF_ERR(f->err));
	if (m) m->draw = NULL;
	d->rooms->draws--;
	for (unsigned i = 0; i < BASKETS; i++) free(d->basket[i].tickets);
	hmac_destroy(d->hmac);
	free(d->users);
	free(d);
}

void draw_begin(struct rooms *r, struct room *m, const struct schedule *s)
{
	struct draw *d;

	if (m->draw || r->b->hub->closed) return;
	d = mem_must(calloc(1, sizeof *d));
	d->rooms = r;
	d->schedule = m->node.id;
	d->rules = room_rules(r, s);
	d->next_number = 1;
	m->draw = d;
	r->draws++;
	flow_start(&d->flow, STEPS, BOOK, draw_ended);
}
