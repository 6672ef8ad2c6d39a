/* fake_queue_books: the port queue_books in memory: settings, draws, epochs, and what is unsold as the test says.
 * Thread: the loop's. */
#ifndef TK_FAKE_QUEUE_BOOKS_H
#define TK_FAKE_QUEUE_BOOKS_H

#include "fake/fake_fault.h"
#include "port/queue_books.h"

enum fake_books_call {
	FAKE_EPOCH,
	FAKE_SETTINGS,
	FAKE_PUT,
	FAKE_UNSOLD,
	FAKE_DRAW,
	FAKE_DRAWS_DUE,
	FAKE_DRAWN,
	FAKE_BOOKS_CALLS
};
enum { FAKE_BOOKS = 16, FAKE_UNSOLD_SEATS = 10 };

struct fake_book {					 /* of a schedule */
	int64_t schedule, epochs, birth; /* epochs given, the birth that the last one was for */
	struct queue_setting setting;
	int64_t unsold; /* FAKE_UNSOLD_SEATS at first */
	bool has_seed;
	uint8_t seed[QUEUE_SEED];
	int64_t opens_at_ms; /* as the draw was asked for */
	int64_t drawn;		 /* -1: not yet */
};
struct fake_queue_books {
	struct queue_books port;
	struct fake_desk desk;
	struct fake_fault fault[FAKE_BOOKS_CALLS];
	unsigned calls[FAKE_BOOKS_CALLS];
	struct fake_book books[FAKE_BOOKS];
	unsigned count;
};
void fake_queue_books_init(struct fake_queue_books *f, struct loop *l);
void fake_queue_books_finish(struct fake_queue_books *f);
struct fake_book *fake_book_of(struct fake_queue_books *f, int64_t schedule); /* made when first asked for */

#endif
