#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/crypto/queue_token.h"

static const char SECRET[] = "a secret that every daemon has, longer than enough";

static int setup(void **state)
{
	*state = hmac_queue_token_create(SECRET);
	return 0;
}

static int teardown(void **state)
{
	hmac_queue_token_destroy(*state);
	return 0;
}

static struct queue_token *port(void **state)
{
	return hmac_queue_token_port(*state);
}

static bool reads(struct queue_token *t, const char *text, struct queue_ticket *ret)
{
	return t->read(t, text, strlen(text), ret);
}

static bool same(const struct queue_ticket *a, const struct queue_ticket *b)
{
	return a->schedule == b->schedule && a->user == b->user && a->number == b->number && a->epoch == b->epoch;
}

static void what_was_written_is_read(void **state)
{
	const int64_t id = (INT64_C(1) << 53) - 1;
	const struct queue_ticket all[] = {
		{1, 1, 0, 0},
		{42, 7, 1, 0},
		{id, id, id, UINT32_MAX},
		{42, 7, 3000000001, 3},
	};
	struct queue_token *t = port(state);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char text[QUEUE_TOKEN_TEXT];
		struct queue_ticket back;
		t->write(t, &all[i], text);
		assert_int_equal(strlen(text), QUEUE_TOKEN_LEN);
		assert_int_equal(
			strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), QUEUE_TOKEN_LEN);
		assert_true(reads(t, text, &back));
		assert_true(same(&back, &all[i]));
	}
}

static void the_same_place_has_the_same_token_on_every_daemon(void **state)
{
	const struct queue_ticket ticket = {42, 7, 1, 0};
	struct hmac_queue_token *other = hmac_queue_token_create(SECRET);
	char here[QUEUE_TOKEN_TEXT], there[QUEUE_TOKEN_TEXT];
	struct queue_ticket back;
	port(state)->write(port(state), &ticket, here);
	hmac_queue_token_port(other)->write(hmac_queue_token_port(other), &ticket, there);
	assert_string_equal(here, there);
	assert_true(reads(hmac_queue_token_port(other), here, &back));
	hmac_queue_token_destroy(other);
}

/* Tokens in people's hands must stay good over releases. */
static void the_format_is_fixed(void **state)
{
	char text[QUEUE_TOKEN_TEXT];
	port(state)->write(port(state), &(struct queue_ticket){42, 7, 3000000001, 3}, text);
	assert_memory_equal(text, "AAAAAAAAACoAAAAAAAAABwAAAACy0F4BAAAA", 36);
	assert_string_equal(text, "AAAAAAAAACoAAAAAAAAABwAAAACy0F4BAAAAAwRo1UcKIM9h5fEsEuqyuRDD");
}

static void every_changed_letter_is_noticed(void **state)
{
	struct queue_token *t = port(state);
	char text[QUEUE_TOKEN_TEXT];
	t->write(t, &(struct queue_ticket){42, 7, 1, 0}, text);
	for (int i = 0; i < QUEUE_TOKEN_LEN; i++) {
		char was = text[i];
		for (int c = 1; c < 256; c++) {
			struct queue_ticket back = {.user = 99};
			if ((char)c == was) continue;
			text[i] = (char)c;
			assert_false(reads(t, text, &back));
			assert_int_equal(back.user, 99); /* untouched */
		}
		text[i] = was;
	}
}

static void other_lengths_are_no_tokens(void **state)
{
	struct queue_token *t = port(state);
	char text[QUEUE_TOKEN_TEXT + 1];
	struct queue_ticket back;
	t->write(t, &(struct queue_ticket){42, 7, 1, 0}, text);
	for (size_t n = 0; n < QUEUE_TOKEN_LEN; n++) assert_false(t->read(t, text, n, &back));
	text[QUEUE_TOKEN_LEN] = '=';
	assert_false(t->read(t, text, QUEUE_TOKEN_LEN + 1, &back));
	assert_false(t->read(t, text, SIZE_MAX, &back));
}

static void another_secret_knows_nothing_of_it(void **state)
{
	struct hmac_queue_token *other = hmac_queue_token_create("another secret");
	char text[QUEUE_TOKEN_TEXT];
	struct queue_ticket back;
	port(state)->write(port(state), &(struct queue_ticket){42, 7, 1, 0}, text);
	assert_false(reads(hmac_queue_token_port(other), text, &back));
	hmac_queue_token_destroy(other);
}

static void nonsense_under_a_good_signature_is_none(void **state)
{
	const struct queue_ticket odd[] = {{0, 7, 1, 0}, {42, 0, 1, 0}, {42, 7, -1, 0}, {INT64_C(1) << 53, 7, 1, 0}};
	struct queue_token *t = port(state);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char text[QUEUE_TOKEN_TEXT];
		struct queue_ticket back;
		t->write(t, &odd[i], text);
		assert_false(reads(t, text, &back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(the_same_place_has_the_same_token_on_every_daemon),
		cmocka_unit_test(the_format_is_fixed),
		cmocka_unit_test(every_changed_letter_is_noticed),
		cmocka_unit_test(other_lengths_are_no_tokens),
		cmocka_unit_test(another_secret_knows_nothing_of_it),
		cmocka_unit_test(nonsense_under_a_good_signature_is_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
