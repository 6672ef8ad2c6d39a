#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config.h"

#define SECRET "0123456789abcdef0123456789abcdef"

/* The environment: name, value, name, value, NULL. */
static const char *const *env;

static const char *fake_getenv(const char *name)
{
	for (const char *const *e = env; *e; e += 2) {
		if (strcmp(*e, name) == 0) return e[1];
	}
	return NULL;
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define JWT "TICKET_JWT_SECRET", SECRET

static struct config loaded(enum config_daemon who, const char *const *with)
{
	struct config c;
	char why[200] = "";

	env = with;
	if (!config_load(&c, who, fake_getenv, why, sizeof why)) fail_msg("%s", why);
	return c;
}

static void assert_refused(enum config_daemon who, const char *const *with, const char *named)
{
	struct config c = {.hold_ttl_s = 4711};
	char why[200] = "";

	env = with;
	if (config_load(&c, who, fake_getenv, why, sizeof why)) fail_msg("%s is taken", with[1]);
	if (!strstr(why, named)) fail_msg("\"%s\" does not name %s", why, named);
	assert_null(strchr(why, '\n'));
	assert_int_equal(c.hold_ttl_s, 4711);
}

static void assert_taken(const char *name, const char *value)
{
	struct config c = loaded(FOR_BOTH, ENV(JWT, name, value));

	config_finish(&c);
}

static void assert_value_refused(const char *name, const char *value)
{
	assert_refused(FOR_BOTH, ENV(JWT, name, value), name);
}

static void every_setting_has_its_default(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT));

	(void)state;
	assert_string_equal(c.http_addr.host, "127.0.0.1");
	assert_int_equal(c.http_addr.port, 8080);
	assert_int_equal(c.hold_ttl_s, 300);
	assert_int_equal(c.role, ROLE_ALL);
	assert_int_equal(c.queue_bypass, SWITCH_ON);
	assert_string_equal(c.topic_payment, "payment.completed");
	assert_null(c.cors_origins);
	config_finish(&c);
}

static void what_depends_on_others_is_filled(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_QUEUE_ADMIT_PER_S", "77"));

	(void)state;
	assert_in_range(c.http_shards, 1, 256);
	assert_int_equal(c.database_connections, 4 * c.http_shards);
	assert_string_equal(c.queue_redis_url, c.redis_url);
	assert_int_equal(c.queue_bypass_per_s, 77);
	config_finish(&c);
}

static void what_is_given_is_not_filled(void **state)
{
	struct config c = loaded(FOR_API,
		ENV(JWT, "TICKET_HTTP_SHARDS", "3", "TICKET_DATABASE_CONNECTIONS", "8", "TICKET_QUEUE_REDIS_URL",
			"redis://q:1/2", "TICKET_QUEUE_BYPASS_PER_S", "0"));

	(void)state;
	assert_int_equal(c.http_shards, 3);
	assert_int_equal(c.database_connections, 8);
	assert_string_equal(c.queue_redis_url, "redis://q:1/2");
	assert_int_equal(c.queue_bypass_per_s, 0);
	config_finish(&c);
}

static void integers_are_taken_to_their_bounds_and_no_further(void **state)
{
	(void)state;
	assert_taken("TICKET_HOLD_TTL_S", "1");
	assert_taken("TICKET_HOLD_TTL_S", "86400");
	assert_taken("TICKET_QUEUE_BYPASS_PER_S", "0");
	assert_value_refused("TICKET_HOLD_TTL_S", "0");
	assert_value_refused("TICKET_HOLD_TTL_S", "86401");
	assert_value_refused("TICKET_QUEUE_BYPASS_PER_S", "-1");
	assert_value_refused("TICKET_HTTP_SHARDS", "0");
	assert_value_refused("TICKET_DATABASE_CONNECTIONS", "0");
}

