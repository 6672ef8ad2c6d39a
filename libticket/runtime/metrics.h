/* metrics: counters and histograms, one sheet a thread, summed at the scrape.
 *
 * A metric is a row of a table (metrics_rows.h) with a doc column; it has no label or one with a
 * fixed list of values. Anything else (per schedule, per partition) is written at the scrape
 * by a collector. Durations are seconds in the text and µs in the calls. Buckets are OpenTelemetry's.
 *
 * Thread: a sheet has one writer (relaxed stores); metrics_render may run on any thread at any time.
 * Sheets and collectors are registered before the threads start and stay until the end. */
#ifndef TK_METRICS_H
#define TK_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric {
#define METRIC(id, daemon, type, name, label, values, doc) METRIC_##id,
#include "runtime/metrics_rows.h"
#undef METRIC
	METRICS
};
enum { METRIC_BUCKETS = 16, METRIC_VALUES_MAX = 8 }; /* bounds; +Inf comes on top */
extern const double METRIC_BOUND_S[METRIC_BUCKETS]; /* .001 .0025 .005 .01 .025 .05 .075 .1 .25 .5 .75 1 2.5 5 7.5 10 */

struct histogram {
	uint64_t bucket[METRIC_BUCKETS + 1]; /* not cumulative */
	uint64_t sum_us;
};
/* One writer, any number of readers at the same time (relaxed atomics): also for histograms of one's own. */
void histogram_observe(struct histogram *h, int64_t us);
void histogram_add(struct histogram *to, const struct histogram *from); /* sums sheets up; `to` is private */

struct metrics_sheet;																	   /* one a thread */
struct metrics_sheet *metrics_sheet_create(void);										   /* registers itself */
void metrics_add(struct metrics_sheet *s, enum metric m, unsigned value_index, int64_t n); /* gauges may go down */
void metrics_observe(struct metrics_sheet *s, enum metric m, unsigned value_index, int64_t us);

/* A collector writes whole families with the metrics_write_* calls. */
struct metrics_out {
	struct buf *buf;
	bool openmetrics;
};
typedef void metrics_collect_fn(void *ctx, struct metrics_out *out);
void metrics_collector(metrics_collect_fn *fn, void *ctx);
void metrics_write_family(struct metrics_out *o, const char *name, enum metric_type t, const char *doc);
/* labels: `a="b",c="d"` or NULL; the caller escapes. */
void metrics_write_sample(struct metrics_out *o, const char *name, const char *labels, double v);
void metrics_write_histogram(struct metrics_out *o, const char *name, const char *labels, const struct histogram *h);

/* Which rows metrics_render shows: those of this daemon (config.h: FOR_API, FOR_CONSUMER); all until told. */
void metrics_program(unsigned daemon);
/* Text format 0.0.4, or OpenMetrics 1.0 (ends with # EOF). process_* and ticket_build_info included. */
void metrics_render(struct buf *out, bool openmetrics);
void metrics_finish(void); /* after all threads ended; for leak checkers */

#endif
