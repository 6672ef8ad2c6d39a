/* Tokens from anybody: hostile bytes are none, and what is read is written the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/crypto/queue_token.h"

static void must(int yes)
{
	if (!yes) abort();
}

static void any_bytes(struct queue_token *t, const char *s, size_t n)
{
	struct queue_ticket ticket;
	char again[QUEUE_TOKEN_TEXT];
	if (!t->read(t, s, n, &ticket)) return;
	t->write(t, &ticket, again);
	must(n == QUEUE_TOKEN_LEN && memcmp(s, again, n) == 0);
}

/* A place made of the bytes; its token, and its token with one bit turned. */
static void any_place(struct queue_token *t, const uint8_t *data, size_t n)
{
	uint64_t v[4] = {0};
	char text[QUEUE_TOKEN_TEXT];
	struct queue_ticket back;
	memcpy(v, data, n < sizeof v ? n : sizeof v);
	const uint64_t id = (UINT64_C(1) << 53) - 1;
	struct queue_ticket ticket = {.schedule = (int64_t)(v[0] & id),
		.user = (int64_t)(v[1] & id),
		.number = (int64_t)(v[2] & id),
		.epoch = (int64_t)(v[3] & UINT32_MAX)};
	t->write(t, &ticket, text);
	must(t->read(t, text, QUEUE_TOKEN_LEN, &back) == (ticket.schedule > 0 && ticket.user > 0));
	text[v[3] % QUEUE_TOKEN_LEN] ^= (char)(1 << v[2] % 8);
	must(!t->read(t, text, QUEUE_TOKEN_LEN, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hmac_queue_token *tokens;
	if (!tokens) tokens = hmac_queue_token_create("a secret of the fuzzer");
	any_bytes(hmac_queue_token_port(tokens), (const char *)data, size);
	any_place(hmac_queue_token_port(tokens), data, size);
	return 0;
}
