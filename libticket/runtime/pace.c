#include "runtime/pace.h"

void pace_init(struct pace *p, struct loop *l, struct pace_terms t, void (*fired)(struct timer *))
{
	*p = (struct pace){.timer.fired = fired, .loop = l, .terms = t};
}

void pace_stop(struct pace *p)
{
	timer_stop(p->loop, &p->timer);
}

bool pace_is_time(struct pace *p, unsigned waiting)
{
	if (waiting >= p->terms.enough || loop_now_ms(p->loop) >= p->next_ms) return true;
	if (!p->timer.slot) timer_arm(p->loop, &p->timer, p->next_ms);
	return false;
}

void pace_went(struct pace *p, unsigned count)
{
	timer_stop(p->loop, &p->timer);
	p->next_ms = loop_now_ms(p->loop) + (count >= p->terms.crowd ? p->terms.busy_ms : p->terms.calm_ms);
}
