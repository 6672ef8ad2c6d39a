/* metrics_process: process_* and ticket_build_info, read when scraped. Private to metrics.c.
 * What /proc does not tell is left out. */
#ifndef TK_METRICS_PROCESS_H
#define TK_METRICS_PROCESS_H

#include "runtime/metrics.h"

void metrics_process(struct metrics_out *o);

#endif
