/* hmac: HMAC-SHA256 (RFC 2104) of many messages under one key, and SHA-256 of one.
 * The key's state is made once and copied for each message. Never fails: no memory ends the process.
 * Thread: one instance a thread. */
#ifndef TK_HMAC_H
#define TK_HMAC_H

#include <stddef.h>
#include <stdint.h>

enum { HMAC_SIZE = 32 };

struct hmac;
struct hmac *hmac_create(const void *key, size_t n);
void hmac_sign(struct hmac *h, const void *p, size_t n, uint8_t ret[HMAC_SIZE]);
void hmac_destroy(struct hmac *h); /* NULL is fine */

void sha256(const void *p, size_t n, uint8_t ret[HMAC_SIZE]);
void hex_text(char *out, const uint8_t *p, size_t n); /* 2n + 1 characters, lower case */

#endif
