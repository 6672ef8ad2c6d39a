/* http_server_request_duration_seconds{method,route,status}: one sheet a shard, histograms made when first needed. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/http_internal.h"
#include "runtime/metrics.h"

static const short STATUS[] = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503};
enum { STATUSES = sizeof STATUS / sizeof *STATUS, ROUTES_MAX = 96, SHARDS_MAX = 256 };

struct http_metrics {
	_Atomic(struct histogram *) cell[ROUTES_MAX][STATUSES]; /* row ROUTE_COUNT: no route */
};

/* Registered before the threads start. */
static struct http_metrics *sheets[SHARDS_MAX];
static unsigned sheet_count;

static unsigned status_slot(int status)
{
	for (unsigned i = 0; i < STATUSES; i++) {
		if (STATUS[i] == status) return i;
	}
	return STATUSES - 2; /* anything unforeseen is a 500's fault */
}

void http_metrics_observe(struct http_metrics *m, const struct route *r, int status, int64_t us)
{
	size_t row = r ? (size_t)(r - ROUTES) : ROUTE_COUNT;
	_Atomic(struct histogram *) *cell = &m->cell[row][status_slot(status)];
	struct histogram *h = atomic_load_explicit(cell, memory_order_relaxed);

	if (!h) {
		h = calloc(1, sizeof *h);
		if (!h) return;
		atomic_store_explicit(cell, h, memory_order_release);
	}
	histogram_observe(h, us);
}

static bool sum_up(size_t row, unsigned slot, struct histogram *ret)
{
	bool any = false;

	*ret = (struct histogram){0};
	for (unsigned s = 0; s < sheet_count; s++) {
		struct histogram *h = atomic_load_explicit(&sheets[s]->cell[row][slot], memory_order_acquire);
		if (!h) continue;
		any = true;
		for (unsigned b = 0; b <= METRIC_BUCKETS; b++)
			ret->bucket[b] += __atomic_load_n(&h->bucket[b], __ATOMIC_RELAXED);
		ret->sum_us += __atomic_load_n(&h->sum_us, __ATOMIC_RELAXED);
	}
	return any;
}

static void collect(void *ctx, struct metrics_out *out)
{
	static const char NAME[] = "http_server_request_duration_seconds";
	static const char *const METHOD[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
	struct histogram h;
	char labels[200];

	(void)ctx;
	metrics_write_family(out, NAME, METRIC_HISTOGRAM, "Requests, from the request line to the answer");
	for (size_t row = 0; row <= ROUTE_COUNT; row++) {
		for (unsigned slot = 0; slot < STATUSES; slot++) {
			if (!sum_up(row, slot, &h)) continue;
			snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\",status=\"%d\"",
				row < ROUTE_COUNT ? METHOD[ROUTES[row].method] : "", row < ROUTE_COUNT ? ROUTES[row].pattern : "",
				STATUS[slot]);
			metrics_write_histogram(out, NAME, labels, &h);
		}
	}
}

struct http_metrics *http_metrics_create(void)
{
	struct http_metrics *m = sheet_count < SHARDS_MAX ? calloc(1, sizeof *m) : NULL;

	if (!m) return NULL;
	if (!sheet_count) metrics_collector(collect, NULL);
	sheets[sheet_count++] = m;
	return m;
}

void http_metrics_finish(void)
{
	while (sheet_count) {
		struct http_metrics *m = sheets[--sheet_count];
		for (size_t row = 0; row < ROUTES_MAX; row++)
			for (unsigned slot = 0; slot < STATUSES; slot++) free(atomic_load(&m->cell[row][slot]));
		free(m);
	}
}
