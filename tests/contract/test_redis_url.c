#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "adapter/redis/url.h"

static void urls_are_taken_apart(void **state)
{
	(void)state;
	struct redis_url u;
	assert_true(redis_url_parse("redis://127.0.0.1:6380/12", &u));
	assert_string_equal(u.host, "127.0.0.1");
	assert_int_equal(u.port, 6380);
	assert_int_equal(u.db, 12);
	assert_string_equal(u.password, "");
	assert_true(redis_url_parse("redis://cache.example", &u));
	assert_string_equal(u.host, "cache.example");
	assert_int_equal(u.port, 6379);
	assert_int_equal(u.db, 0);
	assert_true(redis_url_parse("redis://anna:s%40cr%2Fet@[::1]:7000/", &u));
	assert_string_equal(u.host, "::1");
	assert_string_equal(u.user, "anna");
	assert_string_equal(u.password, "s@cr/et");
	assert_int_equal(u.port, 7000);
	assert_true(redis_url_parse("redis://:only@h", &u));
	assert_string_equal(u.user, "");
	assert_string_equal(u.password, "only");
}

static void others_are_refused(void **state)
{
	static const char *const BAD[] = {"", "redis://", "redis:///0", "rediss://h", "http://h", "h:6379",
		"redis://h:", "redis://h:0", "redis://h:65536", "redis://h:6379x", "redis://h/one", "redis://h/-1",
		"redis://h/0/1", "redis://h?db=1", "redis://[::1", "redis://[::1]x", "redis://a:%zz@h", "redis://a:%4@h",
		"redis://a:%00@h"};
	(void)state;
	struct redis_url u;
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		if (redis_url_parse(BAD[i], &u)) fail_msg("taken: %s", BAD[i]);
	}
	assert_false(redis_url_parse(NULL, &u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(others_are_refused),
	};
	return cmocka_run_group_tests_name("redis url", tests, NULL, NULL);
}