static void what_is_no_plain_integer_is_refused(void **state)
{
	static const char *const VALUES[] = {
		" 5",
		"5 ",
		"+5",
		"5s",
		"0x5",
		"5.0",
		"1e2",
		"-",
		"--5",
		"99999999999999999999",
		"-99999999999999999999",
		"five",
	};

	(void)state;
	for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) assert_value_refused("TICKET_HOLD_TTL_S", VALUES[i]);
}

static void an_empty_variable_is_an_unset_one(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_HOLD_TTL_S", "", "TICKET_WEBHOOK_SECRET", ""));

	(void)state;
	assert_int_equal(c.hold_ttl_s, 300);
	assert_null(c.webhook_secret);
	config_finish(&c);
}

static void words_are_taken_as_they_are_listed(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_ROLE", "queue"));

	(void)state;
	assert_int_equal(c.role, ROLE_QUEUE);
	config_finish(&c);
	assert_value_refused("TICKET_ROLE", "QUEUE");
	assert_value_refused("TICKET_ROLE", "que");
	assert_value_refused("TICKET_ROLE", "queue|booking");
	assert_value_refused("TICKET_ROLE", "bookings");
}

static void addresses_are_host_and_port(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_HTTP_ADDR", "[::1]:65535"));

	(void)state;
	assert_string_equal(c.http_addr.host, "::1");
	assert_int_equal(c.http_addr.port, 65535);
	config_finish(&c);
	assert_taken("TICKET_HTTP_ADDR", "my-host.example:1");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const VALUES[] = {
		"8080", ":8080", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:-1", "localhost:80x",
		"::1:80", "[::1]", "[]:80", "[::1:80", "a b:80", "http://localhost:80",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80", /* 64 letters */
	};

	(void)state;
	for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) assert_value_refused("TICKET_HTTP_ADDR", VALUES[i]);
}

static void texts_have_bounds_and_no_control_characters(void **state)
{
	(void)state;
	assert_refused(FOR_API, ENV("TICKET_JWT_SECRET", "0123456789abcdef0123456789abcde"), "TICKET_JWT_SECRET");
	assert_value_refused("TICKET_CONSUMER_GROUP", "a\nb");
	assert_value_refused("TICKET_WEBHOOK_SECRET", "0123456789abcdef\n");
}

static void a_refusal_does_not_repeat_the_value(void **state)
{
	struct config c;
	char why[200];

	(void)state;
	env = ENV("TICKET_JWT_SECRET", "hunter2");
	assert_false(config_load(&c, FOR_API, fake_getenv, why, sizeof why));
	assert_null(strstr(why, "hunter2"));
}

static void a_refusal_fits_into_whatever_room_there_is(void **state)
{
	struct config c;
	char why[8];

	(void)state;
	env = ENV("TICKET_JWT_SECRET", "short");
	assert_false(config_load(&c, FOR_API, fake_getenv, why, sizeof why));
	assert_string_equal(why, "TICKET_");
}

static void a_secret_is_required(void **state)
{
	static const char *const NOTHING[] = {NULL};
	struct config c = loaded(FOR_API, ENV("TICKET_AUTH", "off", "TICKET_QUEUE_SECRET", "0123456789abcdef"));

	(void)state;
	config_finish(&c);
	assert_refused(FOR_API, NOTHING, "TICKET_JWT_SECRET");
	assert_refused(FOR_CONSUMER, NOTHING, "TICKET_QUEUE_SECRET");
	assert_refused(FOR_API, ENV("TICKET_QUEUE_SECRET", "0123456789abcdef"), "TICKET_JWT_SECRET");
	assert_refused(FOR_API, ENV("TICKET_AUTH", "off"), "TICKET_QUEUE_SECRET");
}

static void two_connections_a_shard_and_two_for_the_jobs_are_the_least(void **state)
{
	(void)state;
	assert_refused(FOR_API, ENV(JWT, "TICKET_HTTP_SHARDS", "4", "TICKET_DATABASE_CONNECTIONS", "9"),
		"TICKET_DATABASE_CONNECTIONS");
}

