#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "runtime/arena.h"

static void every_pointer_is_aligned_and_apart_from_the_others(void **state)
{
	struct arena a;
	char *last = NULL;

	(void)state;
	arena_init(&a, NULL);
	for (size_t n = 1; n < 200; n++) {
		char *p = arena_alloc(&a, n);

		assert_int_equal((uintptr_t)p % 16, 0);
		assert_ptr_not_equal(p, last);
		memset(p, (int)n, n);
		last = p;
	}
	arena_finish(&a);
}

static void a_request_in_the_steady_state_takes_its_blocks_from_the_pool(void **state)
{
	struct arena_pool pool = {0};
	struct arena a;

	(void)state;
	for (int round = 0; round < 3; round++) {
		arena_init(&a, &pool);
		for (int i = 0; i < 10; i++) arena_alloc(&a, 1000);
		assert_int_equal(pool.count, 0);
		arena_finish(&a);
		assert_int_equal(pool.count, 3);
	}
	arena_pool_finish(&pool);
	assert_null(pool.idle);
}

static void a_pool_keeps_no_more_than_its_cap(void **state)
{
	struct arena_pool pool = {.cap = 2};
	struct arena a;

	(void)state;
	arena_init(&a, &pool);
	for (int i = 0; i < 10; i++) arena_alloc(&a, 3000);
	arena_finish(&a);
	assert_int_equal(pool.count, 2);
	arena_pool_finish(&pool);
}

static void what_is_larger_than_a_block_leaves_the_block_under_way_in_use(void **state)
{
	struct arena_pool pool = {0};
	struct arena a;

	(void)state;
	arena_init(&a, &pool);
	char *before = arena_alloc(&a, 16);
	memset(arena_alloc(&a, 100000), 1, 100000);
	assert_ptr_equal(arena_alloc(&a, 16), before + 16);
	arena_finish(&a);
	assert_int_equal(pool.count, 1); /* the large one is not pooled */
	arena_pool_finish(&pool);
}

static void a_block_can_be_filled_to_its_last_byte(void **state)
{
	struct arena_pool pool = {0};
	struct arena a;

	(void)state;
	arena_init(&a, &pool);
	memset(arena_alloc(&a, ARENA_BLOCK - 16), 1, ARENA_BLOCK - 16);
	arena_finish(&a);
	assert_int_equal(pool.count, 1);
	arena_pool_finish(&pool);
}

static void zeroed_memory_is_zero_even_in_a_used_block(void **state)
{
	static const char zero[64];
	struct arena_pool pool = {0};
	struct arena a;

	(void)state;
	arena_init(&a, &pool);
	memset(arena_alloc(&a, 4000), 0xff, 4000);
	arena_finish(&a);
	arena_init(&a, &pool);
	assert_memory_equal(arena_zalloc(&a, sizeof zero), zero, sizeof zero);
	arena_finish(&a);
	arena_pool_finish(&pool);
}

static void a_copied_string_ends_in_nul(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	assert_string_equal(arena_strdup(&a, "A-1 and more", 3), "A-1");
	assert_string_equal(arena_strdup(&a, NULL, 0), "");
	arena_finish(&a);
}

static void an_arena_that_was_never_used_is_finished_without_harm(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL);
	arena_finish(&a);
	arena_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pointer_is_aligned_and_apart_from_the_others),
		cmocka_unit_test(a_request_in_the_steady_state_takes_its_blocks_from_the_pool),
		cmocka_unit_test(a_pool_keeps_no_more_than_its_cap),
		cmocka_unit_test(what_is_larger_than_a_block_leaves_the_block_under_way_in_use),
		cmocka_unit_test(a_block_can_be_filled_to_its_last_byte),
		cmocka_unit_test(zeroed_memory_is_zero_even_in_a_used_block),
		cmocka_unit_test(a_copied_string_ends_in_nul),
		cmocka_unit_test(an_arena_that_was_never_used_is_finished_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
