/* fake_catalogue: the port catalogue in memory: schedules that the test adds, changes and deletes, and claims that it
 * sets. Concerts and lists are not faked: nothing behind the HTTP routes asks for them.
 * Thread: the loop's. */
#ifndef TK_FAKE_CATALOGUE_H
#define TK_FAKE_CATALOGUE_H

#include "fake/fake_fault.h"
#include "port/catalogue.h"

enum fake_catalogue_call { FAKE_SCHEDULE, FAKE_POLL, FAKE_CLAIMS, FAKE_CATALOGUE_CALLS };
enum { FAKE_SCHEDULES = 16 };

struct fake_show {
	struct schedule row; /* id 0: deleted */
	unsigned seats;		 /* A-1 ... A-n, VIP at 150000 */
	struct seat_change *claims;
	unsigned claim_count;
};
struct fake_catalogue {
	struct catalogue port;
	struct fake_desk desk;
	struct fake_fault fault[FAKE_CATALOGUE_CALLS];
	unsigned calls[FAKE_CATALOGUE_CALLS];
	struct fake_show shows[FAKE_SCHEDULES];
	unsigned show_count;
};
void fake_catalogue_init(struct fake_catalogue *f, struct loop *l);
void fake_catalogue_finish(struct fake_catalogue *f);
struct fake_show *fake_catalogue_add(struct fake_catalogue *f, int64_t id, unsigned seats);
struct fake_show *fake_catalogue_show(struct fake_catalogue *f, int64_t id); /* NULL: unknown */
void fake_catalogue_claim(struct fake_catalogue *f, int64_t id, unsigned seat, enum seat_claim_kind kind, int64_t user,
	int64_t rev);							/* seat: from 1 */
struct seat_no fake_seat_no(unsigned seat); /* A-<seat> */

#endif
