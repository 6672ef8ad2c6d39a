#include "api/http/stream.h"

#include <string.h>

#include "api/http/http_internal.h"
#include "runtime/metrics.h"

enum { HEARTBEAT_MS = 15000, CHUNK = 1024 };

static void beat_again(struct stream *s)
{
	struct loop *l = s->http->app->loop;
	timer_arm(l, &s->beat, loop_now_ms(l) + HEARTBEAT_MS);
}

static void drop_pending(struct stream *s)
{
	buf_finish(&s->pending);
	buf_init(&s->pending, NULL);
	s->sent = 0;
}

/* Nobody up the stack uses it any more: libmicrohttpd reads on its own account. 4 KiB a stream would lie idle. */
static void let_arena_go(struct stream *s)
{
	if (s->exchange) arena_finish(&s->exchange->arena);
	s->exchange = NULL;
}

static ssize_t read_more(void *cls, uint64_t pos, char *out, size_t max)
{
	struct stream *s = cls;

	(void)pos;
	let_arena_go(s);
	if (s->sent == s->pending.len) {
		drop_pending(s);
		if (!s->ending) s->fill(s, &s->pending);
	}
	size_t n = s->pending.len - s->sent;
	if (n == 0) {
		if (s->ending) return MHD_CONTENT_READER_END_OF_STREAM;
		drop_pending(s);
		MHD_suspend_connection(s->conn);
		s->suspended = true;
		return 0;
	}
	if (n > max) n = max;
	memcpy(out, s->pending.data + s->sent, n);
	s->sent += n;
	s->http->moved = true;
	beat_again(s);
	return (ssize_t)n;
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

	if (s->sent == s->pending.len) buf_puts(&s->pending, ":keepalive\n\n");
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
	buf_finish(&s->pending);
	LIST_REMOVE(s, link);
	metrics_add(s->http->app->metrics, METRIC_STREAMS, 0, -1);
	s->closed(s);
}

void stream_start(struct stream *s, struct exchange *x)
{
	struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CHUNK, read_more, s, release);

	s->http = x->http;
	s->conn = x->conn;
	s->exchange = x;
	s->beat.fired = heartbeat;
	buf_init(&s->pending, NULL);
	buf_puts(&s->pending, "retry: 2000\n\n");
	LIST_INSERT_HEAD(&x->http->streams, s, link);
	metrics_add(x->app->metrics, METRIC_STREAMS, 0, 1);
	beat_again(s);
	MHD_add_response_header(r, "Content-Type", "text/event-stream");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Accel-Buffering", "no");
	exchange_response(x, 200, r);
	exchange_is_stream(x);
	MHD_destroy_response(r);
}
