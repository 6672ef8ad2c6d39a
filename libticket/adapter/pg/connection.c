#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "adapter/pg/internal.h"

/* DOWN --timer--> CONNECTING --PQconnectPoll--> CHECKING --Sync--> PREPARING --Sync--> UP
 *   ^------------------------ lose, or the timer, anywhere ------------------------------' */

enum { GAUGE_CONNECTING, GAUGE_IDLE, GAUGE_BUSY };

static void watch_ready(struct watch *w, uint32_t events);
static void timer_fired(struct timer *t);

void pg_conn_init(struct pg_conn *c, struct pg *pg, enum pg_lane lane)
{
	memset(c, 0, sizeof *c);
	c->pg = pg;
	c->lane = lane;
	c->watch.ready = watch_ready;
	c->timer.fired = timer_fired;
	TAILQ_INIT(&c->aloft);
	if (pg->metrics) metrics_add(pg->metrics, METRIC_DB_CONNECTIONS, GAUGE_CONNECTING, 1);
}

void pg_conn_gauge(struct pg_conn *c)
{
	unsigned now = c->stage != PG_UP ? GAUGE_CONNECTING : c->aloft_count ? GAUGE_BUSY : GAUGE_IDLE;
	if (now == c->gauge) return;
	if (c->pg->metrics) {
		metrics_add(c->pg->metrics, METRIC_DB_CONNECTIONS, c->gauge, -1);
		metrics_add(c->pg->metrics, METRIC_DB_CONNECTIONS, now, 1);
	}
	c->gauge = now;
}

static void unwatch(struct pg_conn *c)
{
	if (c->watched) watch_remove(c->pg->loop, &c->watch);
	c->watched = false;
}

static bool rewatch(struct pg_conn *c, uint32_t events)
{
	if (c->watched) return watch_change(c->pg->loop, &c->watch, events) == 0;
	c->watch.fd = PQsocket(c->db);
	c->watch.events = events;
	c->watched = watch_add(c->pg->loop, &c->watch) == 0;
	return c->watched;
}

static void complain(struct pg_conn *c)
{
	const char *why = c->db ? PQerrorMessage(c->db) : "out of memory";
	if (!*why) return;
	snprintf(c->pg->complaint, sizeof c->pg->complaint, "%s", why);
	c->pg->complaint[strcspn(c->pg->complaint, "\n")] = '\0';
}

static void connection_drop(struct pg_conn *c)
{
	unwatch(c);
	timer_stop(c->pg->loop, &c->timer);
	PQfinish(c->db);
	c->db = NULL;
	c->stage = PG_DOWN;
}

static void answer_aloft(struct pg_conn *c)
{
	/* Answers may ask anew at once: what was aloft is off the connection first. */
	struct pg_flights lost = TAILQ_HEAD_INITIALIZER(lost);
	TAILQ_CONCAT(&lost, &c->aloft, link);
	c->aloft_count = 0;
	pg_conn_gauge(c);
	struct pg_flight *f;
	while ((f = TAILQ_FIRST(&lost))) {
		const char *name = PG_STATEMENT[f->kind->stmt].name;
		TAILQ_REMOVE(&lost, f, link);
		pg_flight_answer(c->pg, f, f->kind->write ? TK_ERR(TK_UNCERTAIN, name) : TK_ERR(TK_UNAVAILABLE, name));
	}
}

void pg_conn_lose(struct pg_conn *c)
{
	struct pg *pg = c->pg;
	complain(c);
	connection_drop(c);
	if (!pg->closing) {
		timer_arm(pg->loop, &c->timer, loop_now_ms(pg->loop) + c->backoff_ms);
		c->backoff_ms = c->backoff_ms * 2 < PG_BACKOFF_MAX_MS ? c->backoff_ms * 2 : PG_BACKOFF_MAX_MS;
	}
	answer_aloft(c);
}

void pg_conn_finish(struct pg_conn *c)
{
	connection_drop(c);
	answer_aloft(c);
	if (c->pg->metrics) metrics_add(c->pg->metrics, METRIC_DB_CONNECTIONS, c->gauge, -1);
}

/* --- connecting --- */

static void ignore_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

static bool connected(struct pg_conn *c)
{
	c->stage = PG_CHECKING;
	c->setup_at = 0;
	c->setup_failed = false;
	PQsetNoticeReceiver(c->db, ignore_notice, NULL);
	return PQsetnonblocking(c->db, 1) == 0 && PQenterPipelineMode(c->db) && rewatch(c, EPOLLIN) && pg_setup_check(c) &&
		pg_conn_flush(c);
}

