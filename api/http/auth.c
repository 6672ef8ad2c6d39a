#include "api/http/auth.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/seat.h"

enum { TOKEN_MAX = 4096 };

static bool user_of(const char *sub, int64_t *ret)
{
	char *end;
	if (!sub || *sub < '1' || *sub > '9' || strlen(sub) > 16) return false;
	long long v = strtoll(sub, &end, 10);
	if (*end || v > ID_MAX) return false;
	*ret = v;
	return true;
}

/* libjwt gives -1 where there is none, and 0 for what is no integer: a fraction, a word. */
static bool is_reached(jwt_t *jwt, int64_t now_s)
{
	int64_t nbf = jwt_get_grant_int(jwt, "nbf");
	return nbf != 0 && nbf <= now_s;
}

static bool claims_hold(jwt_t *jwt, int64_t now_s, struct jwt_claims *ret)
{
	if (jwt_get_alg(jwt) != JWT_ALG_HS256) return false;
	if (jwt_get_grant_int(jwt, "exp") <= now_s || !is_reached(jwt, now_s)) return false;
	const char *role = jwt_get_grant(jwt, "role");
	ret->admin = role && strcmp(role, "admin") == 0;
	return user_of(jwt_get_grant(jwt, "sub"), &ret->user);
}

bool auth_verify(const char *secret, const char *token, int64_t now_s, struct jwt_claims *ret)
{
	jwt_t *jwt = NULL;

	/* With a NULL key libjwt believes alg:none. */
	if (!secret || !token || strlen(token) > TOKEN_MAX) return false;
	if (jwt_decode(&jwt, token, (const unsigned char *)secret, (int)strlen(secret)) != 0) return false;
	bool ok = claims_hold(jwt, now_s, ret);
	jwt_free(jwt);
	return ok;
}

char *auth_issue(const char *secret, int64_t user, bool admin, int64_t now_s, int64_t ttl_s)
{
	jwt_t *jwt = NULL;
	char sub[24], *token = NULL;

	if (jwt_new(&jwt) != 0) return NULL;
	snprintf(sub, sizeof sub, "%lld", (long long)user);
	if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)strlen(secret)) == 0 &&
		jwt_add_grant(jwt, "sub", sub) == 0 && (!admin || jwt_add_grant(jwt, "role", "admin") == 0) &&
		jwt_add_grant_int(jwt, "iat", now_s) == 0 && jwt_add_grant_int(jwt, "exp", now_s + ttl_s) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token;
}
