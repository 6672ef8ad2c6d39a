/* seat: seat numbers, grades and what a seat map says of a seat.
 * Money is integer KRW, ids are int64_t from 1 to 2^53 - 1 (what JSON numbers carry exactly).
 * Pure: no I/O, no clock, no allocation. */
#ifndef TK_SEAT_H
#define TK_SEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ID_MAX ((int64_t)9007199254740991)

enum { SEAT_NO_MAX = 20 };
struct seat_no {
	char s[SEAT_NO_MAX + 1]; /* NUL-terminated, 1..20 of [A-Za-z0-9-] */
	uint8_t len;
};
bool seat_no_parse(const char *s, size_t n, struct seat_no *ret);
static inline bool seat_no_equal(const struct seat_no *a, const struct seat_no *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

enum grade { GRADE_VIP, GRADE_R, GRADE_S, GRADES };
extern const char *const GRADE_NAME[GRADES];
bool grade_parse(const char *s, size_t n, enum grade *ret);

/* As clients see it. */
enum seat_status { SEAT_AVAILABLE, SEAT_HOLD, SEAT_SOLD_OUT, SEAT_STATUSES };
extern const char *const SEAT_STATUS_NAME[SEAT_STATUSES];

/* What Redis' copy says of a seat beyond the hold key: nobody's, approved and undecided, sold, held in the database. */
enum seat_claim_kind { CLAIM_FREE = 'F', CLAIM_PENDING = 'P', CLAIM_SOLD = 'S', CLAIM_HELD = 'H' };

struct seat {
	struct seat_no no;
	enum grade grade;
	char section[21];
	int64_t price_krw;
};

#endif
