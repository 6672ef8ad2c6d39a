/* What shards ask of the hub, and what it answers. */
#include "api/jobs/hub.h"

#include <stdlib.h>

enum { FLIGHTS_MAX = 20000 };
enum { ROW_GOOD_MS = 10000, PLAN_FRESH_MS = 200, MAP_FRESH_MS = 400 };

static void answer_request(struct seating_wait *w, struct tk_err err, bool found)
{
	struct seating_request *r = container_of(w, struct seating_request, wait);
	const struct hub *h = r->owner;

	if (h->ended) {
		free(r);
		return;
	}
	if (tk_failed(err) && err.kind != TK_INTERNAL) err.kind = TK_UNAVAILABLE;
	r->err = err;
	r->found = found;
	r->mail.deliver = seating_take_answer;
	seating_post(r->from, &r->mail);
}

static void refuse(struct seating_request *r, const char *why)
{
	if (r->call) answer_request(&r->wait, TK_ERR(TK_UNAVAILABLE, why), false);
	else free(r);
}

static bool is_fresh(const struct hub *h, const struct hub_entry *e, enum seating_need need)
{
	int64_t now = hub_now(h);

	if (!e->known) return false;
	switch (need) {
	case NEED_SCHEDULE: return now - hub_row_as_of(h, e) <= ROW_GOOD_MS;
	case NEED_PLAN: return now - e->plan_as_of_ms <= PLAN_FRESH_MS;
	case NEED_MAP: return e->map && now - e->map_as_of_ms <= MAP_FRESH_MS;
	case NEED_RELOAD:
	case NEED_QUEUE: return false;
	}
	return false;
}

static void give_answer(struct hub *h, struct seating_request *r)
{
	static const enum flight_kind FLIGHT_FOR[] = {
		[NEED_SCHEDULE] = FLIGHT_LOOK,
		[NEED_PLAN] = FLIGHT_LOOK,
		[NEED_MAP] = FLIGHT_MAP,
		[NEED_RELOAD] = FLIGHT_RELOAD,
		[NEED_QUEUE] = FLIGHT_REVIVE,
	};
	struct hub_entry *e = hub_need(h, r->schedule);

	/* The shard was sent what is known, so that it need not be published again. */
	if (is_fresh(h, e, r->need)) answer_request(&r->wait, TK_NONE, true);
	else flight_join(h, e, FLIGHT_FOR[r->need], &r->wait);
}

static void next_map(struct hub *h, struct seating_request *r)
{
	struct hub_entry *e = hub_find(h, r->schedule);

	if (e && e->known && !is_fresh(h, e, NEED_MAP)) flight_join(h, e, FLIGHT_MAP, NULL);
	free(r);
}

static void watch(struct hub *h, struct seating_request *r)
{
	struct hub_entry *e = hub_need(h, r->schedule);

	e->watches++;
	if (!is_fresh(h, e, NEED_MAP)) flight_join(h, e, FLIGHT_MAP, NULL);
	free(r);
}

static void unwatch(struct hub *h, struct seating_request *r)
{
	struct hub_entry *e = hub_find(h, r->schedule);

	if (e) {
		e->watches--;
		hub_tidy(h, e);
	}
	free(r);
}

static void mark(struct hub *h, struct seating_request *r)
{
	hub_need(h, r->schedule)->marked = true;
	free(r);
}

static void ask_for_stats(struct hub *h, struct seating_request *r)
{
	enum { WITHIN_MS = 500 };

	r->due_ms = hub_now(h) + WITHIN_MS;
	gauges_ask(h->b->job[JOB_COUNT], r);
}

void hub_take_request(struct mail *m, void *backstage)
{
	static void (*const TAKE[])(struct hub * h, struct seating_request * r) = {
		[WANT_ANSWER] = give_answer,
		[WANT_NEXT_MAP] = next_map,
		[WANT_WATCH] = watch,
		[WANT_UNWATCH] = unwatch,
		[WANT_MEND] = mark,
		[WANT_STATS] = ask_for_stats,
	};
	struct seating_request *r = container_of(m, struct seating_request, mail);
	struct hub *h = ((struct backstage *)backstage)->hub;

	r->owner = h;
	r->wait.answer = answer_request;
	if (h->closed) refuse(r, "stopping");
	else if (h->flights >= FLIGHTS_MAX) refuse(r, "too many look-ups are under way");
	else TAKE[r->want](h, r);
}
