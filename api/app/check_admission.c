#include "api/app/check_admission.h"

#include "api/app/bypass_limit.h"
#include "runtime/loop.h"

enum { READ_TOKEN, VERIFY, REVIVE, ASK_NOBODY, ASK_QUEUE, FEEL_PULSE, ASK_STEERING };

static struct check_admission *self(struct flow *f)
{
	return container_of(f, struct check_admission, flow);
}

static int end(struct check_admission *c, enum admission_outcome o)
{
	c->outcome = o;
	return FLOW_END;
}

static int token_read(struct flow *f)
{
	struct check_admission *c = self(f);

	if (!c->token) return c->services->pulse ? FEEL_PULSE : ASK_NOBODY;
	if (!queue_ticket_of(c->services, c->token, c->schedule, &c->ticket)) return end(c, ADMISSION_REFUSED);
	if (c->ticket.user != c->user) return end(c, ADMISSION_REFUSED);
	return c->services->admission ? ASK_QUEUE : VERIFY;
}

/* --- a queue of our own --- */

static void verify(struct flow *f)
{
	struct check_admission *c = self(f);

	c->verify = queue_verify_of(c->services, &c->ticket);
	c->verify.call.flow = f;
	c->services->queue->verify(c->services->queue, &c->verify);
}

static int verified(struct flow *f)
{
	struct check_admission *c = self(f);

	if (tk_failed(f->err)) return end(c, ADMISSION_NO_QUEUE);
	switch (c->verify.verdict) {
	case VERIFY_ACTIVE: return end(c, ADMITTED);
	case VERIFY_WAITING: return end(c, ADMISSION_NOT_YET);
	case VERIFY_INVALID: return end(c, ADMISSION_REFUSED);
	case VERIFY_NEW_LIFE: break;
	}
	return revive_queue_may(&c->revive, &f->err) ? REVIVE : end(c, ADMISSION_NO_QUEUE);
}

static void revive(struct flow *f)
{
	struct check_admission *c = self(f);
	revive_queue_ask(&c->revive, c->services, f, c->schedule);
}

static int revived(struct flow *f)
{
	return tk_failed(f->err) ? end(self(f), ADMISSION_NO_QUEUE) : VERIFY;
}

/* Without a token, where the holds' Redis is the queue's: there is no way past it when it is away. */
static void ask_nobody(struct flow *f)
{
	struct check_admission *c = self(f);

	c->verify = (struct queue_verify){.call.flow = f};
	c->services->queue->verify(c->services->queue, &c->verify);
}

static int nobody_asked(struct flow *f)
{
	return end(self(f), tk_failed(f->err) ? ADMISSION_NO_QUEUE : ADMISSION_NEEDS_TOKEN);
}

/* --- another daemon's --- */

static void ask_queue(struct flow *f)
{
	struct check_admission *c = self(f);

	c->remote = (struct admission_verify){.call.flow = f, .token = c->token, .schedule = c->schedule, .user = c->user};
	c->services->admission->verify(c->services->admission, &c->remote);
}

static int queue_asked(struct flow *f)
{
	static const enum admission_outcome OUTCOME[] = {
		[ADMISSION_ACTIVE] = ADMITTED,
		[ADMISSION_WAITING] = ADMISSION_NOT_YET,
		[ADMISSION_INVALID] = ADMISSION_REFUSED,
	};
	struct check_admission *c = self(f);

	return end(c, tk_failed(f->err) ? ADMISSION_NO_QUEUE : OUTCOME[c->remote.verdict]);
}

/* --- without a token --- */

static void feel_pulse(struct flow *f)
{
	struct check_admission *c = self(f);

	c->pulse.call.flow = f;
	queue_pulse_ask(c->services->pulse, &c->pulse);
}

static int pulse_felt(struct flow *f)
{
	struct check_admission *c = self(f);

	if (c->pulse.pulse == PULSE_BEATS) return end(c, ADMISSION_NEEDS_TOKEN);
	if (c->pulse.pulse != PULSE_DEAD || c->services->config->queue_bypass != SWITCH_ON)
		return end(c, ADMISSION_NO_QUEUE);
	return ASK_STEERING;
}

static void ask_steering(struct flow *f)
{
	struct check_admission *c = self(f);

	c->steering = (struct queue_ask){.call.flow = f, .schedule = c->schedule};
	queue_board_ask(c->services->board, &c->steering);
}

/* Whether the operator has paused it is known from the database, not from the dead. */
static int steering_known(struct flow *f)
{
	struct check_admission *c = self(f);
	const struct queue_news *n = tk_failed(f->err) ? NULL : queue_board_find(c->services->board, c->schedule);

	if (!n || n->setting.paused) return end(c, ADMISSION_NO_QUEUE);
	bool passes = bypass_limit_admits(c->services->bypass, loop_now_ms(c->services->loop));
	return end(c, passes ? ADMISSION_BYPASSED : ADMISSION_NO_QUEUE);
}

static const struct flow_step STEPS[] = {
	[READ_TOKEN] = {"read_token", NULL, token_read},
	[VERIFY] = {"verify", verify, verified},
	[REVIVE] = {"revive", revive, revived},
	[ASK_NOBODY] = {"ask_nobody", ask_nobody, nobody_asked},
	[ASK_QUEUE] = {"ask_queue", ask_queue, queue_asked},
	[FEEL_PULSE] = {"feel_pulse", feel_pulse, pulse_felt},
	[ASK_STEERING] = {"ask_steering", ask_steering, steering_known},
};

static void done(struct flow *f)
{
	port_answer(&self(f)->parent, TK_NONE);
}

void check_admission_ask(struct check_admission *c, struct services *s, struct flow *parent)
{
	c->services = s;
	c->parent.flow = parent;
	flow_start(&c->flow, STEPS, READ_TOKEN, done);
}
