/* client: a connection and its deadline: when it is shut down, whatever libmicrohttpd thinks of it.
 *
 * It stands in one of three lists, each in the order of time because each has one length: of those whose request is on its
 * way, of those between two requests, and of those that an answer or an event is on its way to. In none while it waits for
 * its use case, or listens and has heard all there is.
 * Thread: the shard's. */
#ifndef TK_CLIENT_H
#define TK_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct http;

TAILQ_HEAD(client_list, client);

struct client {
	struct http *http;
	int fd;
	struct client_list *list; /* where it stands; NULL: in none */
	int64_t deadline_ms;
	int64_t asked_us;	   /* when the request line of the request under way was whole */
	bool bad_uri;		   /* in it */
	int64_t idle_since_ms; /* while idle the deadline is when it is looked at next */
	TAILQ_ENTRY(client) link;
};

struct clients {
	struct client_list arriving, idle, sending;
	unsigned count;
};

void clients_init(struct clients *all);
void clients_reap(struct http *h, int64_t now_ms);	  /* lets those go whose time is up */
void clients_let_idle_go(struct http *h);			  /* with the next reaping */
struct client *client_create(struct http *h, int fd); /* a request is on its way, as with any other that connects */
void client_destroy(struct client *c);

void client_arrives(struct client *c); /* a request has begun */
void client_waits(struct client *c);   /* for us: there is no deadline */
void client_hears(struct client *c);   /* an answer, or a stream's next event, is on its way to it */
void client_is_served(struct client *c, int64_t answered_ms); /* the answer, given then, is out */
void client_is_let_go(struct client *c);					  /* its connection ends, whatever is under way */

#endif
