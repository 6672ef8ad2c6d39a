/* What --help and --check-config print. */
#include <string.h>

#include "runtime/config_table.h"

enum { DOC_COLUMN = 32, LINE_WIDTH = 100 };

/* Help */

struct wrap {
	FILE *out;
	int column;
};

static void put_word(struct wrap *w, const char *word, int n)
{
	if (w->column + 1 + n > LINE_WIDTH && w->column > DOC_COLUMN) {
		fprintf(w->out, "\n%*s", DOC_COLUMN, "");
		w->column = DOC_COLUMN;
	}
	w->column += fprintf(w->out, "%s%.*s", w->column > DOC_COLUMN ? " " : "", n, word);
}

static void put_words(struct wrap *w, const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, " ");

		put_word(w, text, n);
		text += n;
		text += strspn(text, " ");
	}
}

static void put_bounds(struct wrap *w, const struct setting *s)
{
	char text[160];
	long long min = s->min, max = s->max;

	switch (s->type) {
	case SETTING_IS_INT:
		if (s->dflt_int == SETTING_UNSET) snprintf(text, sizeof text, "[unset; %lld to %lld]", min, max);
		else snprintf(text, sizeof text, "[%lld; %lld to %lld]", (long long)s->dflt_int, min, max);
		break;
	case SETTING_IS_STR:
		snprintf(text, sizeof text, "[%s; %lld to %lld bytes]", s->dflt ? s->dflt : "unset", min, max);
		break;
	case SETTING_IS_ADDR: snprintf(text, sizeof text, "[%s]", s->dflt); break;
	case SETTING_IS_ENUM: snprintf(text, sizeof text, "[%s; one of %s]", s->dflt, s->words); break;
	}
	put_words(w, text);
}

static void help_row(FILE *out, const struct setting *s)
{
	struct wrap w = {out, DOC_COLUMN};

	fprintf(out, "  %-*s", DOC_COLUMN - 2, s->env);
	put_words(&w, s->doc);
	put_bounds(&w, s);
	fputc('\n', out);
}

void config_help(FILE *out, enum config_daemon who)
{
	fputs("Settings, from the environment only [default; bounds]:\n", out);
	for (int i = 0; i < SETTINGS; i++) {
		if (SETTING[i].who & who) help_row(out, &SETTING[i]);
	}
}

/* The settings in force */

/* The password in scheme://user:password@host: where it begins, how long it is. */
static const char *find_password(const char *url, size_t *ret_len)
{
	const char *user = strstr(url, "://");
	const char *at, *colon;

	if (!user) return NULL;
	user += 3;
	at = memrchr(user, '@', strcspn(user, "/?#")); /* the last: a careless password may contain one */
	colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	if (!colon) return NULL;
	*ret_len = (size_t)(at - colon - 1);
	return colon + 1;
}

/* libpq takes password= too, as an argument of the URL or between blanks. */
static const char *find_password_argument(const char *url, size_t *ret_len)
{
	const char *p = strstr(url, "password=");

	if (!p) return NULL;
	p += strlen("password=");
	*ret_len = strcspn(p, "& ");
	return p;
}

static void print_masked(FILE *out, const char *s)
{
	size_t n;
	const char *password = find_password(s, &n);

	if (!password) password = find_password_argument(s, &n);
	if (password) fprintf(out, "%.*s***%s", (int)(password - s), s, password + n);
	else fputs(s, out);
}

static void print_str(FILE *out, const struct setting *s, const char *text)
{
	if (!text) return;
	if (setting_is_secret(s)) fputs("***", out);
	else print_masked(out, text);
}

static void print_addr(FILE *out, const struct addr *a)
{
	bool brackets = strchr(a->host, ':') != NULL;

	fprintf(out, "%s%s%s:%u", brackets ? "[" : "", a->host, brackets ? "]" : "", a->port);
}

static void print_value(FILE *out, const struct setting *s, const void *field)
{
	const char *word;
	int len;

	switch (s->type) {
	case SETTING_IS_INT: fprintf(out, "%lld", (long long)*(const int64_t *)field); break;
	case SETTING_IS_STR: print_str(out, s, *(char *const *)field); break;
	case SETTING_IS_ADDR: print_addr(out, field); break;
	case SETTING_IS_ENUM:
		word = setting_word(s->words, *(const int *)field, &len);
		fprintf(out, "%.*s", word ? len : 0, word ? word : "");
		break;
	}
}

void config_print(FILE *out, const struct config *c, enum config_daemon who)
{
	for (int i = 0; i < SETTINGS; i++) {
		if (!(SETTING[i].who & who)) continue;
		fprintf(out, "%s=", SETTING[i].env);
		print_value(out, &SETTING[i], setting_field(&SETTING[i], c));
		fputc('\n', out);
	}
}
