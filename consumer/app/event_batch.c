#include "app/event_batch.h"

#include <stdlib.h>

#include "runtime/metrics.h"
#include "runtime/when.h"

enum { BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 2000, REPEAT_USED_MS = 300000 };

static void finish_if_done(struct event_batch *b);
static void decide(struct event_batch *b);

static int64_t now_ms(const struct event_batch *b)
{
	return b->ports.now_ms ? b->ports.now_ms() : when_now_ms();
}

/* --- trying again --- */

static int64_t backoff_ms(unsigned tries)
{
	int64_t ms = BACKOFF_MIN_MS;
	while (tries-- > 0 && ms < BACKOFF_MAX_MS) ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void try_again(struct event_batch *b, unsigned events)
{
	if (b->given_up || b->again.slot) return;
	if (b->owner.retried) b->owner.retried(b->owner.ctx, b->trouble, events);
	timer_arm(b->ports.loop, &b->again, loop_now_ms(b->ports.loop) + backoff_ms(b->tries++));
}

/* --- deciding --- */

static void count_decision(struct event_batch *b, const struct confirm_reservation *c)
{
	if (!b->ports.metrics) return;
	metrics_add(b->ports.metrics, METRIC_CONFIRMATIONS, (unsigned)c->outcome, 1);
	if (c->outcome != CONFIRM_CONFIRMED && c->outcome != CONFIRM_REJECTED) return;
	int64_t late_ms = now_ms(b) - c->event.occurred_at_ms;
	metrics_observe(b->ports.metrics, METRIC_CONFIRM_LATENCY, 0, late_ms > 0 ? late_ms * 1000 : 0);
}

static void park(struct event_slot *s, const char *reason)
{
	struct event_batch *b = s->batch;
	s->confirm.outcome = CONFIRM_PARKED;
	s->letter.reason = reason;
	s->letter.cut = LETTER_WHOLE;
	s->out = OUT_WAITS;
	s->decided = true;
	if (b->owner.parked) b->owner.parked(b->owner.ctx, s);
}

static void ask_the_rest(struct event_batch *b, unsigned undecided)
{
	bool all_well = b->answered == b->asked, lost = b->answered == 0 && b->unanswered > 0;
	if (lost) b->at_once = (b->asked + 1) / 2;
	if (!all_well) {
		try_again(b, undecided);
		return;
	}
	b->at_once *= 2;
	b->tries = 0;
	if (!b->given_up) decide(b);
}

static void all_asked(struct event_batch *b)
{
	unsigned undecided = 0, firsts = 0;
	for (unsigned i = 0; i < b->count; i++) {
		undecided += !b->slots[i].decided;
		firsts += !b->slots[i].decided && !b->slots[i].repeats;
	}
	b->repeating = firsts == 0;
	if (undecided) {
		ask_the_rest(b, undecided);
		return;
	}
	b->tries = 0;
	/* On the next turn: what another batch asks of the database now leaves before this one keeps the loop busy. */
	if (!b->given_up) timer_arm(b->ports.loop, &b->next_turn, loop_now_ms(b->ports.loop));
	if (b->owner.decided) b->owner.decided(b->owner.ctx, b);
}

static void deciding_less(struct event_batch *b)
{
	if (--b->deciding == 0) all_asked(b);
}

static void decided(struct confirm_reservation *c)
{
	struct event_slot *s = container_of(c, struct event_slot, confirm);
	struct event_batch *b = s->batch;
	if (tk_failed(c->failed)) {
		b->trouble = c->failed;
		b->unanswered += c->failed.kind == TK_UNCERTAIN;
	} else {
		b->answered++;
		count_decision(b, c);
		s->decided = true;
		if (c->outcome == CONFIRM_PARKED) park(s, c->reason);
		else if (c->announces) s->out = OUT_WAITS;
	}
	deciding_less(b);
}

static void decide(struct event_batch *b)
{
	int64_t at_ms = now_ms(b);
	unsigned from = b->from;
	b->deciding = 1; /* a port may answer at once */
	b->asked = b->answered = b->unanswered = 0;
	for (unsigned i = 0; i < b->count && b->asked < b->at_once; i++) {
		struct event_slot *s = &b->slots[(from + i) % b->count];
		if (s->decided || (s->repeats && !b->repeating)) continue;
		b->from = (from + i + 1) % b->count;
		b->asked++;
		b->deciding++;
		s->confirm.reservations = b->ports.reservations;
		s->confirm.done = decided;
		confirm_reservation_start(&s->confirm, at_ms);
	}
	deciding_less(b);
}

/* --- what follows: the copies --- */

static void copy_ask(struct flow *f)
{
	struct event_batch *b = container_of(f, struct event_batch, copy);
	b->apply.call.flow = f;
	b->apply.changes = b->changes;
	b->ports.seat_lock->apply(b->ports.seat_lock, &b->apply);
}

static int copied(struct flow *f)
{
	struct event_batch *b = container_of(f, struct event_batch, copy);
	if (!tk_failed(f->err)) return FLOW_END;
	for (unsigned i = 0; i < b->apply.count; i++) b->owner.copy_lost(b->owner.ctx, b->changes[i].schedule);
	return FLOW_END;
}

static void copy_done(struct flow *f)
{
	struct event_batch *b = container_of(f, struct event_batch, copy);
	b->copying = false;
	finish_if_done(b);
}

static const struct flow_step COPY[] = {{"copy", copy_ask, copied}};

static void copy(struct event_batch *b)
{
	b->apply.count = 0;
	for (unsigned i = 0; i < b->count; i++)
		if (b->slots[i].confirm.changes) b->changes[b->apply.count++] = b->slots[i].confirm.change;
	if (b->apply.count == 0) return;
	b->copying = true;
	flow_start(&b->copy, COPY, 0, copy_done);
}

/* --- what follows: the waiting rooms --- */

/* An old event that comes again must not take the place that its buyer has by now. */
static bool used_a_place(const struct event_batch *b, const struct confirm_reservation *c)
{
	if (!c->announces || c->decided.type != RESERVATION_CONFIRMED) return false;
	return c->outcome == CONFIRM_CONFIRMED || now_ms(b) - c->decided.occurred_at_ms < REPEAT_USED_MS;
}

static void places_used(struct use_places *u)
{
	struct event_batch *b = container_of(u, struct event_batch, places);
	b->placing = false;
	finish_if_done(b);
}

static void use_places(struct event_batch *b)
{
	struct use_places *u = &b->places;
	u->count = 0;
	for (unsigned i = 0; b->ports.queue && i < b->count; i++) {
		const struct confirm_reservation *c = &b->slots[i].confirm;
		if (used_a_place(b, c)) u->places[u->count++] = (struct used_place){c->event.schedule, c->event.user};
	}
	if (u->count == 0) return;
	u->queue = b->ports.queue;
	u->done = places_used;
	b->placing = true;
	use_places_start(u);
}

/* --- what follows: Kafka --- */

/* The topic's limit is no passing trouble: all partitions would wait for this letter for ever. */
static void cut_letter(struct event_slot *s)
{
	struct event_batch *b = s->batch;
	s->letter.cut++;
	s->out = s->letter.cut == LETTER_CUTS ? OUT_DONE : OUT_WAITS;
	if (b->owner.cut) b->owner.cut(b->owner.ctx, s);
}

static bool is_refused_letter(const struct event_slot *s, bool refused)
{
	return refused && s->confirm.outcome == CONFIRM_PARKED;
}

/* False: not now. */
static bool publish(struct event_batch *b, struct event_slot *s)
{
	struct event_out *out = b->ports.event_out;
	uint64_t tag = (uint64_t)b->id << 32 | (uint64_t)(s - b->slots);
	struct tk_err err = s->confirm.outcome == CONFIRM_PARKED ? out->publish_dead_letter(out, &s->letter, tag)
															 : out->publish_reservation(out, &s->confirm.decided, tag);
	if (is_refused_letter(s, err.kind == TK_INVALID)) {
		cut_letter(s);
		return s->out == OUT_DONE || publish(b, s);
	}
	if (tk_failed(err)) {
		b->trouble = err;
		return false;
	}
	s->out = OUT_UNDER_WAY;
	b->publishing++;
	return true;
}

static void publish_all(struct event_batch *b)
{
	unsigned refused = 0;
	for (unsigned i = 0; i < b->count; i++)
		if (b->slots[i].out == OUT_WAITS) refused += !publish(b, &b->slots[i]);
	if (refused) try_again(b, refused);
}

void event_batch_delivered(struct event_batch *b, uint64_t tag, enum delivery d)
{
	struct event_slot *s = &b->slots[(uint32_t)tag];
	bool cut = is_refused_letter(s, d == DELIVERY_REFUSED) && !b->given_up;
	b->publishing--;
	s->out = d == DELIVERY_DONE ? OUT_DONE : OUT_WAITS;
	if (cut) cut_letter(s);
	if (s->out == OUT_WAITS && !(cut && publish(b, s))) {
		if (!cut) b->trouble = TK_ERR(TK_UNAVAILABLE, "Kafka did not take an event");
		try_again(b, 1);
	}
	finish_if_done(b);
}

/* --- the whole --- */

static bool all_out(const struct event_batch *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->slots[i].out != OUT_NOTHING && b->slots[i].out != OUT_DONE) return false;
	return true;
}

