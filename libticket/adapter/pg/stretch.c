#include "adapter/pg/stretch.h"

#define DAY_US ((int64_t)86400 * 1000000)

void stretch_start(struct stretch *s, int64_t now_us)
{
	if (s->started) return;
	*s = (struct stretch){.fresh_us = now_us - DAY_US, .slow_us = INT64_MIN, .started = true};
}

static bool is_before(int64_t missed_us, int64_t us)
{
	return missed_us != STRETCH_NONE && missed_us <= us;
}

static void move_slow(struct stretch *s, struct stretch_piece slow, int64_t full)
{
	s->slow_us = slow.rows >= full ? slow.last_us : INT64_MIN;
	if (is_before(slow.missed_us, s->slow_us)) s->slow_us = slow.missed_us - 1;
}

bool stretch_move(
	struct stretch *s, struct stretch_piece fresh, struct stretch_piece slow, int64_t full, int64_t present_us)
{
	bool more = fresh.rows >= full;
	move_slow(s, slow, full);
	if (s->missed_us == STRETCH_NONE) s->missed_us = fresh.missed_us;
	s->fresh_us = more ? fresh.last_us : present_us;
	if (more) return true;
	if (is_before(s->missed_us, present_us)) s->fresh_us = s->missed_us - 1;
	s->missed_us = STRETCH_NONE;
	return false;
}
