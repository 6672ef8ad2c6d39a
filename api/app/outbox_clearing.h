/* outbox_clearing: the outbox rows of delivered events go. One that could not be cleared stays: its event comes once more
 * from the relay, and a duplicate is normal.
 *
 * Memory: the owner's; what is under way is allocated, as much as ever was at once. Thread: the shard's. */
#ifndef TK_OUTBOX_CLEARING_H
#define TK_OUTBOX_CLEARING_H

#include <stdbool.h>

struct services;
struct uuid;
struct clearing;

struct outbox_clearing {
	struct services *services;
	struct clearing *spare;
	unsigned under_way;
};

void outbox_clearing_init(struct outbox_clearing *c, struct services *s);
void outbox_clearing_finish(struct outbox_clearing *c);
void outbox_clearing_delivered(struct outbox_clearing *c, const struct uuid *event_id);
bool outbox_clearing_idle(const struct outbox_clearing *c);

#endif
