#include "api/app/id_table.h"

#include <xxhash.h>

#include "runtime/mem.h"

enum { SLOTS_MIN = 64 };

static size_t slot_of(const struct id_table *t, int64_t id)
{
	return XXH3_64bits(&id, sizeof id) & (t->slots - 1);
}

struct id_node *id_table_find(const struct id_table *t, int64_t id)
{
	struct id_node *n = t->slots ? t->slot[slot_of(t, id)] : NULL;

	while (n && n->id != id) n = n->next;
	return n;
}

static void put(struct id_table *t, struct id_node *n)
{
	struct id_node **at = &t->slot[slot_of(t, n->id)];

	n->next = *at;
	*at = n;
}

static void grow(struct id_table *t)
{
	struct id_table bigger = {.slots = t->slots ? 2 * t->slots : SLOTS_MIN, .count = t->count};

	bigger.slot = mem_must(calloc(bigger.slots, sizeof(struct id_node *)));
	for (size_t i = 0; i < t->slots; i++) {
		for (struct id_node *n = t->slot[i], *next; n; n = next) {
			next = n->next;
			put(&bigger, n);
		}
	}
	free(t->slot);
	*t = bigger;
}

void id_table_add(struct id_table *t, struct id_node *n)
{
	if (t->count >= t->slots) grow(t);
	put(t, n);
	t->count++;
}

void id_table_remove(struct id_table *t, struct id_node *n)
{
	struct id_node **at = &t->slot[slot_of(t, n->id)];

	while (*at != n) at = &(*at)->next;
	*at = n->next;
	t->count--;
}

struct id_node *id_table_next(const struct id_table *t, const struct id_node *n)
{
	if (n && n->next) return n->next;
	for (size_t i = n ? slot_of(t, n->id) + 1 : 0; i < t->slots; i++) {
		if (t->slot[i]) return t->slot[i];
	}
	return NULL;
}

void id_table_finish(struct id_table *t)
{
	free(t->slot);
	*t = (struct id_table){0};
}
