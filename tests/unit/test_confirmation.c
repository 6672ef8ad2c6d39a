/* domain/confirmation: every combination of the facts against rules written as data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "domain/confirmation.h"

enum { ANY = -1, NO = 0, YES = 1 };

/* The first row that fits decides; there is no other reading. */
struct rule {
	int seen, found, matches, order, kept, kept_method, method, live;
	enum confirmation verdict;
};
static const struct rule RULES[] = {
	{SEEN_FOR_ANOTHER_ORDER, ANY, ANY, ANY, ANY, ANY, ANY, ANY, CONFIRMATION_PARK_ID_REUSED},
	{SEEN_BEFORE, NO, ANY, ANY, ANY, ANY, ANY, ANY, CONFIRMATION_REPEAT},
	{SEEN_NEVER, NO, ANY, ANY, ANY, ANY, ANY, ANY, CONFIRMATION_PARK_UNKNOWN_ORDER},
	{ANY, YES, NO, ANY, ANY, ANY, ANY, ANY, CONFIRMATION_PARK_MISMATCH},
	{SEEN_BEFORE, YES, YES, ANY, ANY, ANY, ANY, ANY, CONFIRMATION_REPEAT},
	{SEEN_NEVER, YES, YES, ORDER_PAID, ANY, ANY, ANY, ANY, CONFIRMATION_REPEAT},
	{SEEN_NEVER, YES, YES, ORDER_CANCELLED, ANY, ANY, ANY, ANY, CONFIRMATION_REPEAT},
	{SEEN_NEVER, YES, YES, ANY, KEPT_NONE, ANY, METHOD_POINT, ANY, CONFIRMATION_PARK_NO_DEBIT},
	{SEEN_NEVER, YES, YES, ANY, KEPT_PENDING, METHOD_POINT, ANY, ANY, CONFIRMATION_PARK_NO_DEBIT},
	{SEEN_NEVER, YES, YES, ANY, KEPT_PENDING, METHOD_CARD, METHOD_POINT, ANY, CONFIRMATION_PARK_NO_DEBIT},
	{SEEN_NEVER, YES, YES, ANY, KEPT_RETURNED, ANY, METHOD_POINT, ANY, CONFIRMATION_PARK_NO_DEBIT},
	{SEEN_NEVER, YES, YES, ANY, KEPT_APPROVED, METHOD_CARD, METHOD_POINT, ANY, CONFIRMATION_PARK_NO_DEBIT},
	{SEEN_NEVER, YES, YES, ORDER_FAILED, ANY, ANY, ANY, ANY, CONFIRMATION_LATE_PAYMENT},
	{SEEN_NEVER, YES, YES, ORDER_READY, KEPT_RETURNED, ANY, ANY, ANY, CONFIRMATION_PARK_RETURNED},
	{SEEN_NEVER, YES, YES, ORDER_READY, ANY, ANY, ANY, LIVE_TAKEN, CONFIRMATION_SEAT_TAKEN},
	{SEEN_NEVER, YES, YES, ORDER_READY, ANY, ANY, ANY, LIVE_NONE, CONFIRMATION_CONFIRM},
	{SEEN_NEVER, YES, YES, ORDER_READY, ANY, ANY, ANY, LIVE_OWN_HELD, CONFIRMATION_CONFIRM},
	{SEEN_NEVER, YES, YES, ORDER_READY, ANY, ANY, ANY, LIVE_OWN_CONFIRMED, CONFIRMATION_CONFIRM},
	{SEEN_NEVER, YES, YES, ORDER_READY, ANY, ANY, ANY, LIVE_OUTLIVED, CONFIRMATION_CONFIRM},
};

static bool fits(int want, int is)
{
	return want == ANY || want == is;
}

static const struct rule *rule_for(const struct confirmation_facts *f)
{
	for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
		const struct rule *r = &RULES[i];
		if (fits(r->seen, (int)f->seen) && fits(r->found, f->order_found) && fits(r->matches, f->order_matches) &&
			fits(r->order, (int)f->order) && fits(r->kept, (int)f->kept) && fits(r->kept_method, (int)f->kept_method) &&
			fits(r->method, (int)f->method) && fits(r->live, (int)f->live))
			return r;
	}
	return NULL;
}

