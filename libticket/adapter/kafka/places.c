#include "adapter/kafka/places.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/loop.h"

struct place {
	bool ours;
	int64_t next_offset; /* -1: not known */
};

static void own(struct places *p, int32_t partition, int64_t next_offset)
{
	size_t need = (size_t)partition + 1;
	if (need > p->count) {
		struct place *more = realloc(p->place, need * sizeof *more);
		if (!more) abort();
		memset(more + p->count, 0, (need - p->count) * sizeof *more);
		p->place = more;
		p->count = need;
	}
	p->place[partition] = (struct place){.ours = true, .next_offset = next_offset};
}

/* Where a partition without a committed offset begins. */
static int64_t earliest(struct places *p, int32_t partition, int64_t end_ms)
{
	int64_t low, high, left_ms = end_ms - loop_now_us() / 1000;
	if (left_ms <= 0) return -1;
	rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(p->rk, p->topic, partition, &low, &high, (int)left_ms);
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? low : -1;
}

/* Only for the lag: librdkafka looks up by itself where to go on. */
static void look_up(struct places *p, rd_kafka_topic_partition_list_t *at, int timeout_ms)
{
	int64_t end_ms = loop_now_us() / 1000 + timeout_ms;
	bool known = rd_kafka_committed(p->rk, at, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
	for (int i = 0; i < at->cnt; i++) {
		int64_t offset = known ? at->elems[i].offset : -1;
		if (known && offset < 0) offset = earliest(p, at->elems[i].partition, end_ms);
		own(p, at->elems[i].partition, offset);
	}
}

void places_take(struct places *p, const rd_kafka_topic_partition_list_t *parts, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_copy(parts);
	look_up(p, at, timeout_ms);
	rd_kafka_topic_partition_list_destroy(at);
}

/* An idle partition stores nothing by which its place would be known. */
void places_ask(struct places *p, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_new(1);
	for (size_t i = 0; i < p->count; i++)
		if (p->place[i].ours && p->place[i].next_offset < 0)
			rd_kafka_topic_partition_list_add(at, p->topic, (int32_t)i);
	if (at->cnt) look_up(p, at, timeout_ms);
	rd_kafka_topic_partition_list_destroy(at);
}

void places_leave(struct places *p)
{
	for (size_t i = 0; i < p->count; i++) p->place[i].ours = false;
}

void places_finish(struct places *p)
{
	free(p->place);
}

bool places_has(const struct places *p, int32_t partition)
{
	return partition >= 0 && (size_t)partition < p->count && p->place[partition].ours;
}

void places_done(struct places *p, int32_t partition, int64_t next_offset)
{
	p->place[partition].next_offset = next_offset;
}

/* Neither is ever ahead of the truth. */
static int64_t end_of(const struct places *p, int32_t partition)
{
	int64_t low, fetched, asked = log_ends_of(p->ends, partition);
	if (rd_kafka_get_watermark_offsets(p->rk, p->topic, partition, &low, &fetched) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return asked;
	return fetched > asked ? fetched : asked;
}

size_t places_lag(const struct places *p, struct kafka_lag *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < p->count; i++) {
		if (!p->place[i].ours) continue;
		int64_t next = p->place[i].next_offset, end = end_of(p, (int32_t)i), lag = -1;
		if (next >= 0 && end >= 0) lag = end > next ? end - next : 0;
		if (n < max) ret[n] = (struct kafka_lag){(int32_t)i, next, lag};
		n++;
	}
	return n;
}
