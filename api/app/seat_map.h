/* seat_map: one version of a schedule's seat map, whole: statuses, bodies, compressed bodies, ETags, and what
 * changed since the version before. Built once per version and process, immutable, shared by threads, counted.
 * How old a map may be is known by whoever serves it: see seating.h.
 *
 * Bodies are made of pieces of SEAT_PIECE seats, each compressed on its own: a new version copies the pieces that did
 * not change from the version before. A piece's bytes depend on its seats and statuses only, so that every process
 * has the same bytes and ETags, whichever versions it has seen. */
#ifndef TK_SEAT_MAP_H
#define TK_SEAT_MAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/schedule.h"

enum { ETAG_TEXT = 40 };

struct seat_body {
	char *json, *gzip;
	size_t json_len, gzip_len;
	char etag[ETAG_TEXT], gzip_etag[ETAG_TEXT]; /* quoted, strong, one per encoding: a hash of the content */
};

enum { SEATS_ALL, SEATS_AVAILABLE, SEATS_BODIES };
enum { SEAT_PIECE = 256 }; /* seats; ~22 KB of JSON, of which deflate sees 32 KB at a time */

struct seat_text;  /* seat_map.c: the part of each seat's JSON that never changes, shared by the versions of a plan */
struct seat_piece; /* seat_map.c */

struct seat_map {
	atomic_int refs;
	int64_t schedule;
	uint64_t version; /* of this process */
	struct seat_plan *plan;
	uint8_t *status; /* enum seat_status, in the plan's order */
	int64_t remaining[GRADES];
	struct seat_body body[SEATS_BODIES];
	struct seat_piece *pieces[SEATS_BODIES];
	struct seat_text *text;
	char *delta; /* the JSON array of what changed since version - 1, NULL on the first */
	size_t delta_len;
	char *whole; /* the JSON array of all, for a stream's first event */
	size_t whole_len;
};

/* Takes over `status` (malloc'd). `before`: the version before, or NULL. If nothing changed: NULL, and status is freed.
 * Thread: any, one at a time for each `before`. */
struct seat_map *seat_map_build(
	int64_t schedule, struct seat_plan *plan, uint8_t *status, const struct seat_map *before);
struct seat_map *seat_map_ref(struct seat_map *m);
void seat_map_unref(struct seat_map *m); /* NULL is fine */

#endif
