/* queue_books: port/queue_books.h on PostgreSQL. One instance a loop, on that loop's `pg`. */
#ifndef TK_PG_QUEUE_BOOKS_H
#define TK_PG_QUEUE_BOOKS_H

#include "port/queue_books.h"

struct pg;

struct pg_queue_books {
	struct queue_books port;
	struct pg *pg;
};
void pg_queue_books_init(struct pg_queue_books *b, struct pg *pg); /* nothing to finish: calls end with `pg` */

#endif
