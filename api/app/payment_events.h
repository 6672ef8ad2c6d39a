/* payment_events: the events of approved payments go to Kafka, and the report of their delivery clears their outbox rows.
 *
 * Nothing here can fail: an event that was not taken, not reported, or reported as lost keeps its row, from which the
 * relay publishes it once more. Memory: the owner's. Thread: the shard's. */
#ifndef TK_PAYMENT_EVENTS_H
#define TK_PAYMENT_EVENTS_H

#include "api/app/outbox_clearing.h"
#include "event/payment_completed.h"
#include "runtime/pace.h"

enum { PAYMENT_EVENTS_MAX = 1000 };

struct payment_events {
	struct services *services;
	struct outbox_clearing clearing;
	struct pace pace;
	unsigned unreported, count;
	struct payment_completed waiting[PAYMENT_EVENTS_MAX];
};

void payment_events_init(struct payment_events *p, struct services *s); /* takes the event_out's delivery reports */
void payment_events_finish(struct payment_events *p);
void payment_events_publish(struct payment_events *p, const struct payment_completed *e); /* now or soon */
bool payment_events_idle(const struct payment_events *p); /* all sent, reported and cleared */

#endif
