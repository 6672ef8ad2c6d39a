#include "api/app/queue_board.h"

#include "api/app/queue_board_inside.h"
#include "runtime/mem.h"

enum { SIGHT_GOOD_MS = 1000, USE_NOTE_MS = 1000, ASKING_MAX = 20000 };

/* Counted things */

void queue_line_unref(struct queue_line *l)
{
	if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1) return;
	free(l->users_numbers);
	free(l);
}

void queue_use_unref(struct queue_use *u)
{
	if (u && atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) == 1) free(u);
}

struct queue_news *queue_news_ref(struct queue_news *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void queue_news_unref(struct queue_news *n)
{
	if (!n || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1) return;
	queue_line_unref(n->line);
	queue_use_unref(n->use);
	free(n);
}

static void copy_free(struct queue_copy *c)
{
	if (!c) return;
	queue_news_unref(c->news);
	free(c);
}

static void retire(struct queue_board *b, struct queue_copy *c)
{
	if (!c) return;
	c->next = b->retired;
	b->retired = c;
}

static bool free_retired(struct hook *h)
{
	struct queue_board *b = container_of(h, struct queue_board, retire);

	while (b->retired) {
		struct queue_copy *c = b->retired;

		b->retired = c->next;
		copy_free(c);
	}
	return false;
}

/* The table */

struct queue_known *queue_known_of(const struct queue_board *b, int64_t schedule)
{
	struct id_node *n = id_table_find(&b->table, schedule);

	return n ? container_of(n, struct queue_known, node) : NULL;
}

struct queue_known *queue_known_need(struct queue_board *b, int64_t schedule)
{
	struct queue_known *k = queue_known_of(b, schedule);

	if (k) return k;
	k = mem_must(calloc(1, sizeof *k));
	k->node.id = schedule;
	k->board = b;
	TAILQ_INIT(&k->watches);
	id_table_add(&b->table, &k->node);
	return k;
}

void queue_known_tidy(struct queue_known *k)
{
	if (k->copy || !TAILQ_EMPTY(&k->watches) || (k->hearing && k->hearing->under_way)) return;
	id_table_remove(&k->board->table, &k->node);
	free(k->hearing);
	free(k);
}

/* What the owner sends */

void queue_board_take_copy(struct mail *m, void *ctx)
{
	struct queue_board *b = ctx;
	struct queue_copy *c = container_of(m, struct queue_copy, mail);
	struct queue_known *k;

	if (b->closed) {
		copy_free(c);
		return;
	}
	k = queue_known_need(b, c->news->schedule);
	retire(b, k->copy);
	k->copy = c;
	if (!TAILQ_EMPTY(&k->watches)) queue_watches_see(k);
}

void queue_board_take_gone(struct mail *m, void *ctx)
{
	struct queue_board *b = ctx;
	struct queue_gone *gone = container_of(m, struct queue_gone, mail);
	struct queue_known *k = b->closed ? NULL : queue_known_of(b, gone->schedule);

	free(gone);
	if (!k) return;
	retire(b, k->copy);
	k->copy = NULL;
	queue_known_tidy(k);
}

void queue_board_take_answer(struct mail *m, void *ctx)
{
	struct queue_board *b = ctx;
	struct queue_request *r = container_of(m, struct queue_request, mail);

	b->asking--;
	if (!b->closed) port_answer(r->call, r->err);
	free(r);
}

void queue_board_post(struct queue_board *b, struct mail *m)
{
	mailbox_post(&b->mailbox, m);
}

/* What it knows */

static void note_use(_Atomic int64_t *used_ms, int64_t now_ms)
{
	/* Shared by all shards: written seldom, so that the line stays in their caches. */
	if (now_ms - atomic_load_explicit(used_ms, memory_order_relaxed) < USE_NOTE_MS) return;
	atomic_store_explicit(used_ms, now_ms, memory_order_relaxed);
}

struct queue_news *queue_board_find(struct queue_board *b, int64_t schedule)
{
	const struct queue_known *k = queue_known_of(b, schedule);

	if (!k || !k->copy || !k->copy->news->steered) return NULL;
	note_use(&k->copy->news->use->used_ms, loop_now_ms(b->ports.loop));
	return k->copy->news;
}

struct queue_news *queue_board_sight(struct queue_board *b, int64_t schedule)
{
	struct queue_news *n = queue_board_find(b, schedule);
	int64_t now = loop_now_ms(b->ports.loop);

	if (!n || !n->looked) return NULL;
	note_use(&n->use->sight_used_ms, now);
	return now - n->looked_ms <= SIGHT_GOOD_MS ? n : NULL;
}

void queue_board_ask(struct queue_board *b, struct queue_ask *a)
{
	struct queue_request *r;

	if (a->sight ? queue_board_sight(b, a->schedule) : queue_board_find(b, a->schedule)) {
		port_answer(&a->call, TK_NONE);
		return;
	}
	if (b->asking >= ASKING_MAX) {
		port_answer(&a->call, TK_ERR(TK_UNAVAILABLE, "too many wait for the owner of the queues"));
		return;
	}
	r = mem_must(calloc(1, sizeof *r));
	r->mail.deliver = b->owner.take;
	r->from = b;
	r->schedule = a->schedule;
	r->sight = a->sight;
	r->call = &a->call;
	b->asking++;
	mailbox_post(b->owner.mailbox, &r->mail);
}

/* Life */

struct queue_board *queue_board_open(const struct queue_board_ports *p, const struct queue_owner *owner)
{
	struct queue_board *b = mem_must(calloc(1, sizeof *b));

	b->ports = *p;
	b->owner = *owner;
	if (mailbox_init(&b->mailbox, p->loop, b) < 0) {
		free(b);
		return NULL;
	}
	b->retire.before_sleep = free_retired;
	hook_add(p->loop, &b->retire);
	return b;
}

void queue_board_close(struct queue_board *b)
{
	if (!b) return;
	b->closed = true;
	mailbox_finish(&b->mailbox);
	hook_remove(b->ports.loop, &b->retire);
	free_retired(&b->retire);
	for (struct id_node *n = id_table_next(&b->table, NULL), *next; n; n = next) {
		struct queue_known *k = container_of(n, struct queue_known, node);

		next = id_table_next(&b->table, n);
		copy_free(k->copy);
		free(k->hearing);
		free(k);
	}
	id_table_finish(&b->table);
	free(b);
}
