#include "api/http/problem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct problem_row PROBLEM_ROW[PROBLEMS] = {
#define PROBLEM(code, status, title_en, title_ko, detail_en, detail_ko)                                                \
	[PROBLEM_##code] = {#code, status, {title_en, title_ko}, {detail_en, detail_ko}},
#include "api/http/problem_rows.h"
#undef PROBLEM
};

static bool range_is(const char *range, size_t n, const char *tag)
{
	return n >= 2 && strncasecmp(range, tag, 2) == 0 &&
		(n == 2 || range[2] == '-' || range[2] == ' ' || range[2] == ';');
}

static double range_weight(const char *range, size_t n)
{
	const char *q = memmem(range, n, "q=", 2);
	return q ? strtod(q + 2, NULL) : 1.0;
}

enum lang lang_choose(const char *accept)
{
	double best[LANGS] = {0, 0};

	while (accept && *accept) {
		accept += strspn(accept, " \t,");
		size_t n = strcspn(accept, ",");
		double weight = range_weight(accept, n);
		if (range_is(accept, n, "ko") && weight > best[LANG_KO]) best[LANG_KO] = weight;
		if (range_is(accept, n, "en") && weight > best[LANG_EN]) best[LANG_EN] = weight;
		accept += n;
	}
	return best[LANG_KO] > best[LANG_EN] ? LANG_KO : LANG_EN;
}
