/* Handlers of seat maps: whole, available ones only, and as a stream of changes. A version's answers are built once per
 * shard and shared by all who ask. Called on the shard's thread; each answers once. */
#ifndef TK_SEAT_ROUTES_H
#define TK_SEAT_ROUTES_H

struct exchange;
struct seat_answers;

void seats_get(struct exchange *x);
void seats_available_get(struct exchange *x);
void seats_available_arg_get(struct exchange *x);
void seat_events_get(struct exchange *x);

/* The shard's cache of answers. */
struct seat_answers *seat_answers_create(void);
void seat_answers_destroy(struct seat_answers *a);

#endif
