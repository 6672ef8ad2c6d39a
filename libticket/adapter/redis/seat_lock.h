/* redis_seat_lock: the port seat_lock on Redis; rules are in lua/seat_*.lua. Needs Redis 7.
 *
 *     seat:lock:{S}:SEAT   user id, PX: who holds, whoever set it; may be deleted or set by hand
 *     seat:state:{S}       hash, seat -> rev:kind:user, and #run -> run_id of the server it was loaded into
 *     seat:users:{S}       hash, user -> their seats, a hint (lua/user_seats.lua)
 *
 * The scripts are told the run_id that this connection saw when it was made, which is the server's for as long as the
 * connection lives: a copy loaded into an earlier life, as an old snapshot has it, is known by that. */
#ifndef TK_REDIS_SEAT_LOCK_H
#define TK_REDIS_SEAT_LOCK_H

#include "port/seat_lock.h"

struct redis;

struct redis_seat_lock {
	struct seat_lock port;
	struct redis *redis;
};
void redis_seat_lock_init(struct redis_seat_lock *s, struct redis *r); /* nothing to finish: calls end with `r` */

#endif
