#include "runtime/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "runtime/mem.h"

struct hmac {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
};

static void must(int ok)
{
	if (ok != 1) abort();
}

struct hmac *hmac_create(const void *key, size_t n)
{
	struct hmac *h = mem_must(calloc(1, sizeof *h));
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	h->mac = mem_must(EVP_MAC_fetch(NULL, "HMAC", NULL));
	h->ctx = mem_must(EVP_MAC_CTX_new(h->mac));
	must(EVP_MAC_init(h->ctx, key, n, params));
	return h;
}

void hmac_sign(struct hmac *h, const void *p, size_t n, uint8_t ret[HMAC_SIZE])
{
	size_t len;

	must(EVP_MAC_init(h->ctx, NULL, 0, NULL)); /* the same key again */
	must(EVP_MAC_update(h->ctx, p, n));
	must(EVP_MAC_final(h->ctx, ret, &len, HMAC_SIZE));
}

void hmac_destroy(struct hmac *h)
{
	if (!h) return;
	EVP_MAC_CTX_free(h->ctx);
	EVP_MAC_free(h->mac);
	free(h);
}

void sha256(const void *p, size_t n, uint8_t ret[HMAC_SIZE])
{
	unsigned len;

	must(EVP_Digest(p, n, ret, &len, EVP_sha256(), NULL));
}

void hex_text(char *out, const uint8_t *p, size_t n)
{
	static const char HEX[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = HEX[p[i] >> 4];
		*out++ = HEX[p[i] & 15];
	}
	*out = '\0';
}
