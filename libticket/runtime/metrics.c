#include "runtime/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "runtime/buf.h"
#include "runtime/config.h"
#include "runtime/mem.h"
#include "runtime/metrics_process.h"

const double METRIC_BOUND_S[METRIC_BUCKETS] = {
	.001,
	.0025,
	.005,
	.01,
	.025,
	.05,
	.075,
	.1,
	.25,
	.5,
	.75,
	1,
	2.5,
	5,
	7.5,
	10,
};
static const int64_t BOUND_US[METRIC_BUCKETS] = {
	1000,
	2500,
	5000,
	10000,
	25000,
	50000,
	75000,
	100000,
	250000,
	500000,
	750000,
	1000000,
	2500000,
	5000000,
	7500000,
	10000000,
};

struct metric_row {
	unsigned daemon;
	enum metric_type type;
	const char *name, *label, *values, *doc;
};
static const struct metric_row ROW[METRICS] = {
#define METRIC(id, daemon, type, name, label, values, doc) {daemon, type, name, label, values, doc},
#include "runtime/metrics_rows.h"
#undef METRIC
};

/* A histogram's cells are of no use to a counter, but a sheet is some 15 KB and only touched lines are ever cached. */
struct metrics_sheet {
	int64_t value[METRICS][METRIC_VALUES_MAX];
	struct histogram histogram[METRICS][METRIC_VALUES_MAX];
	struct metrics_sheet *next;
} __attribute__((aligned(64))); /* writers of different sheets share no cache line */

struct collector {
	metrics_collect_fn *fn;
	void *ctx;
	struct collector *next;
};

static struct {
	pthread_mutex_t lock;
	struct metrics_sheet *sheets;
	struct collector *collectors;
	unsigned daemon;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER, .daemon = FOR_BOTH};

/* Writing: one writer, so a plain load and store is enough; a locked add would cost ten times as much. */

static void add_u64(uint64_t *p, uint64_t n)
{
	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void histogram_observe(struct histogram *h, int64_t us)
{
	int i = 0;

	if (us < 0) us = 0; /* clocks of two machines may differ */
	while (i < METRIC_BUCKETS && us > BOUND_US[i]) i++;
	add_u64(&h->bucket[i], 1);
	add_u64(&h->sum_us, (uint64_t)us);
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
	for (int i = 0; i <= METRIC_BUCKETS; i++) to->bucket[i] += __atomic_load_n(&from->bucket[i], __ATOMIC_RELAXED);
	to->sum_us += __atomic_load_n(&from->sum_us, __ATOMIC_RELAXED);
}

void metrics_add(struct metrics_sheet *s, enum metric m, unsigned value_index, int64_t n)
{
	int64_t *p = &s->value[m][value_index];

	assert(value_index < METRIC_VALUES_MAX && ROW[m].type != METRIC_HISTOGRAM);
	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void metrics_observe(struct metrics_sheet *s, enum metric m, unsigned value_index, int64_t us)
{
	assert(value_index < METRIC_VALUES_MAX && ROW[m].type == METRIC_HISTOGRAM);
	histogram_observe(&s->histogram[m][value_index], us);
}

/* Registering */

struct metrics_sheet *metrics_sheet_create(void)
{
	struct metrics_sheet *s = mem_must(aligned_alloc(_Alignof(struct metrics_sheet), sizeof *s));

	memset(s, 0, sizeof *s);
	pthread_mutex_lock(&registry.lock);
	s->next = registry.sheets;
	registry.sheets = s;
	pthread_mutex_unlock(&registry.lock);
	return s;
}

void metrics_collector(metrics_collect_fn *fn, void *ctx)
{
	struct collector *c = mem_must(calloc(1, sizeof *c));
	struct collector **last;

	c->fn = fn;
	c->ctx = ctx;
	pthread_mutex_lock(&registry.lock);
	for (last = &registry.collectors; *last; last = &(*last)->next) continue;
	*last = c;
	pthread_mutex_unlock(&registry.lock);
}

static void free_sheets(void)
{
	while (registry.sheets) {
		struct metrics_sheet *s = registry.sheets;

		registry.sheets = s->next;
		free(s);
	}
}

void metrics_finish(void)
{
	pthread_mutex_lock(&registry.lock);
	free_sheets();
	while (registry.collectors) {
		struct collector *c = registry.collectors;

		registry.collectors = c->next;
		free(c);
	}
	pthread_mutex_unlock(&registry.lock);
}

/* Rendering the rows */

static int64_t sum_value(enum metric m, unsigned value_index)
{
	int64_t sum = 0;

	for (struct metrics_sheet *s = registry.sheets; s; s = s->next) {
		sum += __atomic_load_n(&s->value[m][value_index], __ATOMIC_RELAXED);
	}
	return sum;
}

static void write_series(struct metrics_out *o, enum metric m, unsigned value_index, const char *labels)
{
	struct histogram sum = {0};

	if (ROW[m].type != METRIC_HISTOGRAM) {
		metrics_write_sample(o, ROW[m].name, labels, (double)sum_value(m, value_index));
		return;
	}
	for (struct metrics_sheet *s = registry.sheets; s; s = s->next) {
		histogram_add(&sum, &s->histogram[m][value_index]);
	}
	metrics_write_histogram(o, ROW[m].name, labels, &sum);
}

static void write_row(struct metrics_out *o, enum metric m)
{
	const struct metric_row *row = &ROW[m];
	const char *value = row->values;
	char labels[128];

	metrics_write_family(o, row->name, row->type, row->doc);
	if (!row->label) {
		write_series(o, m, 0, NULL);
		return;
	}
	for (unsigned i = 0; i < METRIC_VALUES_MAX && *value; i++) {
		int n = (int)strcspn(value, "|");

		snprintf(labels, sizeof labels, "%s=\"%.*s\"", row->label, n, value);
		write_series(o, m, i, labels);
		value += n + (value[n] == '|');
	}
}

void metrics_program(unsigned daemon)
{
	registry.daemon = daemon;
}

void metrics_render(struct buf *out, bool openmetrics)
{
	struct metrics_out o = {out, openmetrics};

	/* The lock keeps scrapes apart; those who count never take it. */
	pthread_mutex_lock(&registry.lock);
	for (int m = 0; m < METRICS; m++) {
		if (ROW[m].daemon & registry.daemon) write_row(&o, (enum metric)m);
	}
	for (struct collector *c = registry.collectors; c; c = c->next) c->fn(c->ctx, &o);
	pthread_mutex_unlock(&registry.lock);
	metrics_process(&o);
	if (openmetrics) buf_puts(out, "# EOF\n");
}