static void finish_if_done(struct event_batch *b)
{
	if (!b->busy || b->deciding || b->copying || b->placing || b->publishing || !all_out(b)) return;
	b->busy = false;
	timer_stop(b->ports.loop, &b->again);
	b->owner.finished(b->owner.ctx, b);
}

static void follow(struct timer *t)
{
	struct event_batch *b = container_of(t, struct event_batch, next_turn);
	b->deciding = 1; /* not done before everything was started */
	publish_all(b);
	copy(b);
	use_places(b);
	b->deciding = 0;
	finish_if_done(b);
}

static void tried_again(struct timer *t)
{
	struct event_batch *b = container_of(t, struct event_batch, again);
	for (unsigned i = 0; i < b->count; i++) {
		if (b->slots[i].decided) continue;
		decide(b);
		return;
	}
	publish_all(b);
}

void event_batch_init(
	struct event_batch *b, uint32_t id, unsigned max, const struct event_ports *p, const struct event_batch_owner *o)
{
	*b = (struct event_batch){.ports = *p, .owner = *o, .max = max, .id = id};
	b->again.fired = tried_again;
	b->next_turn.fired = follow;
	b->slots = calloc(max, sizeof *b->slots);
	b->changes = calloc(max, sizeof *b->changes);
	b->places.places = calloc(max, sizeof *b->places.places);
	seat_set_init(&b->seats, max);
	if (!b->slots || !b->changes || !b->places.places) abort();
}

