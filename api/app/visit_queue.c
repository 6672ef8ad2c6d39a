#include "api/app/visit_queue.h"

#include <string.h>

#include "runtime/when.h"

enum { FIND_SCHEDULE, ASK_STEERING, ASK_STORE, REVIVE };

static struct visit_queue *self(struct flow *f)
{
	return container_of(f, struct visit_queue, flow);
}

static int end(struct visit_queue *v, enum visit_outcome o)
{
	v->outcome = o;
	return FLOW_END;
}

struct queue_rules queue_rules_of(const struct services *s, const struct schedule *schedule)
{
	return (struct queue_rules){
		.opens_at_ms = schedule->sale_opens_at_ms,
		.active_ttl_ms = s->config->queue_active_ttl_s * 1000,
		.claim_ttl_ms = s->config->queue_claim_ttl_s * 1000,
		.grace_ms = s->config->queue_wait_grace_s * 1000,
	};
}

static void find_schedule(struct flow *f)
{
	struct visit_queue *v = self(f);
	v->find.last_known = !v->enter;
	find_schedule_ask(&v->find, v->services, f, v->schedule);
}

static int schedule_found(struct flow *f)
{
	struct visit_queue *v = self(f);

	if (tk_failed(f->err)) return end(v, VISIT_FAILED);
	if (find_schedule_got(&v->find, v->services, NULL, 0, NULL) != FOUND) return end(v, VISIT_NO_SCHEDULE);
	const struct schedule *s = &v->find.schedule;
	if (v->concert && v->concert != s->concert_id) return end(v, VISIT_OTHER_CONCERT);
	if (!s->queue_required) return end(v, v->enter ? VISIT_NO_QUEUE : VISIT_NO_PLACE);
	if (v->enter && s->status == SCHEDULE_CLOSED) return end(v, VISIT_CLOSED);
	return v->enter ? ASK_STEERING : ASK_STORE;
}

static void ask_steering(struct flow *f)
{
	struct visit_queue *v = self(f);

	v->steering = (struct queue_ask){.call.flow = f, .schedule = v->schedule};
	queue_board_ask(v->services->board, &v->steering);
}

/* Not known: the queue goes on without it. */
static int steering_known(struct flow *f)
{
	struct visit_queue *v = self(f);
	const struct queue_news *n = tk_failed(f->err) ? NULL : queue_board_find(v->services->board, v->schedule);

	v->sold_out = n && n->sold_out;
	return ASK_STORE;
}

/* A token of somebody or somewhere else is as good as none. */
static void use_token(struct visit_queue *v)
{
	struct queue_token *tokens = v->services->tokens;
	struct queue_ticket t;

	if (!v->enter || !v->token || !tokens->read(tokens, v->token, strlen(v->token), &t)) return;
	if (t.user != v->user || t.schedule != v->schedule) return;
	v->call.token_number = t.number;
	v->call.token_epoch = t.epoch;
}

static void ask_store(struct flow *f)
{
	struct visit_queue *v = self(f);
	struct queue_store *q = v->services->queue;

	v->call.call.flow = f;
	v->call.schedule = v->schedule;
	v->call.user = v->user;
	v->call.rules = queue_rules_of(v->services, &v->find.schedule);
	use_token(v);
	if (v->enter && !v->sold_out) q->enter(q, &v->call);
	else q->status(q, &v->call);
}

/* Who was admitted when the last seat was sold stays so. */
static bool is_too_late(const struct visit_queue *v)
{
	if (!v->enter) return false;
	return v->call.place.status == QUEUE_SOLD_OUT || (v->sold_out && v->call.place.status != QUEUE_ACTIVE);
}

static int store_asked(struct flow *f)
{
	struct visit_queue *v = self(f);

	if (tk_failed(f->err)) return end(v, VISIT_FAILED);
	switch (v->call.verdict) {
	case QUEUE_NO_PLACE: return end(v, v->enter ? VISIT_SOLD_OUT : VISIT_NO_PLACE);
	case QUEUE_NEW_LIFE: return revive_queue_may(&v->revive, &f->err) ? REVIVE : end(v, VISIT_FAILED);
	case QUEUE_PLACED: break;
	}
	return end(v, is_too_late(v) ? VISIT_SOLD_OUT : VISIT_PLACED);
}

static void revive(struct flow *f)
{
	struct visit_queue *v = self(f);
	revive_queue_ask(&v->revive, v->services, f, v->schedule);
}

static int revived(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), VISIT_FAILED) : ASK_STORE;
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[ASK_STEERING] = {"ask_steering", ask_steering, steering_known},
	[ASK_STORE] = {"ask_store", ask_store, store_asked},
	[REVIVE] = {"revive", revive, revived},
};

void visit_queue_start(struct visit_queue *v, struct services *s, void (*done)(struct flow *f))
{
	v->services = s;
	flow_start(&v->flow, STEPS, FIND_SCHEDULE, done);
}

void visit_queue_finish(struct visit_queue *v)
{
	find_schedule_finish(&v->find);
}

/* --- prospects --- */

static int64_t eta_of(struct services *s, int64_t schedule, const struct queue_place *p)
{
	const struct queue_news *n = queue_board_find(s->board, schedule);

	if (n && (n->setting.paused || n->setting.max_active == 0)) return -1;
	return queue_eta_s(p->rank, p->rate_milli, n ? n->setting.admit_per_s : s->config->queue_admit_per_s);
}

static bool has_token(const struct queue_place *p)
{
	return p->status != QUEUE_NOBODY && p->status != QUEUE_USED && p->status != QUEUE_EXPIRED;
}

void queue_prospect_of(
	struct services *s, int64_t schedule, int64_t user, const struct queue_place *p, struct queue_prospect *ret)
{
	struct queue_ticket t = {.schedule = schedule, .user = user, .number = p->number, .epoch = p->epoch};

	ret->token[0] = '\0';
	if (has_token(p)) s->tokens->write(s->tokens, &t, ret->token);
	ret->eta_s = p->status == QUEUE_ACTIVE ? 0 : p->status == QUEUE_WAITING ? eta_of(s, schedule, p) : -1;
	ret->poll_after_ms = queue_poll_after_ms(p, ret->eta_s, s->config->queue_wait_grace_s * 1000);
}
