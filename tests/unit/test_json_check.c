/* json_check: what is one strict JSON object, and what json-c would have let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "adapter/json/json_check.h"

static const char *check(const char *bytes, size_t n)
{
	struct json_facts facts = {.key = NULL};
	const char *why = json_check(bytes, n, &facts);
	return why ? why : "fine";
}

#define FINE(text) assert_string_equal(check(text, sizeof(text) - 1), "fine")
#define WRONG(text, why) assert_string_equal(check(text, sizeof(text) - 1), why)
#define BROKEN(text) WRONG(text, "not a JSON object")

static void an_object_of_every_kind_of_value_is_fine(void **state)
{
	(void)state;
	FINE("{}");
	FINE(" \t\r\n{ \"a\" : [ 1 , -0.5e+3 , true , false , null , \"s\" , {} , [] ] } \n");
	FINE("{\"\":0,\"n\":-0,\"big\":1e400,\"long\":123456789012345678901234567890}");
	FINE("{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00\"}");
	FINE("{\"s\":\"\x7f\xed\x95\x9c\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"}");
}

static void anything_but_one_object_is_not(void **state)
{
	(void)state;
	BROKEN("");
	BROKEN("  ");
	BROKEN("[]");
	BROKEN("1");
	BROKEN("\"a\"");
	BROKEN("null");
	BROKEN("{}{}");
	BROKEN("{} x");
	BROKEN("\xef\xbb\xbf{}"); /* a byte order mark */
}

static void the_grammar_is_that_of_the_rfc(void **state)
{
	(void)state;
	BROKEN("{");
	BROKEN("{\"a\"}");
	BROKEN("{\"a\":}");
	BROKEN("{\"a\":1,}");
	BROKEN("{,\"a\":1}");
	BROKEN("{\"a\":[1,]}");
	BROKEN("{\"a\":[1 2]}");
	BROKEN("{\"a\":[1}");
	BROKEN("{a:1}");
	BROKEN("{'a':1}");
	BROKEN("{\"a\":'x'}");
	BROKEN("{\"a\":1 /* no */}");
	BROKEN("{\"a\":1} // no");
	BROKEN("{\"a\":True}");
	BROKEN("{\"a\":nul}");
	BROKEN("{\"a\":\"x}");
	BROKEN("{\"a\":\"\\x41\"}");
	BROKEN("{\"a\":\"\\u12\"}");
	BROKEN("{\"a\":\"\\u12g4\"}");
	BROKEN("{\"a\":\"\\");
}

static void numbers_are_decimal(void **state)
{
	(void)state;
	BROKEN("{\"a\":NaN}");
	BROKEN("{\"a\":Infinity}");
	BROKEN("{\"a\":-Infinity}");
	BROKEN("{\"a\":01}");
	BROKEN("{\"a\":-}");
	BROKEN("{\"a\":+1}");
	BROKEN("{\"a\":.5}");
	BROKEN("{\"a\":1.}");
	BROKEN("{\"a\":1e}");
	BROKEN("{\"a\":1e+}");
	BROKEN("{\"a\":0x10}");
	BROKEN("{\"a\":12abc}");
}

static void utf8_is_shortest_and_without_surrogates(void **state)
{
	static const char why[] = "not valid UTF-8";
	(void)state;
	WRONG("{\"a\":\"\x80\"}", why);
	WRONG("{\"a\":\"\xff\"}", why);
	WRONG("{\"a\":\"\xc0\xaf\"}", why);			/* overlong slash */
	WRONG("{\"a\":\"\xc1\x81\"}", why);			/* overlong A */
	WRONG("{\"a\":\"\xe0\x80\xaf\"}", why);		/* overlong */
	WRONG("{\"a\":\"\xf0\x80\x80\xaf\"}", why); /* overlong */
	WRONG("{\"a\":\"\xed\xa0\x80\"}", why);		/* a surrogate */
	WRONG("{\"a\":\"\xf4\x90\x80\x80\"}", why); /* beyond U+10FFFF */
	WRONG("{\"a\":\"\xf5\x80\x80\x80\"}", why);
	WRONG("{\"a\":\"\xe2\x82\"}", why);
	WRONG("{\"a\":\"\xe2\x82", why); /* cut off at the very end */
	WRONG("{\"\xc3\":1}", why);		 /* keys too */
}

static void nul_and_raw_control_characters_are_refused(void **state)
{
	(void)state;
	WRONG("{\"a\":\"x\0y\"}", "contains NUL");
	WRONG("{\"a\":\"\\u0000\"}", "contains NUL");
	WRONG("{\"\\u0000a\":1}", "contains NUL");
	BROKEN("{}\0");
	WRONG("{\"a\":\"line\nfeed\"}", "contains a raw control character");
	WRONG("{\"a\":\"\x1f\"}", "contains a raw control character");
}

static void a_surrogate_escape_needs_its_other_half(void **state)
{
	static const char why[] = "contains half a surrogate pair";
	(void)state;
	WRONG("{\"a\":\"\\ud800\"}", why);
	WRONG("{\"a\":\"\\udc00\"}", why);
	WRONG("{\"a\":\"\\ud800x\"}", why);
	WRONG("{\"a\":\"\\ud800\\n\"}", why);
	WRONG("{\"a\":\"\\ud800\\u0041\"}", why);
	WRONG("{\"a\":\"\\ud800\\ud800\"}", why);
	WRONG("{\"a\":\"\\udc00\\ud800\"}", why);
}

static void sixteen_levels_are_enough(void **state)
{
	(void)state;
	FINE("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}");
	WRONG("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "nested too deep");
	char deep[65536];
	memset(deep, '[', sizeof deep);
	memcpy(deep, "{\"a\":", 5);
	assert_string_equal(check(deep, sizeof deep), "nested too deep");
}

static void members_and_keys_are_counted(void **state)
{
	static const char text[] = " {\"a\":1,\"\\u0061\":{\"b\":[{\"c\":1}]},\"a\":2} ";
	struct json_span key[2];
	struct json_facts facts = {.key = key, .keys_max = 2};
	(void)state;
	assert_null(json_check(text, sizeof text - 1, &facts));
	assert_int_equal(facts.members_top, 3);
	assert_int_equal(facts.members_all, 5);
	assert_int_equal(facts.begin, 1);
	assert_int_equal(facts.end, sizeof text - 2);
	assert_int_equal(key[0].len, 1);
	assert_memory_equal(key[1].at, "\\u0061", key[1].len);
}

static void every_prefix_of_an_object_is_refused(void **state)
{
	static const char text[] = "{\"a\":[1.5e3,true,\"\\ud83d\\ude00\xed\x95\x9c\"],\"b\":{\"c\":null}}";
	(void)state;
	for (size_t n = 0; n < sizeof text - 1; n++) assert_string_not_equal(check(text, n), "fine");
	FINE(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_of_every_kind_of_value_is_fine),
		cmocka_unit_test(anything_but_one_object_is_not),
		cmocka_unit_test(the_grammar_is_that_of_the_rfc),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(utf8_is_shortest_and_without_surrogates),
		cmocka_unit_test(nul_and_raw_control_characters_are_refused),
		cmocka_unit_test(a_surrogate_escape_needs_its_other_half),
		cmocka_unit_test(sixteen_levels_are_enough),
		cmocka_unit_test(members_and_keys_are_counted),
		cmocka_unit_test(every_prefix_of_an_object_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
