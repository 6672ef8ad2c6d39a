#include "domain/schedule.h"

#include <assert.h>
#include <xxhash.h>

#include "runtime/mem.h"

const char *const SCHEDULE_STATUS_NAME[SCHEDULE_STATUSES] = {
	[SCHEDULE_ON_SALE] = "ON_SALE",
	[SCHEDULE_CLOSED] = "CLOSED",
};

/* The slot of that seat, or the empty one where it belongs. The table is at most half full, so there is one. */
static uint32_t *slot_of(const struct seat_plan *p, const struct seat_no *no)
{
	uint32_t i = (uint32_t)XXH3_64bits(no->s, no->len) & p->mask;

	while (p->slot[i] && !seat_no_equal(&p->seats[p->slot[i] - 1].no, no)) i = (i + 1) & p->mask;
	return &p->slot[i];
}

static uint32_t slots_for(uint32_t count)
{
	uint32_t slots = 2;

	assert(count <= UINT32_MAX / 4);
	while (slots < 2 * count) slots *= 2;
	return slots;
}

struct seat_plan *seat_plan_create(struct seat *seats, uint32_t count)
{
	struct seat_plan *p = mem_must(calloc(1, sizeof *p));
	uint32_t slots = slots_for(count);

	atomic_init(&p->refs, 1);
	p->seats = seats;
	p->count = count;
	p->mask = slots - 1;
	p->slot = mem_must(calloc(slots, sizeof *p->slot));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *slot = slot_of(p, &seats[i].no);

		if (!*slot) *slot = i + 1; /* of equal numbers the first is found; the database knows none */
	}
	return p;
}

struct seat_plan *seat_plan_ref(struct seat_plan *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void seat_plan_unref(struct seat_plan *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1) return;
	free(p->slot);
	free(p->seats);
	free(p);
}

int32_t seat_plan_find(const struct seat_plan *p, const struct seat_no *no)
{
	return (int32_t)*slot_of(p, no) - 1;
}
