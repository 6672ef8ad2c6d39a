/* after_payment: what follows an approval without anybody waiting for it: the event goes to Kafka, its delivery report
 * clears the outbox row, and the seat is marked pending in Redis' copy.
 *
 * Nothing here may fail a payment: what is lost is made good by the relay and by backstage's comparison.
 * One instance a shard. Thread: the shard's. */
#ifndef TK_AFTER_PAYMENT_H
#define TK_AFTER_PAYMENT_H

#include "api/app/services.h"
#include "port/orders.h"

struct after_payment;
struct after_payment *after_payment_create(struct services *s); /* takes the event_out's delivery reports */
void after_payment_destroy(struct after_payment *a);
void after_payment_approved(struct after_payment *a, const struct order_approve *o);
bool after_payment_idle(const struct after_payment *a); /* nothing under way: for a clean stop */

#endif
