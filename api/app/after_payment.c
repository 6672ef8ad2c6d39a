#include "api/app/after_payment.h"

#include <stdlib.h>

#include "api/app/backlog.h"
#include "api/app/payment_events.h"
#include "api/app/pending_marks.h"

struct after_payment {
	struct services *services;
	struct payment_events events;
	struct pending_marks marks;
};

void after_payment_approved(struct after_payment *a, const struct order_approve *o)
{
	backlog_moved(a->services->backlog, 1);
	payment_events_publish(&a->events, &o->event);
	pending_marks_add(&a->marks, o);
}

bool after_payment_idle(const struct after_payment *a)
{
	return payment_events_idle(&a->events) && pending_marks_idle(&a->marks);
}

struct after_payment *after_payment_create(struct services *s)
{
	struct after_payment *a = calloc(1, sizeof *a);

	if (!a) return NULL;
	a->services = s;
	payment_events_init(&a->events, s);
	pending_marks_init(&a->marks, s);
	return a;
}

void after_payment_destroy(struct after_payment *a)
{
	if (!a) return;
	payment_events_finish(&a->events);
	pending_marks_finish(&a->marks);
	free(a);
}
