#include "domain/waiting_room.h"

const char *const QUEUE_STATUS_NAME[QUEUE_STATUSES] = {
	[QUEUE_NOBODY] = "NOT_IN_QUEUE",
	[QUEUE_PRE] = "PRE_QUEUE",
	[QUEUE_WAITING] = "WAITING",
	[QUEUE_ACTIVE] = "ACTIVE",
	[QUEUE_USED] = "USED",
	[QUEUE_EXPIRED] = "EXPIRED",
	[QUEUE_SOLD_OUT] = "SOLD_OUT",
};

const enum queue_status QUEUE_NEXT[QUEUE_STATUSES][QUEUE_MOVES] = {
	[QUEUE_PRE] = {[QM_OPEN] = QUEUE_WAITING},
	[QUEUE_WAITING] = {[QM_ADMIT] = QUEUE_ACTIVE, [QM_EXPIRE] = QUEUE_EXPIRED, [QM_SELL_OUT] = QUEUE_SOLD_OUT},
	[QUEUE_ACTIVE] = {[QM_USE] = QUEUE_USED, [QM_EXPIRE] = QUEUE_EXPIRED, [QM_SELL_OUT] = QUEUE_ACTIVE},
	[QUEUE_USED] = {[QM_USE] = QUEUE_USED},
	[QUEUE_EXPIRED] = {[QM_EXPIRE] = QUEUE_EXPIRED},
	[QUEUE_SOLD_OUT] = {[QM_SELL_OUT] = QUEUE_SOLD_OUT, [QM_REOPEN] = QUEUE_WAITING, [QM_EXPIRE] = QUEUE_EXPIRED},
};

enum { POLL_NEAR_MS = 1000, POLL_FAR_MS = 9000, POLL_SPREAD_MS = 1000, POLL_OFTENEST_MS = 200 };
enum { POLL_PER_ETA_S_MS = 100 };

int64_t queue_eta_s(int64_t rank, int64_t rate_milli, int64_t admit_per_s)
{
	if (rank <= 0) return rank == 0 ? 0 : -1;
	if (rate_milli < 0) rate_milli = admit_per_s > INT64_MAX / 1000 ? INT64_MAX : admit_per_s * 1000;
	if (rate_milli <= 0 || rank > INT64_MAX / 2000) return -1;
	return (rank * 1000 - 1) / rate_milli + 1;
}

/* Neighbours in the line far apart, the same place always the same. */
static int64_t spread(int64_t number)
{
	return (int64_t)(((uint64_t)number * 0x9E3779B97F4A7C15u >> 32) % POLL_SPREAD_MS);
}

static int64_t unhurried(const struct queue_place *p, int64_t eta_s)
{
	switch (p->status) {
	case QUEUE_WAITING:
		if (eta_s < 0 || eta_s >= (POLL_FAR_MS - POLL_NEAR_MS) / POLL_PER_ETA_S_MS) return POLL_FAR_MS;
		return POLL_NEAR_MS + eta_s * POLL_PER_ETA_S_MS;
	case QUEUE_PRE:
	case QUEUE_ACTIVE: return (POLL_NEAR_MS + POLL_FAR_MS) / 2;
	default: return POLL_FAR_MS;
	}
}

int64_t queue_poll_after_ms(const struct queue_place *p, int64_t eta_s, int64_t grace_ms)
{
	int64_t ms = unhurried(p, eta_s) + spread(p->number);
	if (grace_ms > 0 && ms > grace_ms / 3) ms = grace_ms / 3;
	return ms < POLL_OFTENEST_MS ? POLL_OFTENEST_MS : ms;
}