static void a_booking_daemon_needs_to_know_its_queue(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_ROLE", "booking", "TICKET_QUEUE_URL", "http://q:8080"));

	(void)state;
	config_finish(&c);
	assert_refused(FOR_API, ENV(JWT, "TICKET_ROLE", "booking"), "TICKET_QUEUE_URL");
}

static void the_two_topics_differ(void **state)
{
	(void)state;
	assert_refused(FOR_CONSUMER, ENV(JWT, "TICKET_TOPIC_RESERVATION", "payment.completed"), "TICKET_TOPIC_RESERVATION");
	assert_refused(FOR_API, ENV(JWT, "TICKET_TOPIC_RESERVATION", "payment.completed.dlq"), "TICKET_TOPIC_RESERVATION");
}

static void names_and_lists_must_look_like_such(void **state)
{
	struct config c = loaded(FOR_API,
		ENV(JWT, "TICKET_KAFKA_BROKERS", "a:1,b.c:9092,[::1]:9092", "TICKET_CORS_ORIGINS", "https://a.b,http://c:8080",
			"TICKET_TOPIC_PAYMENT", "a.b_c-D9"));

	(void)state;
	config_finish(&c);
	assert_refused(FOR_API, ENV(JWT, "TICKET_TOPIC_PAYMENT", "bad topic!"), "TICKET_TOPIC_PAYMENT");
	assert_refused(FOR_CONSUMER, ENV(JWT, "TICKET_TOPIC_RESERVATION", ".."), "TICKET_TOPIC_RESERVATION");
	assert_refused(FOR_CONSUMER, ENV(JWT, "TICKET_KAFKA_BROKERS", ":::"), "TICKET_KAFKA_BROKERS");
	assert_refused(FOR_CONSUMER, ENV(JWT, "TICKET_KAFKA_BROKERS", "a:1,,b:2"), "TICKET_KAFKA_BROKERS");
	assert_refused(FOR_API, ENV(JWT, "TICKET_CORS_ORIGINS", "not an origin"), "TICKET_CORS_ORIGINS");
	assert_refused(FOR_API, ENV(JWT, "TICKET_CORS_ORIGINS", "https://a.b/path"), "TICKET_CORS_ORIGINS");
	assert_refused(FOR_API, ENV(JWT, "TICKET_QUEUE_URL", "zzz"), "TICKET_QUEUE_URL");
	assert_refused(FOR_API, ENV(JWT, "TICKET_QUEUE_URL", "http://"), "TICKET_QUEUE_URL");
	assert_refused(FOR_API, ENV(JWT, "TICKET_HOLD_STORE", "db"), "TICKET_HOLD_STORE");
}

static void another_daemons_settings_are_not_read(void **state)
{
	struct config c = loaded(FOR_CONSUMER, ENV(JWT, "TICKET_HTTP_ADDR", "nonsense", "TICKET_ROLE", "booking"));

	(void)state;
	assert_int_equal(c.http_addr.port, 8080);
	config_finish(&c);
}

static void unknown_variables_are_ignored(void **state)
{
	(void)state;
	assert_taken("TICKET_NO_SUCH_THING", "x");
}

static char *printed(const struct config *c, enum config_daemon who)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (c) config_print(f, c, who);
	else config_help(f, who);
	fclose(f);
	return text;
}

