/* hmac_queue_token: the port queue_token by HMAC-SHA256, cut to 17 bytes so that the whole is 45 bytes: base64url
 * without padding and without a spare bit, so that each token has one spelling.
 *
 *     schedule 8 | user 8 | number 8 | epoch 4 | HMAC 17     big-endian
 *
 * The key is HMAC-SHA256(secret, a label of our own), whichever setting the secret comes from: what is signed here is
 * of no use to whoever checks JWTs with the same secret. The context is made once and used again. */
#ifndef TK_HMAC_QUEUE_TOKEN_H
#define TK_HMAC_QUEUE_TOKEN_H

#include "port/queue_token.h"

struct hmac_queue_token;

struct hmac_queue_token *hmac_queue_token_create(const char *secret); /* TICKET_QUEUE_SECRET, or TICKET_JWT_SECRET */
void hmac_queue_token_destroy(struct hmac_queue_token *t);			  /* NULL is fine; wipes the key */
struct queue_token *hmac_queue_token_port(struct hmac_queue_token *t);

#endif
