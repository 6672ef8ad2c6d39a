/* What exchange.h reads of a request. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapter/json/json_codec.h"
#include "api/http/http_internal.h"
#include "api/http/rate_limit.h"
#include "runtime/when.h"

bool exchange_decode(struct exchange *x, const struct json_field *fields, size_t n, void *ret)
{
	struct json_errors errors;

	errors.count = 0;
	if (json_decode(x->http->json, x->body.data ? x->body.data : "", x->body.len, fields, n, ret, &errors)) return true;
	exchange_invalid_body(x, &errors);
	return false;
}

struct arg_search {
	const char *name, *value;
	unsigned times;
};

static enum MHD_Result see_arg(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct arg_search *s = cls;

	(void)kind;
	if (strcasecmp(key, s->name) != 0) return MHD_YES;
	s->value = value;
	s->times++;
	return MHD_YES;
}

/* As exchange_arg, but valid only as long as the connection is. */
static bool find_arg(struct exchange *x, const char *name, const char **ret)
{
	struct arg_search s = {.name = name};

	if (!x->gone) MHD_get_connection_values(x->conn, MHD_GET_ARGUMENT_KIND, see_arg, &s);
	*ret = s.value;
	if (s.times <= 1) return true;
	exchange_invalid(x, name, "given twice");
	return false;
}

bool exchange_arg(struct exchange *x, const char *name, const char **ret)
{
	if (!find_arg(x, name, ret)) return false;
	if (*ret) *ret = arena_strdup(&x->arena, *ret, strlen(*ret));
	return true;
}

/* Digits only, too few to overflow. */
static bool parse_int(const char *s, int64_t *ret)
{
	const char *end = s;
	int64_t v = 0;

	for (; *end >= '0' && *end <= '9' && end - s < 18; end++) v = v * 10 + (*end - '0');
	*ret = v;
	return *end == '\0' && end > s && end - s < 18;
}

bool exchange_int_arg(struct exchange *x, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	char message[80];
	const char *s;
	int64_t v;

	if (!find_arg(x, name, &s)) return false;
	if (!s) return true;
	if (parse_int(s, &v) && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	snprintf(message, sizeof message, "an integer from %lld to %lld", (long long)min, (long long)max);
	exchange_invalid(x, name, message);
	return false;
}

bool exchange_id_param(struct exchange *x, int64_t *ret)
{
	char text[20];

	if (x->param_len < sizeof text) {
		memcpy(text, x->param, x->param_len);
		text[x->param_len] = '\0';
		if (parse_int(text, ret) && *ret >= 1 && *ret <= ID_MAX) return true;
	}
	exchange_problem(x, PROBLEM_NOT_FOUND);
	return false;
}

bool exchange_uuid_param(struct exchange *x, const char *name, struct uuid *ret)
{
	if (uuid_parse(x->param, x->param_len, ret)) return true;
	exchange_invalid(x, name, "a UUID");
	return false;
}

bool exchange_user(struct exchange *x, int64_t named, int64_t *ret)
{
	*ret = x->user ? x->user : named;
	if (!*ret) exchange_invalid(x, "userId", "is missing");
	else if (x->user && named && named != x->user) exchange_problem(x, PROBLEM_USER_MISMATCH);
	else return true;
	return false;
}

bool exchange_user_arg(struct exchange *x, int64_t *ret)
{
	int64_t named = 0;
	return exchange_int_arg(x, "userId", 1, ID_MAX, &named) && exchange_user(x, named, ret);
}

bool exchange_rate(struct exchange *x, int64_t user)
{
	if (rate_limit_admits(x->app->rate_limit, user, when_now_ms())) return true;
	exchange_problem(x, PROBLEM_RATE_LIMITED);
	return false;
}
