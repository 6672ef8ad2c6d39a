#include "api/app/visit_queue.h"

#include "runtime/when.h"

enum { FIND_SCHEDULE, ASK_STORE, NEXT_EPOCH, REVIVE };

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
	return ASK_STORE;
}

/* A token of somebody or somewhere else is as good as none. */
static void use_token(struct visit_queue *v)
{
	struct queue_ticket t;

	if (!v->enter || !v->token || !v->services->tokens->open(v->services->tokens, v->token, &t)) return;
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
	if (v->enter) q->enter(q, &v->call);
	else q->status(q, &v->call);
}

static void tell(struct visit_queue *v)
{
	const struct queue_place *p = &v->call.place;
	struct queue_ticket t = {.schedule = v->schedule, .user = v->user, .number = p->number, .epoch = p->epoch};

	v->services->tokens->seal(v->services->tokens, &t, v->sealed);
	v->eta_s = queue_eta_s(p->rank, p->rate_milli, v->services->config->queue_admit_per_s);
	v->poll_after_ms = queue_poll_after_ms(p, v->eta_s);
}

static int store_asked(struct flow *f)
{
	struct visit_queue *v = self(f);

	if (tk_failed(f->err)) return end(v, VISIT_FAILED);
	switch (v->call.verdict) {
	case QUEUE_NO_PLACE: return end(v, VISIT_NO_PLACE);
	case QUEUE_NEW_LIFE:
		if (revive_queue_may(&v->revive)) return NEXT_EPOCH;
		f->err = TK_ERR(TK_UNAVAILABLE, "Redis keeps losing the queue");
		return end(v, VISIT_FAILED);
	case QUEUE_PLACED: break;
	}
	if (v->enter && v->call.place.status == QUEUE_SOLD_OUT) return end(v, VISIT_SOLD_OUT);
	tell(v);
	return end(v, VISIT_PLACED);
}

static void next_epoch(struct flow *f)
{
	struct visit_queue *v = self(f);
	revive_queue_ask_epoch(&v->revive, v->services, f, v->schedule);
}

static int epoch_given(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), VISIT_FAILED) : REVIVE;
}

static void revive(struct flow *f)
{
	struct visit_queue *v = self(f);
	revive_queue_ask_store(&v->revive, v->services, f, v->call.token_number);
}

static int revived(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), VISIT_FAILED) : ASK_STORE;
}

static const struct flow_step STEPS[] = {
	[FIND_SCHEDULE] = {"find_schedule", find_schedule, schedule_found},
	[ASK_STORE] = {"ask_store", ask_store, store_asked},
	[NEXT_EPOCH] = {"next_epoch", next_epoch, epoch_given},
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
