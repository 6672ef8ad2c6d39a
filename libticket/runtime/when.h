/* when: wall-clock times. Unix ms (int64_t); text is RFC 3339 UTC with milliseconds.
 * PostgreSQL's timestamptz is µs since 2000-01-01 UTC (binary format): see when_from_pg. Pure. */
#ifndef TK_WHEN_H
#define TK_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_NONE INT64_MIN	   /* SQL NULL */
#define TIME_FOREVER INT64_MAX /* SQL infinity */
enum { WHEN_TEXT = 25 };	   /* "2026-11-21T20:00:00.000Z" and NUL */

void when_text(char out[WHEN_TEXT], int64_t unix_ms);
bool when_parse(const char *s, size_t n, int64_t *ret_unix_ms); /* RFC 3339, any offset, years 1970..9999 */
int64_t when_from_pg(int64_t pg_us);
int64_t when_to_pg(int64_t unix_ms);
int64_t when_now_ms(void); /* CLOCK_REALTIME; only ever a hint: PostgreSQL's now() judges */

#endif