static void the_settings_in_force_print_without_passwords(void **state)
{
	struct config c = loaded(FOR_API,
		ENV(JWT, "TICKET_DATABASE_URL", "postgresql://u:hunter2@h/db?x=1", "TICKET_REDIS_URL", "redis://:hunter2@h:1/0",
			"TICKET_HTTP_ADDR", "[::1]:80"));
	char *text = printed(&c, FOR_API);

	(void)state;
	assert_null(strstr(text, SECRET));
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "\nTICKET_JWT_SECRET=***\n"));
	assert_non_null(strstr(text, "\nTICKET_DATABASE_URL=postgresql://u:***@h/db?x=1\n"));
	assert_non_null(strstr(text, "\nTICKET_REDIS_URL=redis://:***@h:1/0\n"));
	assert_non_null(strstr(text, "\nTICKET_QUEUE_REDIS_URL=redis://:***@h:1/0\n"));
	assert_non_null(strstr(text, "\nTICKET_CORS_ORIGINS=\n"));
	assert_non_null(strstr(text, "\nTICKET_AUTH=jwt\n"));
	assert_ptr_equal(strstr(text, "TICKET_HTTP_ADDR=[::1]:80\n"), text);
	assert_null(strstr(text, "TICKET_CONSUMER_GROUP"));
	free(text);
	config_finish(&c);
}

static void assert_masked(const char *url, const char *expected)
{
	struct config c = loaded(FOR_API, ENV(JWT, "TICKET_DATABASE_URL", url));
	char *text = printed(&c, FOR_API);

	if (!strstr(text, expected)) fail_msg("%s is not in:\n%s", expected, text);
	free(text);
	config_finish(&c);
}

static void passwords_are_found_in_every_form_libpq_takes(void **state)
{
	(void)state;
	assert_masked("host=h password=hunter2 user=u", "=host=h password=*** user=u\n");
	assert_masked("postgresql://h/db?user=u&password=hunter2&x=1", "=postgresql://h/db?user=u&password=***&x=1\n");
	assert_masked("postgresql://u:a@b@h/db", "=postgresql://u:***@h/db\n");
	assert_masked("postgresql://u@h:5432/db", "=postgresql://u@h:5432/db\n");
}

static void help_names_every_setting_of_the_daemon_within_the_width(void **state)
{
	char *text = printed(NULL, FOR_API);

	(void)state;
	assert_non_null(strstr(text, "  TICKET_HTTP_ADDR "));
	assert_non_null(strstr(text, "[300; 1 to 86400]"));
	assert_non_null(strstr(text, "one of all|queue|booking]"));
	assert_null(strstr(text, "TICKET_CONSUMER_GROUP"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) assert_in_range(strlen(line), 1, 100);
	free(text);
}

static void finishing_twice_is_harmless(void **state)
{
	struct config c = loaded(FOR_API, ENV(JWT));

	(void)state;
	config_finish(&c);
	config_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_has_its_default),
		cmocka_unit_test(what_depends_on_others_is_filled),
		cmocka_unit_test(what_is_given_is_not_filled),
		cmocka_unit_test(integers_are_taken_to_their_bounds_and_no_further),
		cmocka_unit_test(what_is_no_plain_integer_is_refused),
		cmocka_unit_test(an_empty_variable_is_an_unset_one),
		cmocka_unit_test(words_are_taken_as_they_are_listed),
		cmocka_unit_test(addresses_are_host_and_port),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(texts_have_bounds_and_no_control_characters),
		cmocka_unit_test(a_refusal_does_not_repeat_the_value),
		cmocka_unit_test(a_refusal_fits_into_whatever_room_there_is),
		cmocka_unit_test(a_secret_is_required),
		cmocka_unit_test(names_and_lists_must_look_like_such),
		cmocka_unit_test(two_connections_a_shard_and_two_for_the_jobs_are_the_least),
		cmocka_unit_test(a_booking_daemon_needs_to_know_its_queue),
		cmocka_unit_test(the_two_topics_differ),
		cmocka_unit_test(another_daemons_settings_are_not_read),
		cmocka_unit_test(unknown_variables_are_ignored),
		cmocka_unit_test(the_settings_in_force_print_without_passwords),
		cmocka_unit_test(passwords_are_found_in_every_form_libpq_takes),
		cmocka_unit_test(help_names_every_setting_of_the_daemon_within_the_width),
		cmocka_unit_test(finishing_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
