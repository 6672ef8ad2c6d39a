#include "api/http/stream.h"

#include <string.h>

#include "api/http/http_internal.h"
#include "runtime/metrics.h"

enum { HEARTBEAT_MS = 14000, CHUNK = 512 }; /* CHUNK: for clients of HTTP/1.0, allocated for all */

static const char CONTENT_TYPE[] = "text/event-stream";
static const char END[] = "\n\n";

static void beat_again(struct stream *s)
{
	struct loop *l = s->http->app->loop;
	timer_arm(l, &s->beat, loop_now_ms(l) + HEARTBEAT_MS);
}

/* A comment, or a field on its own. */
static void put_line(struct stream *s, const char *line)
{
	s->event.head_len = strlen(line);
	memcpy(s->event.head, line, s->event.head_len + 1);
	s->event.data_len = 0;
	s->len = s->event.head_len + sizeof END - 1;
	s->sent = 0;
}

static bool next_event(struct stream *s)
{
	if (s->ending || !s->fill(s, &s->event)) return false;
	s->len = s->event.head_len + s->event.data_len + sizeof END - 1;
	s->sent = 0;
	client_hears(s->client);
	return true;
}

/* As much as fits of one of the event's three parts, of which `before` bytes go ahead. */
static void copy_part(struct stream *s, char **out, size_t *room, size_t before, const char *part, size_t len)
{
	if (s->sent < before || s->sent >= before + len) return;
	size_t from = s->sent - before, n = len - from < *room ? len - from : *room;
	memcpy(*out, part + from, n);
	*out += n;
	*room -= n;
	s->sent += n;
}

static size_t copy_event(struct stream *s, char *out, size_t max)
{
	const struct stream_event *e = &s->event;
	size_t room = max;

	copy_part(s, &out, &room, 0, e->head, e->head_len);
	copy_part(s, &out, &room, e->head_len, e->data, e->data_len);
	copy_part(s, &out, &room, e->head_len + e->data_len, END, sizeof END - 1);
	return max - room;
}

static ssize_t read_more(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *s = cls;

	(void)pos;
	if (s->sent == s->len && !next_event(s)) {
		if (s->ending) return MHD_CONTENT_READER_END_OF_STREAM;
		client_waits(s->client);
		MHD_suspend_connection(s->conn);
		s->suspended = true;
		return 0;
	}
	s->http->moved = true;
	beat_again(s);
	return (ssize_t)copy_event(s, out, max);
}

void stream_poke(struct stream *s)
{
	if (!s->suspended) return;
	s->suspended = false;
	s->http->resumed = true;
	MHD_resume_connection(s->conn);
}

static void heartbeat(struct timer *t)
{
	struct stream *s = container_of(t, struct stream, beat);

	if (s->suspended) { /* else something is on its way already, if the client takes it */
		put_line(s, ":keepalive");
		client_hears(s->client);
	}
	beat_again(s);
	stream_poke(s);
}

void stream_end(struct stream *s)
{
	s->ending = true;
	stream_poke(s);
}

static void release(void *cls)
{
	struct stream *s = cls;

	timer_stop(s->http->app->loop, &s->beat);
	LIST_REMOVE(s, link);
	metrics_add(s->http->app->metrics, METRIC_STREAMS, 0, -1);
	s->closed(s);
}

static void refuse(struct stream *s, struct exchange *x)
{
	struct buf none;

	s->closed(s);
	buf_init(&none, &x->arena);
	if (x->http->draining) exchange_problem(x, PROBLEM_UNAVAILABLE);
	else exchange_text(x, 200, CONTENT_TYPE, &none);
}

void stream_start(struct stream *s, struct exchange *x)
{
	if (x->gone || x->head || x->http->draining) {
		refuse(s, x);
		return;
	}
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CHUNK, read_more, s, release);

	s->http = x->http;
	s->conn = x->conn;
	s->client = x->client;
	s->beat.fired = heartbeat;
	put_line(s, "retry: 2000");
	LIST_INSERT_HEAD(&x->http->streams, s, link);
	metrics_add(x->app->metrics, METRIC_STREAMS, 0, 1);
	beat_again(s);
	MHD_add_response_header(r, "Content-Type", CONTENT_TYPE);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Accel-Buffering", "no");
	exchange_add_headers(x, r);
	exchange_response(x, 200, r);
	exchange_is_stream(x);
	MHD_destroy_response(r);
}
