#include "adapter/crypto/queue_token.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mem.h"

enum { BODY = 28, MAC = 17, WHOLE = BODY + MAC, DIGEST = 32 };
_Static_assert(WHOLE % 3 == 0 && WHOLE / 3 * 4 == QUEUE_TOKEN_LEN, "no padding, no spare bits");

static const int64_t ID_MAX = (INT64_C(1) << 53) - 1;

struct hmac_queue_token {
	struct queue_token port;
	EVP_MAC_CTX *keyed;
};

static void must(bool ok)
{
	if (!ok) abort(); /* out of memory, or a libcrypto without HMAC */
}

/* --- the mac --- */

static EVP_MAC_CTX *keyed(const void *key, size_t n)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(hmac != NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac); /* the context keeps it */
	must(ctx != NULL);
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};
	must(EVP_MAC_init(ctx, key, n, params) == 1);
	return ctx;
}

static void digest(EVP_MAC_CTX *ctx, const void *p, size_t n, unsigned char out[DIGEST])
{
	size_t len = 0;
	must(EVP_MAC_init(ctx, NULL, 0, NULL) == 1); /* the same key again */
	must(EVP_MAC_update(ctx, p, n) == 1);
	must(EVP_MAC_final(ctx, out, &len, DIGEST) == 1 && len == DIGEST);
}

/* --- bytes and text --- */

static void put(unsigned char *at, unsigned bytes, uint64_t v)
{
	for (unsigned i = bytes; i-- > 0; v >>= 8) at[i] = (unsigned char)v;
}

static int64_t get(const unsigned char *at, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++) v = v << 8 | at[i];
	return (int64_t)v;
}

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void to_text(const unsigned char bytes[WHOLE], char out[QUEUE_TOKEN_TEXT])
{
	for (int i = 0; i < WHOLE; i += 3, out += 4) {
		unsigned v = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
		for (int k = 0; k < 4; k++) out[k] = LETTERS[v >> (18 - 6 * k) & 63];
	}
	*out = 0;
}

static int letter(char c)
{
	if (c >= 'A' && c <= 'Z') return c - 'A';
	if (c >= 'a' && c <= 'z') return c - 'a' + 26;
	if (c >= '0' && c <= '9') return c - '0' + 52;
	if (c == '-') return 62;
	return c == '_' ? 63 : -1;
}

static bool from_text(const char s[QUEUE_TOKEN_LEN], unsigned char bytes[WHOLE])
{
	for (int i = 0; i < WHOLE; i += 3, s += 4) {
		unsigned v = 0;
		for (int k = 0; k < 4; k++) {
			int six = letter(s[k]);
			if (six < 0) return false;
			v = v << 6 | (unsigned)six;
		}
		put(bytes + i, 3, v);
	}
	return true;
}

/* --- the port --- */

static struct hmac_queue_token *self(struct queue_token *t)
{
	return container_of(t, struct hmac_queue_token, port);
}

static void write_token(struct queue_token *port, const struct queue_ticket *t, char out[QUEUE_TOKEN_TEXT])
{
	unsigned char bytes[WHOLE], mac[DIGEST];
	put(bytes, 8, (uint64_t)t->schedule);
	put(bytes + 8, 8, (uint64_t)t->user);
	put(bytes + 16, 8, (uint64_t)t->number);
	put(bytes + 24, 4, (uint64_t)t->epoch);
	digest(self(port)->keyed, bytes, BODY, mac);
	memcpy(bytes + BODY, mac, MAC);
	to_text(bytes, out);
}

static bool is_id(int64_t v, int64_t least)
{
	return v >= least && v <= ID_MAX;
}

static bool read_token(struct queue_token *port, const char *s, size_t n, struct queue_ticket *ret)
{
	unsigned char bytes[WHOLE], mac[DIGEST];
	if (n != QUEUE_TOKEN_LEN || !from_text(s, bytes)) return false;
	digest(self(port)->keyed, bytes, BODY, mac);
	if (CRYPTO_memcmp(bytes + BODY, mac, MAC) != 0) return false;
	struct queue_ticket t = {.schedule = get(bytes, 8),
		.user = get(bytes + 8, 8),
		.number = get(bytes + 16, 8),
		.epoch = get(bytes + 24, 4)};
	if (!is_id(t.schedule, 1) || !is_id(t.user, 1) || !is_id(t.number, 0)) return false;
	*ret = t;
	return true;
}

struct hmac_queue_token *hmac_queue_token_create(const char *secret)
{
	static const char LABEL[] = "queue token 1";
	struct hmac_queue_token *t = mem_must(calloc(1, sizeof *t));
	unsigned char key[DIGEST];
	EVP_MAC_CTX *by_secret = keyed(secret, strlen(secret));
	digest(by_secret, LABEL, sizeof LABEL - 1, key);
	EVP_MAC_CTX_free(by_secret);
	*t = (struct hmac_queue_token){.port = {.write = write_token, .read = read_token}, .keyed = keyed(key, sizeof key)};
	OPENSSL_cleanse(key, sizeof key);
	return t;
}

void hmac_queue_token_destroy(struct hmac_queue_token *t)
{
	if (!t) return;
	EVP_MAC_CTX_free(t->keyed);
	free(t);
}

struct queue_token *hmac_queue_token_port(struct hmac_queue_token *t)
{
	return &t->port;
}
