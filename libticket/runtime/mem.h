/* mem: what every allocation goes through.
 *
 * Out of memory ends the process: a half-served sale helps nobody, and every queue and pool
 * has a cap, so that it never comes to it. Thread: safe on any. */
#ifndef TK_MEM_H
#define TK_MEM_H

#include <stdlib.h>

static inline void *mem_must(void *p)
{
	if (!p) abort();
	return p;
}

#endif
