#include "adapter/pg/stretch.h"

#define DAY_US ((int64_t)86400 * 1000000)

void stretch_start(struct stretch *s, int64_t now_us)
{
	if (s->started) return;
	*s = (struct stretch){now_us - DAY_US, INT64_MIN, true};
}

bool stretch_move(struct stretch *s, struct stretch_piece fresh, struct stretch_piece slow, int64_t full,
	int64_t present_us)
{
	bool more = fresh.rows >= full;
	s->fresh_us = more ? fresh.last_us : present_us;
	s->slow_us = slow.rows >= full ? slow.last_us : INT64_MIN;
	return more;
}
