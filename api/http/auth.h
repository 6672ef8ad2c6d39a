/* auth: JSON Web Tokens (RFC 7519), HS256 and nothing else (RFC 8725, section 3.1: the server pins the algorithm).
 * `sub` is the user's id in decimal, `role` "admin" or absent, `exp` required. Every failure looks the same.
 * Pure but for the caller's clock. */
#ifndef TK_AUTH_H
#define TK_AUTH_H

#include <stdbool.h>
#include <stdint.h>

struct jwt_claims {
	int64_t user;
	bool admin;
};
bool auth_verify(const char *secret, const char *token, int64_t now_s, struct jwt_claims *ret);
char *auth_issue(const char *secret, int64_t user, bool admin, int64_t now_s,
	int64_t ttl_s); /* the caller frees; NULL: out of memory */

#endif
