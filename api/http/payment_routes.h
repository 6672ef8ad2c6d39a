/* Handlers of /payment/.... Called on the shard's thread; each answers once. */
#ifndef TK_PAYMENT_ROUTES_H
#define TK_PAYMENT_ROUTES_H

struct exchange;
void ready_post(struct exchange *x);
void mock_success_post(struct exchange *x);
void mock_fail_post(struct exchange *x);
void order_get(struct exchange *x);

#endif
