#include "adapter/kafka/log_ends.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct log_ends {
	rd_kafka_t *rk;
	const char *topic;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	/* Under the lock; the offset is the end, or invalid. */
	rd_kafka_topic_partition_list_t *watched;
};

static rd_kafka_topic_partition_list_t *questions(const struct log_ends *e)
{
	rd_kafka_topic_partition_list_t *ask = rd_kafka_topic_partition_list_copy(e->watched);
	for (int i = 0; i < ask->cnt; i++) ask->elems[i].offset = RD_KAFKA_OFFSET_END; /* in place of a time: the latest */
	return ask;
}

/* Whatever is not watched any more goes unheard. */
static void note(struct log_ends *e, const rd_kafka_topic_partition_list_t *answers)
{
	for (int i = 0; i < answers->cnt; i++) {
		const rd_kafka_topic_partition_t *a = &answers->elems[i];
		if (a->err || a->offset < 0) continue;
		rd_kafka_topic_partition_list_set_offset(e->watched, a->topic, a->partition, a->offset);
	}
}

static void wait_a_turn(struct log_ends *e)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOG_ENDS_EVERY_MS / 1000;
	pthread_cond_timedwait(&e->changed, &e->lock, &until);
}

static void *run(void *arg)
{
	struct log_ends *e = arg;
	pthread_mutex_lock(&e->lock);
	while (!e->stopping) {
		if (e->watched->cnt > 0) {
			rd_kafka_topic_partition_list_t *ask = questions(e);
			pthread_mutex_unlock(&e->lock);
			rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(e->rk, ask, LOG_ENDS_WAIT_MS);
			pthread_mutex_lock(&e->lock);
			if (err == RD_KAFKA_RESP_ERR_NO_ERROR) note(e, ask);
			rd_kafka_topic_partition_list_destroy(ask);
		}
		if (!e->stopping) wait_a_turn(e);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Signals belong to main. */
static int start_thread(struct log_ends *e)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&e->thread, NULL, run, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

static void release(struct log_ends *e)
{
	rd_kafka_topic_partition_list_destroy(e->watched);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

struct log_ends *log_ends_create(rd_kafka_t *rk, const char *topic)
{
	struct log_ends *e = calloc(1, sizeof *e);
	if (!e) abort();
	e->rk = rk;
	e->topic = topic;
	e->watched = rd_kafka_topic_partition_list_new(1);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	int failed = start_thread(e);
	if (!failed) return e;
	release(e);
	errno = failed;
	return NULL;
}

void log_ends_destroy(struct log_ends *e)
{
	if (!e) return;
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	release(e);
}

void log_ends_watch(struct log_ends *e, const rd_kafka_topic_partition_list_t *parts)
{
	rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(parts ? parts->cnt : 1);
	for (int i = 0; parts && i < parts->cnt; i++)
		rd_kafka_topic_partition_list_add(fresh, e->topic, parts->elems[i].partition);
	pthread_mutex_lock(&e->lock);
	rd_kafka_topic_partition_list_destroy(e->watched);
	e->watched = fresh;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

int64_t log_ends_of(struct log_ends *e, int32_t partition)
{
	pthread_mutex_lock(&e->lock);
	const rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_find(e->watched, e->topic, partition);
	int64_t end = p && p->offset >= 0 ? p->offset : -1;
	pthread_mutex_unlock(&e->lock);
	return end;
}
