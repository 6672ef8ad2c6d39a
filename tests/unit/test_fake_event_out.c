/* The fake of the port does what its faults say, and what the real one promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fake/fake_event_out.h"

struct reports {
	unsigned good, bad;
	uint64_t last;
};

static void count(void *ctx, const struct uuid *event_id, uint64_t tag, enum delivery d)
{
	struct reports *r = ctx;
	assert_non_null(event_id);
	*(d == DELIVERY_DONE ? &r->good : &r->bad) += 1;
	r->last = tag;
}

static struct fake_event_out fake;

static struct tk_err publish(uint64_t tag)
{
	struct payment_completed e = {.user = 7};
	return fake.port.publish_payment(&fake.port, &e, tag);
}

static void begin(struct reports *r)
{
	fake_event_out_init(&fake);
	fake.port.delivered = count;
	fake.port.ctx = r;
}

static void events_are_remembered_and_reported(void **state)
{
	struct reports r = {0};
	struct dead_letter d = {.value = "x", .value_len = 1, .reason = "not_json"};
	(void)state;
	begin(&r);
	assert_false(tk_failed(publish(1)));
	assert_false(tk_failed(fake.port.publish_dead_letter(&fake.port, &d, 2)));
	assert_int_equal(r.good, 0); /* never from within */
	assert_int_equal(fake_event_out_report(&fake), 2);
	assert_int_equal(r.good, 2);
	assert_int_equal(fake.event[0].payment.user, 7);
	assert_memory_equal(fake.event[1].dead_letter.value, "x", 1);
	assert_null(fake.event[1].dead_letter.key);
	assert_true(fake.port.reachable(&fake.port));
}

static void the_nth_is_refused_or_fails(void **state)
{
	struct reports r = {0};
	(void)state;
	begin(&r);
	fake.refuse_in = 2;
	fake.refuse_for = 2;
	fake.fail_in = 2;
	assert_false(tk_failed(publish(1)));
	assert_int_equal(publish(2).kind, TK_UNAVAILABLE);
	assert_int_equal(publish(3).kind, TK_UNAVAILABLE);
	assert_false(tk_failed(publish(4)));
	assert_false(tk_failed(publish(5)));
	assert_int_equal(fake.count, 3);
	assert_int_equal(fake_event_out_report(&fake), 3);
	assert_int_equal(r.bad, 1);
	assert_int_equal(r.good, 2);
}

static void reports_come_late_or_never(void **state)
{
	struct reports r = {0};
	(void)state;
	begin(&r);
	for (uint64_t i = 0; i < FAKE_EVENTS_MAX + 10; i++) assert_false(tk_failed(publish(i)));
	assert_int_equal(r.good, 0);
	assert_int_equal(fake_event_out_report(&fake), FAKE_EVENTS_MAX);
	assert_int_equal(r.good, FAKE_EVENTS_MAX);
	assert_int_equal(r.last, FAKE_EVENTS_MAX + 9);
	assert_int_equal(fake_event_out_report(&fake), 0);
	fake.never = fake.away = true;
	assert_false(tk_failed(publish(1)));
	assert_int_equal(fake_event_out_report(&fake), 0);
	assert_false(fake.port.reachable(&fake.port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_remembered_and_reported),
		cmocka_unit_test(the_nth_is_refused_or_fails),
		cmocka_unit_test(reports_come_late_or_never),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