/* libpq may change the socket between two polls: the watch is taken anew each time. */
static bool connect_poll(struct pg_conn *c)
{
	unwatch(c);
	switch (PQconnectPoll(c->db)) {
	case PGRES_POLLING_READING: return rewatch(c, EPOLLIN);
	case PGRES_POLLING_WRITING: return rewatch(c, EPOLLOUT);
	case PGRES_POLLING_OK: return connected(c);
	default: return false;
	}
}

void pg_conn_start(struct pg_conn *c)
{
	const struct pg_settings *set = &c->pg->set;
	char user_timeout[24];
	snprintf(user_timeout, sizeof user_timeout, "%lld", (long long)set->timeout_ms);
	/* Before the URL, which may say otherwise: libpq looks for Kerberos' tickets at each connect, at 1 MB of memory. */
	const char *const keys[] = {
		"gssencmode", "dbname", "application_name", "client_encoding", "tcp_user_timeout", NULL};
	const char *const values[] = {"disable", set->url, set->application_name, "UTF8", user_timeout, NULL};
	if (!c->backoff_ms) c->backoff_ms = PG_BACKOFF_MIN_MS;
	c->stage = PG_CONNECTING;
	timer_arm(c->pg->loop, &c->timer, loop_now_ms(c->pg->loop) + PG_CONNECT_MS);
	c->db = PQconnectStartParams(keys, values, 1);
	if (!c->db || PQstatus(c->db) == CONNECTION_BAD || !rewatch(c, EPOLLOUT)) pg_conn_lose(c);
}

static void timer_fired(struct timer *t)
{
	struct pg_conn *c = container_of(t, struct pg_conn, timer);
	if (c->stage == PG_DOWN) pg_conn_start(c);
	else pg_conn_lose(c); /* it took too long to get ready */
}

/* --- traffic --- */

bool pg_conn_flush(struct pg_conn *c)
{
	int left = PQflush(c->db);
	return left >= 0 && rewatch(c, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool stage_done(struct pg_conn *c)
{
	if (!pg_setup_synced(c)) return false;
	c->setup_at = 0;
	if (c->stage == PG_CHECKING) {
		c->stage = PG_PREPARING;
		return pg_setup_prepare(c) && pg_conn_flush(c);
	}
	c->stage = PG_UP;
	c->backoff_ms = PG_BACKOFF_MIN_MS;
	timer_stop(c->pg->loop, &c->timer);
	pg_conn_gauge(c);
	return true;
}

static bool setup_result(struct pg_conn *c, PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	if (status != PGRES_PIPELINE_SYNC) pg_setup_result(c, res);
	PQclear(res);
	return status != PGRES_PIPELINE_SYNC || stage_done(c);
}

static void keep_complaint(struct pg_conn *c, const struct pg_flight *f, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	snprintf(c->pg->complaint, sizeof c->pg->complaint, "%s: %s %s", PG_STATEMENT[f->kind->stmt].name,
		state ? state : "", text ? text : "");
}

/* Takes the result. False: the connection is lost. */
static bool statement_result(struct pg_conn *c, PGresult *res)
{
	struct pg_flight *f = TAILQ_FIRST(&c->aloft);
	ExecStatusType status = PQresultStatus(res);
	if (!f) {
		PQclear(res);
		return status != PGRES_FATAL_ERROR;
	}
	if (status == PGRES_PIPELINE_SYNC) {
		PQclear(res);
		pg_flight_land(c);
		return true;
	}
	PQclear(f->result);
	f->result = res;
	f->fate = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK
		? PG_FATE_OK
		: pg_fate(PQresultErrorField(res, PG_DIAG_SQLSTATE));
	if (f->fate != PG_FATE_OK) keep_complaint(c, f, res);
	return f->fate != PG_FATE_GONE;
}

static bool take_results(struct pg_conn *c)
{
	unsigned nulls = 0; /* one ends each statement; a second in a row: nothing is expected */
	while (nulls < 2 && c->stage != PG_DOWN && !PQisBusy(c->db)) {
		PGresult *res = PQgetResult(c->db);
		if (!res) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (c->stage == PG_UP ? !statement_result(c, res) : !setup_result(c, res)) return false;
	}
	return true;
}

static bool traffic(struct pg_conn *c, uint32_t events)
{
	if ((events & EPOLLOUT) && !pg_conn_flush(c)) return false;
	if (!(events & ~(uint32_t)EPOLLOUT)) return true;
	if (!PQconsumeInput(c->db)) return false;
	return take_results(c);
}

static void watch_ready(struct watch *w, uint32_t events)
{
	struct pg_conn *c = container_of(w, struct pg_conn, watch);
	bool ok = c->stage == PG_CONNECTING ? connect_poll(c) : traffic(c, events);
	if (!ok && c->stage != PG_DOWN) pg_conn_lose(c);
}
