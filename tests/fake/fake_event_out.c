#include "fake/fake_event_out.h"

#include <string.h>

static struct fake_event_out *self(struct event_out *e)
{
	return container_of(e, struct fake_event_out, port);
}

/* True on the n-th call and, with `span`, on those after it. */
static bool counts_down(int *left, int *span)
{
	if (*left == 0 || --*left > 0) return false;
	if (*span > 1) {
		--*span;
		*left = 1;
	}
	return true;
}

static const struct uuid *id_of(const struct fake_event *e)
{
	static const struct uuid none;
	if (e->kind == FAKE_PAYMENT) return &e->payment.event_id;
	return e->kind == FAKE_RESERVATION ? &e->reservation.event_id : &none;
}

static struct fake_event *accept(struct fake_event_out *f, enum fake_event_kind kind, uint64_t tag)
{
	if (counts_down(&f->refuse_in, &f->refuse_for)) return NULL;
	/* The oldest make room in a test of many. */
	struct fake_event *e = &f->event[f->count++ % FAKE_EVENTS_MAX];
	*e = (struct fake_event){
		.kind = kind, .tag = tag, .delivery = counts_down(&f->fail_in, &f->fail_for) ? DELIVERY_FAILED : DELIVERY_DONE};
	return e;
}

static struct tk_err publish_payment(struct event_out *port, const struct payment_completed *p, uint64_t tag)
{
	struct fake_event *e = accept(self(port), FAKE_PAYMENT, tag);
	if (!e) return TK_ERR(TK_UNAVAILABLE, "fake refuses");
	e->payment = *p;
	return TK_NONE;
}

static struct tk_err publish_reservation(struct event_out *port, const struct reservation_decided *r, uint64_t tag)
{
	struct fake_event *e = accept(self(port), FAKE_RESERVATION, tag);
	if (!e) return TK_ERR(TK_UNAVAILABLE, "fake refuses");
	e->reservation = *r;
	return TK_NONE;
}

static const void *keep(char *to, const void *from, size_t n)
{
	if (!from) return NULL;
	return memcpy(to, from, n < FAKE_BYTES_MAX ? n : FAKE_BYTES_MAX);
}

static size_t size_of(const struct dead_letter *d)
{
	return (d->cut == LETTER_WHOLE ? d->value_len : 0) + (d->cut != LETTER_BARE ? d->key_len : 0);
}

static struct tk_err publish_dead_letter(struct event_out *port, const struct dead_letter *d, uint64_t tag)
{
	struct fake_event_out *f = self(port);
	bool too_large = f->too_large && size_of(d) > f->too_large;
	if (too_large && f->too_large_here) return TK_ERR(TK_INVALID, "fake refuses for good");
	struct fake_event *e = accept(f, FAKE_DEAD_LETTER, tag);
	if (!e) return TK_ERR(TK_UNAVAILABLE, "fake refuses");
	if (too_large) e->delivery = DELIVERY_REFUSED;
	e->dead_letter = *d;
	e->dead_letter.key = keep(e->key, d->key, d->key_len);
	e->dead_letter.value = keep(e->value, d->value, d->value_len);
	return TK_NONE;
}

static bool reachable(struct event_out *port)
{
	return !self(port)->away;
}

void fake_event_out_init(struct fake_event_out *f)
{
	memset(f, 0, sizeof *f);
	f->port.publish_payment = publish_payment;
	f->port.publish_reservation = publish_reservation;
	f->port.publish_dead_letter = publish_dead_letter;
	f->port.reachable = reachable;
}

unsigned fake_event_out_report(struct fake_event_out *f)
{
	unsigned n = 0, end = f->count, kept = end < FAKE_EVENTS_MAX ? end : FAKE_EVENTS_MAX;
	for (unsigned i = end - kept; i != end && !f->never; i++) {
		struct fake_event *e = &f->event[i % FAKE_EVENTS_MAX];
		if (e->reported) continue;
		e->reported = true;
		n++;
		if (f->port.delivered) f->port.delivered(f->port.ctx, id_of(e), e->tag, e->delivery);
	}
	return n;
}
