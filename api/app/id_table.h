/* id_table: a hash table of things that have an id (schedules), nodes embedded in them. Grows, never shrinks.
 * Thread: one at a time. */
#ifndef TK_ID_TABLE_H
#define TK_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct id_node {
	int64_t id;
	struct id_node *next; /* the table's */
};
struct id_table { /* zero-initialise */
	struct id_node **slot;
	size_t slots, count;
};
struct id_node *id_table_find(const struct id_table *t, int64_t id);
void id_table_add(struct id_table *t, struct id_node *n); /* an id that is not in it */
void id_table_remove(struct id_table *t, struct id_node *n);
/* All of them, one after the other: NULL gives the first. The one at hand may be removed once its successor is known. */
struct id_node *id_table_next(const struct id_table *t, const struct id_node *n);
void id_table_finish(struct id_table *t); /* the nodes are the caller's */

#endif
