/* stream: an answer of type text/event-stream (WHATWG HTML, section 9.2).
 *
 * Pulled, not pushed: when the client can take more, `fill` tells what is new, or nothing. So a slow reader never has
 * more than one version queued; it simply skips some. A comment every 15 s keeps proxies awake and finds the dead.
 * Thread: the shard's. Ownership: the source embeds the stream; `closed` is the last call, there it frees itself. */
#ifndef TK_STREAM_H
#define TK_STREAM_H

#include "api/http/exchange.h"
#include "runtime/loop.h"

enum { STREAM_HEAD = 96 };

/* An event: its lines up to and with "data: ", in a few bytes, and the data, which is not copied. */
struct stream_event {
	char head[STREAM_HEAD];
	const char *data; /* one line; stays until the next `fill`, or `closed` */
	size_t head_len, data_len;
};

struct stream {
	/* set by the source */
	bool (*fill)(struct stream *s, struct stream_event *ret); /* false: nothing new */
	void (*closed)(struct stream *s);
	/* the stream's own */
	struct http *http;
	struct MHD_Connection *conn;
	struct client *client;
	struct stream_event event; /* under way */
	size_t sent, len;		   /* of it, with the empty line behind it */
	struct timer beat;
	bool suspended, ending;
	LIST_ENTRY(stream) link;
};

/* Answers the exchange with the stream, and then lets the exchange's arena go: keep nothing in it. Answered otherwise,
 * and closed at once, are a HEAD (200 without a body) and whoever comes while the daemon stops (503). */
void stream_start(struct stream *s, struct exchange *x);
void stream_poke(struct stream *s); /* there is something new */
void stream_end(struct stream *s);	/* ends after what is pending */

#endif