/* Combination `n` of all; false: there are no more. */
static bool combination(unsigned n, struct confirmation_facts *ret)
{
	const unsigned sizes[] = {
		CONFIRMATION_SEENS, 2, 2, ORDER_STATUSES - 1, CONFIRMATION_KEPTS, METHODS, METHODS, CONFIRMATION_LIVES};
	unsigned digit[8];
	for (unsigned i = 0; i < 8; i++) {
		digit[i] = n % sizes[i];
		n /= sizes[i];
	}
	*ret = (struct confirmation_facts){
		.seen = (enum confirmation_seen)digit[0],
		.order_found = digit[1],
		.order_matches = digit[2],
		.order = (enum order_status)(digit[3] + 1),
		.kept = (enum confirmation_kept)digit[4],
		.kept_method = (enum payment_method)digit[5],
		.method = (enum payment_method)digit[6],
		.live = (enum confirmation_live)digit[7],
	};
	return n == 0;
}

static void every_combination_is_decided_by_the_table(void **state)
{
	struct confirmation_facts f;
	bool used[sizeof RULES / sizeof *RULES] = {false};
	unsigned n = 0;
	(void)state;
	for (; combination(n, &f); n++) {
		const struct rule *r = rule_for(&f);
		assert_non_null(r);
		used[r - RULES] = true;
		if (confirmation_decide(&f) != r->verdict)
			fail_msg("combination %u: %d, not %d", n, confirmation_decide(&f), r->verdict);
	}
	assert_int_equal(n, 3 * 2 * 2 * 4 * 4 * 2 * 2 * 5);
	for (size_t i = 0; i < sizeof used; i++) assert_true(used[i]);
}

static struct confirmation_facts plain(void)
{
	return (struct confirmation_facts){.order_found = true, .order_matches = true, .order = ORDER_READY};
}

/* Whatever else is so: a verdict moves an order only where the grid of orders allows it. */
static void no_verdict_makes_an_illegal_move(void **state)
{
	struct confirmation_facts f;
	(void)state;
	for (unsigned n = 0; combination(n, &f); n++) {
		enum confirmation v = confirmation_decide(&f);
		if (v == CONFIRMATION_CONFIRM) assert_int_equal(ORDER_NEXT[f.order][MOVE_PAY], ORDER_PAID);
		if (confirmation_rejects(v)) assert_int_equal(ORDER_NEXT[f.order][MOVE_REJECT], ORDER_CANCELLED);
	}
}

static void nobody_is_confirmed_on_a_seat_of_someone_else(void **state)
{
	struct confirmation_facts f;
	(void)state;
	for (unsigned n = 0; combination(n, &f); n++)
		if (f.live == LIVE_TAKEN) assert_int_not_equal(confirmation_decide(&f), CONFIRMATION_CONFIRM);
}

static void points_without_a_debit_buy_nothing_and_give_nothing_back(void **state)
{
	struct confirmation_facts f;
	(void)state;
	for (unsigned n = 0; combination(n, &f); n++) {
		enum confirmation v = confirmation_decide(&f);
		bool debit = f.kept == KEPT_APPROVED && f.kept_method == METHOD_POINT;
		if (f.method == METHOD_POINT && !debit) assert_false(v == CONFIRMATION_CONFIRM || confirmation_rejects(v));
	}
}

static void a_plain_event_confirms_and_the_same_again_repeats(void **state)
{
	struct confirmation_facts f = plain();
	(void)state;
	assert_int_equal(confirmation_decide(&f), CONFIRMATION_CONFIRM);
	f.seen = SEEN_BEFORE;
	f.order = ORDER_PAID;
	f.kept = KEPT_APPROVED;
	f.live = LIVE_OWN_CONFIRMED;
	assert_int_equal(confirmation_decide(&f), CONFIRMATION_REPEAT);
}

static void reasons_are_there_for_what_needs_one(void **state)
{
	(void)state;
	for (int v = 0; v < CONFIRMATIONS; v++) {
		bool needs = confirmation_parks((enum confirmation)v) || confirmation_rejects((enum confirmation)v);
		assert_int_equal(CONFIRMATION_REASON[v] != NULL, needs);
	}
	assert_string_equal(CONFIRMATION_REASON[CONFIRMATION_SEAT_TAKEN], "SEAT_TAKEN");
	assert_string_equal(CONFIRMATION_REASON[CONFIRMATION_LATE_PAYMENT], "LATE_PAYMENT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_event_confirms_and_the_same_again_repeats),
		cmocka_unit_test(every_combination_is_decided_by_the_table),
		cmocka_unit_test(no_verdict_makes_an_illegal_move),
		cmocka_unit_test(nobody_is_confirmed_on_a_seat_of_someone_else),
		cmocka_unit_test(points_without_a_debit_buy_nothing_and_give_nothing_back),
		cmocka_unit_test(reasons_are_there_for_what_needs_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