void event_batch_finish(struct event_batch *b)
{
	if (b->ports.loop) event_batch_give_up(b);
	free(b->slots);
	free(b->changes);
	free(b->places.places);
	seat_set_finish(&b->seats);
	b->slots = NULL;
	b->changes = NULL;
	b->places.places = NULL;
}

bool event_batch_is_apart(const struct event_batch *b, const struct event_slot *slots, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!slots[i].fault && seat_set_has(&b->seats, &slots[i].confirm.event)) return false;
	return true;
}

void event_batch_start(struct event_batch *b, unsigned count)
{
	b->count = count;
	b->busy = true;
	b->repeating = false;
	seat_set_clear(&b->seats);
	b->tries = b->from = 0;
	b->at_once = count;
	for (unsigned i = 0; i < count; i++) {
		struct event_slot *s = &b->slots[i];
		s->batch = b;
		s->out = OUT_NOTHING;
		s->decided = false;
		s->confirm.changes = s->confirm.announces = s->confirm.again = false;
		s->repeats = !s->fault && !seat_set_add(&b->seats, &s->confirm.event);
		if (!s->fault) continue;
		if (b->ports.metrics) metrics_add(b->ports.metrics, METRIC_CONFIRMATIONS, CONFIRM_PARKED, 1);
		park(s, s->fault);
	}
	decide(b);
}

void event_batch_give_up(struct event_batch *b)
{
	b->given_up = true;
	timer_stop(b->ports.loop, &b->again);
	timer_stop(b->ports.loop, &b->next_turn); /* the bytes of its letters may be gone soon */
}
