/* stream: an answer of type text/event-stream (WHATWG HTML, section 9.2).
 *
 * Pulled, not pushed: when the client can take more, `fill` appends what is new to `out`, or nothing. So a slow reader
 * never queues more than one version; it simply skips some. A comment every 15 s keeps proxies awake and finds the dead.
 * Thread: the shard's. Ownership: the source embeds the stream; `closed` is the last call, there it frees itself. */
#ifndef TK_STREAM_H
#define TK_STREAM_H

#include "api/http/exchange.h"
#include "runtime/loop.h"

struct stream {
	/* set by the source */
	void (*fill)(struct stream *s, struct buf *out);
	void (*closed)(struct stream *s);
	/* the stream's own */
	struct http *http;
	struct exchange *exchange; /* until its arena has been let go */
	struct MHD_Connection *conn;
	struct buf pending;
	size_t sent;
	struct timer beat;
	bool suspended, ending;
	LIST_ENTRY(stream) link;
};

/* Answers the exchange with the stream; the exchange's arena is let go, keep nothing in it. */
void stream_start(struct stream *s, struct exchange *x);
void stream_poke(struct stream *s); /* there is something new */
void stream_end(struct stream *s);  /* ends after what is pending */

#endif
