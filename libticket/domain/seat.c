#include "domain/seat.h"

const char *const GRADE_NAME[GRADES] = {[GRADE_VIP] = "VIP", [GRADE_R] = "R", [GRADE_S] = "S"};

const char *const SEAT_STATUS_NAME[SEAT_STATUSES] = {
	[SEAT_AVAILABLE] = "AVAILABLE",
	[SEAT_HOLD] = "HOLD",
	[SEAT_SOLD_OUT] = "SOLD_OUT",
};

static bool allowed(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool seat_no_parse(const char *s, size_t n, struct seat_no *ret)
{
	if (n < 1 || n > SEAT_NO_MAX) return false;
	for (size_t i = 0; i < n; i++) {
		if (!allowed(s[i])) return false;
	}
	*ret = (struct seat_no){.len = (uint8_t)n};
	memcpy(ret->s, s, n);
	return true;
}

bool grade_parse(const char *s, size_t n, enum grade *ret)
{
	for (unsigned i = 0; i < GRADES; i++) {
		if (strlen(GRADE_NAME[i]) != n || memcmp(GRADE_NAME[i], s, n) != 0) continue;
		*ret = (enum grade)i;
		return true;
	}
	return false;
}
