#include "runtime/when.h"

#include <time.h>

#define MS_PER_DAY ((int64_t)86400000)
#define PG_EPOCH_MS ((int64_t)946684800000) /* 2000-01-01 UTC */
#define FIRST_MS ((int64_t)-62167219200000) /* 0000-01-01 */
#define LAST_MS ((int64_t)253402300799999)	/* 9999-12-31T23:59:59.999 */

struct civil {
	int year, month, day;
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01 and back in the proleptic Gregorian calendar: years begin in March, so that the leap day
 * is the last one; an era is 400 years (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_of(struct civil c)
{
	int64_t y = c.month <= 2 ? c.year - 1 : c.year;
	int64_t era = floor_div(y, 400);
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;
	int month = (int)(m < 10 ? m + 3 : m - 9);

	return (struct civil){(int)(y + era * 400) + (month <= 2), month, (int)(of_year - (153 * m + 2) / 5 + 1)};
}

static char *put_digits(char *p, int64_t v, int n)
{
	for (int i = n - 1; i >= 0; i--, v /= 10) p[i] = (char)('0' + v % 10);
	return p + n;
}

static char *put_char(char *p, char c)
{
	*p = c;
	return p + 1;
}

void when_text(char out[WHEN_TEXT], int64_t unix_ms)
{
	int64_t ms = unix_ms < FIRST_MS ? FIRST_MS : unix_ms > LAST_MS ? LAST_MS : unix_ms;
	int64_t days = floor_div(ms, MS_PER_DAY), of_day = ms - days * MS_PER_DAY;
	struct civil c = civil_of(days);
	char *p = out;

	p = put_char(put_digits(p, c.year, 4), '-');
	p = put_char(put_digits(p, c.month, 2), '-');
	p = put_char(put_digits(p, c.day, 2), 'T');
	p = put_char(put_digits(p, of_day / 3600000, 2), ':');
	p = put_char(put_digits(p, of_day / 60000 % 60, 2), ':');
	p = put_char(put_digits(p, of_day / 1000 % 60, 2), '.');
	p = put_char(put_digits(p, of_day % 1000, 3), 'Z');
	*p = '\0';
}

/* A reader over the text; one wrong step and `bad` stays. */
struct reader {
	const char *at, *end;
	bool bad;
};

static char peek(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\0';
}

static bool at_digit(const struct reader *r)
{
	return peek(r) >= '0' && peek(r) <= '9';
}

static int take_digits(struct reader *r, int n, int min, int max)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!at_digit(r)) r->bad = true;
		else v = v * 10 + (*r->at++ - '0');
	}
	if (v < min || v > max) r->bad = true;
	return v;
}

static char take_one_of(struct reader *r, const char *set)
{
	char c = peek(r);

	for (; *set; set++) {
		if (c == *set) return r->at++, c;
	}
	r->bad = true;
	return '\0';
}

static int days_in_month(int year, int month)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : DAYS[month - 1];
}

static int64_t take_date_ms(struct reader *r)
{
	struct civil c;

	c.year = take_digits(r, 4, 0, 9999);
	take_one_of(r, "-");
	c.month = take_digits(r, 2, 1, 12);
	take_one_of(r, "-");
	if (r->bad) return 0;
	c.day = take_digits(r, 2, 1, days_in_month(c.year, c.month));
	return days_of(c) * MS_PER_DAY;
}

/* Digits beyond the third are cut off. */
static int64_t take_fraction_ms(struct reader *r)
{
	int64_t ms = 0, scale = 100;

	if (peek(r) != '.') return 0;
	r->at++;
	if (!at_digit(r)) r->bad = true;
	for (; at_digit(r); r->at++, scale /= 10) ms += (*r->at - '0') * scale;
	return ms;
}

static int64_t take_time_ms(struct reader *r, bool *ret_leap)
{
	int64_t ms = take_digits(r, 2, 0, 23) * (int64_t)3600000;
	int second;

	take_one_of(r, ":");
	ms += take_digits(r, 2, 0, 59) * (int64_t)60000;
	take_one_of(r, ":");
	second = take_digits(r, 2, 0, 60);
	*ret_leap = second == 60;
	return ms + second * 1000 + take_fraction_ms(r);
}

static int64_t take_offset_ms(struct reader *r)
{
	char sign = take_one_of(r, "Zz+-");
	int64_t ms;

	if (sign != '+' && sign != '-') return 0;
	ms = take_digits(r, 2, 0, 23) * (int64_t)3600000;
	take_one_of(r, ":");
	ms += take_digits(r, 2, 0, 59) * (int64_t)60000;
	return sign == '-' ? -ms : ms;
}

bool when_parse(const char *s, size_t n, int64_t *ret_unix_ms)
{
	struct reader r = {s, s + n, false};
	bool leap;
	int64_t ms = take_date_ms(&r);

	take_one_of(&r, "Tt ");
	ms += take_time_ms(&r, &leap);
	ms -= take_offset_ms(&r);
	if (r.bad || r.at != r.end || ms < 0 || ms > LAST_MS) return false;
	/* A leap second ends a UTC day; like PostgreSQL we read it as the second after it. */
	if (leap && ms % MS_PER_DAY >= 1000) return false;
	*ret_unix_ms = ms;
	return true;
}

int64_t when_from_pg(int64_t pg_us)
{
	if (pg_us == INT64_MAX) return TIME_FOREVER;
	if (pg_us == INT64_MIN) return TIME_NONE;
	return floor_div(pg_us, 1000) + PG_EPOCH_MS;
}

int64_t when_to_pg(int64_t unix_ms)
{
	int64_t ms, us;

	if (__builtin_sub_overflow(unix_ms, PG_EPOCH_MS, &ms) || __builtin_mul_overflow(ms, 1000, &us)) {
		return unix_ms < 0 ? INT64_MIN : INT64_MAX;
	}
	return us;
}

int64_t when_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
