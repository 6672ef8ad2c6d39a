#include "app/seat_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void seat_set_init(struct seat_set *s, unsigned max)
{
	unsigned places = 2;
	while (places < 2 * max) places *= 2;
	s->at = calloc(places, sizeof *s->at);
	if (!s->at) abort();
	s->mask = places - 1;
}

void seat_set_finish(struct seat_set *s)
{
	free(s->at);
	s->at = NULL;
}

void seat_set_clear(struct seat_set *s)
{
	memset(s->at, 0, (s->mask + 1) * sizeof *s->at);
}

/* Where the seat is, or would be. */
static unsigned find(const struct seat_set *s, const struct payment_completed *e)
{
	unsigned i = (unsigned)XXH64(e->seat.s, e->seat.len, (uint64_t)e->schedule) & s->mask;
	while (s->at[i] && !(s->at[i]->schedule == e->schedule && seat_no_equal(&s->at[i]->seat, &e->seat)))
		i = (i + 1) & s->mask;
	return i;
}

bool seat_set_has(const struct seat_set *s, const struct payment_completed *e)
{
	return s->at[find(s, e)] != NULL;
}

bool seat_set_add(struct seat_set *s, const struct payment_completed *e)
{
	unsigned i = find(s, e);
	if (s->at[i]) return false;
	s->at[i] = e;
	return true;
}
