/* The exposition formats behind the metrics_write_* calls of metrics.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/buf.h"
#include "runtime/metrics.h"

static const char *const TYPE[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

/* OpenMetrics wants the bounds as floats; the older text has them as everybody writes them. */
static const char *const LE[METRIC_BUCKETS + 1] = {
	"0.001",
	"0.0025",
	"0.005",
	"0.01",
	"0.025",
	"0.05",
	"0.075",
	"0.1",
	"0.25",
	"0.5",
	"0.75",
	"1",
	"2.5",
	"5",
	"7.5",
	"10",
	"+Inf",
};
static const char *const LE_OPENMETRICS[METRIC_BUCKETS + 1] = {
	"0.001",
	"0.0025",
	"0.005",
	"0.01",
	"0.025",
	"0.05",
	"0.075",
	"0.1",
	"0.25",
	"0.5",
	"0.75",
	"1.0",
	"2.5",
	"5.0",
	"7.5",
	"10.0",
	"+Inf",
};

/* OpenMetrics names a counter's family without the _total of its samples. */
static size_t family_length(const struct metrics_out *o, const char *name, enum metric_type t)
{
	size_t n = strlen(name);
	bool total = n > 6 && strcmp(name + n - 6, "_total") == 0;

	return o->openmetrics && t == METRIC_COUNTER && total ? n - 6 : n;
}

static void put_escaped(struct metrics_out *o, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n') buf_puts(o->buf, "\\n");
		else if (*s == '\\') buf_puts(o->buf, "\\\\");
		else if (*s == '"' && o->openmetrics) buf_puts(o->buf, "\\\"");
		else buf_putc(o->buf, *s);
	}
}

static void put_head(struct metrics_out *o, const char *keyword, const char *name, size_t n)
{
	buf_puts(o->buf, keyword);
	buf_put(o->buf, name, n);
	buf_putc(o->buf, ' ');
}

void metrics_write_family(struct metrics_out *o, const char *name, enum metric_type t, const char *doc)
{
	size_t n = family_length(o, name, t);

	put_head(o, "# HELP ", name, n);
	put_escaped(o, doc);
	buf_putc(o->buf, '\n');
	put_head(o, "# TYPE ", name, n);
	buf_puts(o->buf, TYPE[t]);
	buf_putc(o->buf, '\n');
}

static void put_number(struct buf *b, double v)
{
	char text[32];

	if (isnan(v)) {
		buf_puts(b, "NaN");
	} else if (isinf(v)) {
		buf_puts(b, v > 0 ? "+Inf" : "-Inf");
	} else if (fabs(v) < 1e15 && v == (double)(int64_t)v) {
		buf_int(b, (int64_t)v);
	} else {
		snprintf(text, sizeof text, "%.15g", v);
		if (strtod(text, NULL) != v) snprintf(text, sizeof text, "%.17g", v); /* 0.1 stays 0.1 */
		buf_puts(b, text);
	}
}

/* `more` follows the labels within the same braces; NULL: nothing does. */
static void put_sample(
	struct metrics_out *o, const char *name, const char *suffix, const char *labels, const char *more, double v)
{
	struct buf *b = o->buf;

	buf_puts(b, name);
	buf_puts(b, suffix);
	if (labels || more) {
		buf_putc(b, '{');
		if (labels) buf_puts(b, labels);
		if (labels && more) buf_putc(b, ',');
		if (more) buf_puts(b, more);
		buf_putc(b, '}');
	}
	buf_putc(b, ' ');
	put_number(b, v);
	buf_putc(b, '\n');
}

void metrics_write_sample(struct metrics_out *o, const char *name, const char *labels, double v)
{
	put_sample(o, name, "", labels && *labels ? labels : NULL, NULL, v);
}

void metrics_write_histogram(struct metrics_out *o, const char *name, const char *labels, const struct histogram *h)
{
	const char *const *bound = o->openmetrics ? LE_OPENMETRICS : LE;
	struct histogram copy = {0};
	uint64_t count = 0;
	char le[24];

	if (labels && !*labels) labels = NULL;
	histogram_add(&copy, h); /* its writer may be at work; count and buckets must agree */
	for (int i = 0; i <= METRIC_BUCKETS; i++) {
		count += copy.bucket[i];
		snprintf(le, sizeof le, "le=\"%s\"", bound[i]);
		put_sample(o, name, "_bucket", labels, le, (double)count);
	}
	put_sample(o, name, "_sum", labels, NULL, (double)copy.sum_us / 1e6);
	put_sample(o, name, "_count", labels, NULL, (double)count);
}
