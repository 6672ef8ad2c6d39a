/* seat_copy: merging into and reading from the copy of sold, pending and database-held seats, in pieces.
 * One allocation a call. The calls' contract is the port's. */
#ifndef TK_REDIS_SEAT_COPY_H
#define TK_REDIS_SEAT_COPY_H

#include "port/seat_lock.h"

struct redis;

void seat_copy_birth(struct redis *r, struct seat_birth *k);
void seat_copy_apply(struct redis *r, struct seat_apply *k);
void seat_copy_read(struct redis *r, struct seat_read *k);

#endif
