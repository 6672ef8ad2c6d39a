/* problem: every error a client can see (contract section 9), one row each, in English and Korean.
 * RFC 9457 application/problem+json: type, title, status, detail, code, traceId; `code` never changes.
 * Pure tables. */
#ifndef TK_PROBLEM_H
#define TK_PROBLEM_H

enum lang { LANG_EN, LANG_KO, LANGS };

enum problem {
#define PROBLEM(code, status, title_en, title_ko, detail_en, detail_ko) PROBLEM_##code,
#include "api/http/problem_rows.h"
#undef PROBLEM
	PROBLEMS
};

struct problem_row {
	const char *code;
	int status;
	const char *title[LANGS], *detail[LANGS];
};
extern const struct problem_row PROBLEM_ROW[PROBLEMS];

/* The language that Accept-Language (RFC 9110, section 12.5.4) prefers; English when it names neither. */
enum lang lang_choose(const char *accept_language);

#endif
