/* seating_mail: what a shard's seating and the owner of the truth (api/jobs/hub.c) send each other.
 *
 * Private to the two. Requests are made by the shard, travel to the owner and, when an answer is wanted, back again;
 * the answer follows the news it rests on, so that who is woken finds them. News are immutable, counted, and the same
 * object for all shards; the mail around them is one a shard.
 * Everything here runs on the loop it is delivered to. */
#ifndef TK_SEATING_MAIL_H
#define TK_SEATING_MAIL_H

#include "api/app/seating.h"
#include "runtime/loop.h"

/* When shards last used a schedule: written by all of them, at most once a second each; read by the owner. */
struct seating_use {
	atomic_int refs;
	_Atomic int64_t used_ms, map_used_ms;
};
void seating_use_unref(struct seating_use *u);

struct seating_news {
	atomic_int refs;
	struct seating_entry entry;
	int64_t row_as_of_ms, plan_as_of_ms;
	uint64_t first_poll; /* the first poll of all rows that covers this one too */
	struct seating_use *use;
};
struct seating_news *seating_news_ref(struct seating_news *n);
void seating_news_unref(struct seating_news *n);

/* --- owner to shard --- */
struct seating_copy { /* of news, for one shard */
	struct mail mail;
	struct seating_news *news;
	struct seating_copy *next; /* the shard's */
};
struct seating_gone { /* nobody used it, or the row has been deleted */
	struct mail mail;
	int64_t schedule;
};
struct seating_poll { /* all rows were confirmed, or changed by news before this */
	struct mail mail;
	uint64_t poll;
	int64_t as_of_ms;
};
void seating_take_copy(struct mail *m, void *ctx);
void seating_take_gone(struct mail *m, void *ctx);
void seating_take_poll(struct mail *m, void *ctx);
void seating_take_answer(struct mail *m, void *ctx);  /* a request on its way back */
void seating_post(struct seating *s, struct mail *m); /* any thread */

/* --- shard to owner --- */
enum seating_want {
	WANT_ANSWER,   /* `need` of `schedule` */
	WANT_NEXT_MAP, /* no answer */
	WANT_WATCH,	   /* no answer */
	WANT_UNWATCH,  /* no answer */
	WANT_MEND,	   /* no answer */
	WANT_STATS
};
struct seating_wait {
	struct seating_wait *next;
	void (*answer)(struct seating_wait *w, struct tk_err err, bool found); /* once; owns w */
};
struct seating_request {
	struct mail mail;
	struct seating_wait wait; /* the owner's, as is `owner` */
	void *owner;
	struct seating *from;
	enum seating_want want;
	enum seating_need need;
	int64_t schedule, due_ms;
	struct port_call *call; /* the shard's: who is woken */
	bool *ret_found;
	struct tk_err err;
	bool found;
};

struct seating_owner {
	struct mailbox *mailbox;
	void (*take)(struct mail *m, void *ctx); /* a request */
};
struct seating *seating_open(struct loop *shard_loop, const struct seating_owner *owner); /* NULL: errno */
void seating_close(struct seating *s); /* after the owner's thread has ended; wakes nobody */
/* Asks for anything; wakes `call` with the answer. */
void seating_request(struct seating *s, enum seating_want want, enum seating_need need, int64_t schedule,
	struct port_call *call, bool *ret_found);

#endif
