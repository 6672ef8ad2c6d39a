#include "api/app/queue_pulse.h"

#include "port/admission.h"
#include "port/queue_store.h"
#include "runtime/loop.h"
#include "runtime/mem.h"

/* ASKED_EACH: while somebody asks, however many do. */
enum { EACH_MS = 200, ASKED_EACH_MS = 20, DEAD_AFTER_MS = 1000, WAIT_MS = 1500, LOOK_MS = 50 };

TAILQ_HEAD(pulse_asks, pulse_ask);

struct queue_pulse {
	struct services *services;
	struct flow flow;
	struct timer next, look;
	struct admission_ping ping;
	struct queue_verify nobody; /* the ping of a queue on a Redis of its own */
	struct pulse_asks asks;
	int64_t began_ms, answered_ms; /* the ping under way; the last answer, at first the start */
	bool answers;				   /* the last ping was answered */
	bool under_way, stopped;
};

static bool is_dead(const struct queue_pulse *p)
{
	return !p->answers && loop_now_ms(p->services->loop) - p->answered_ms >= DEAD_AFTER_MS;
}

static void answer(struct queue_pulse *p, struct pulse_ask *a, enum pulse pulse)
{
	TAILQ_REMOVE(&p->asks, a, link);
	a->pulse = pulse;
	port_answer(&a->call, TK_NONE);
}

/* Who asked until then: the first asked first. */
static void answer_until(struct queue_pulse *p, int64_t asked_ms, enum pulse pulse)
{
	struct pulse_ask *a;

	while ((a = TAILQ_FIRST(&p->asks)) && a->asked_ms <= asked_ms) answer(p, a, pulse);
}

/* --- pings --- */

static void ping(struct flow *f)
{
	struct queue_pulse *p = container_of(f, struct queue_pulse, flow);
	struct services *s = p->services;

	p->began_ms = loop_now_ms(s->loop);
	if (s->admission) {
		p->ping.call.flow = f;
		s->admission->ping(s->admission, &p->ping);
		return;
	}
	p->nobody = (struct queue_verify){.call.flow = f};
	s->queue->verify(s->queue, &p->nobody);
}

static int pinged(struct flow *f)
{
	struct queue_pulse *p = container_of(f, struct queue_pulse, flow);

	p->answers = !tk_failed(f->err);
	if (p->answers) p->answered_ms = loop_now_ms(p->services->loop);
	return FLOW_END;
}

static const struct flow_step STEPS[] = {{"ping", ping, pinged}};

static void arm_next(struct queue_pulse *p)
{
	timer_arm(p->services->loop, &p->next, p->began_ms + (TAILQ_EMPTY(&p->asks) ? EACH_MS : ASKED_EACH_MS));
}

static void ping_ended(struct flow *f)
{
	struct queue_pulse *p = container_of(f, struct queue_pulse, flow);

	p->under_way = false;
	if (p->stopped) return;
	if (p->answers) answer_until(p, p->began_ms, PULSE_BEATS);
	else if (is_dead(p)) answer_until(p, INT64_MAX, PULSE_DEAD);
	arm_next(p);
}

static void next_ping(struct timer *t)
{
	struct queue_pulse *p = container_of(t, struct queue_pulse, next);

	p->under_way = true;
	flow_start(&p->flow, STEPS, 0, ping_ended);
}

/* --- asks --- */

/* A verdict comes with a ping's end or, while one hangs, with time. */
static void look_at_asks(struct timer *t)
{
	struct queue_pulse *p = container_of(t, struct queue_pulse, look);
	int64_t now = loop_now_ms(p->services->loop);

	if (is_dead(p)) answer_until(p, INT64_MAX, PULSE_DEAD);
	answer_until(p, now - WAIT_MS, PULSE_UNKNOWN);
	if (!TAILQ_EMPTY(&p->asks)) timer_arm(p->services->loop, t, now + LOOK_MS);
}

void queue_pulse_ask(struct queue_pulse *p, struct pulse_ask *a)
{
	int64_t now = loop_now_ms(p->services->loop);

	if (p->stopped || is_dead(p)) {
		a->pulse = p->stopped ? PULSE_UNKNOWN : PULSE_DEAD;
		port_answer(&a->call, TK_NONE);
		return;
	}
	a->asked_ms = now;
	TAILQ_INSERT_TAIL(&p->asks, a, link);
	if (!p->look.slot) timer_arm(p->services->loop, &p->look, now + LOOK_MS);
	if (!p->under_way) arm_next(p);
}

/* --- life --- */

struct queue_pulse *queue_pulse_create(struct services *s)
{
	struct queue_pulse *p = mem_must(calloc(1, sizeof *p));

	p->services = s;
	p->next.fired = next_ping;
	p->look.fired = look_at_asks;
	p->answered_ms = loop_now_ms(s->loop);
	TAILQ_INIT(&p->asks);
	timer_arm(s->loop, &p->next, loop_now_ms(s->loop));
	return p;
}

void queue_pulse_stop(struct queue_pulse *p)
{
	if (!p || p->stopped) return;
	p->stopped = true;
	timer_stop(p->services->loop, &p->next);
	timer_stop(p->services->loop, &p->look);
	answer_until(p, INT64_MAX, PULSE_UNKNOWN);
}

void queue_pulse_destroy(struct queue_pulse *p)
{
	if (!p) return;
	queue_pulse_stop(p);
	free(p);
}
