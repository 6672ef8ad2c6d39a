#include "adapter/kafka/client.h"

#include <errno.h>
#include <stdio.h>

#ifdef __SANITIZE_THREAD__
#include <pthread.h>
#include <threads.h>

/* librdkafka uses C11's threads, which ThreadSanitizer doesn't know (a thread it hasn't seen begin crashes it). In glibc
 * they are those of POSIX by another name. */
int thrd_create(thrd_t *t, thrd_start_t run, void *arg)
{
	return pthread_create(t, NULL, (void *(*)(void *))(void *)run, arg) ? thrd_error : thrd_success;
}
int thrd_join(thrd_t t, int *ret)
{
	void *result;
	if (pthread_join(t, &result)) return thrd_error;
	if (ret) *ret = (int)(intptr_t)result;
	return thrd_success;
}
int mtx_lock(mtx_t *m)
{
	return pthread_mutex_lock((pthread_mutex_t *)m) ? thrd_error : thrd_success;
}
int mtx_unlock(mtx_t *m)
{
	return pthread_mutex_unlock((pthread_mutex_t *)m) ? thrd_error : thrd_success;
}
int cnd_signal(cnd_t *c)
{
	return pthread_cond_signal((pthread_cond_t *)c) ? thrd_error : thrd_success;
}
int cnd_broadcast(cnd_t *c)
{
	return pthread_cond_broadcast((pthread_cond_t *)c) ? thrd_error : thrd_success;
}
int cnd_wait(cnd_t *c, mtx_t *m)
{
	return pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m) ? thrd_error : thrd_success;
}
int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *until)
{
	int err = pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, until);
	return err == ETIMEDOUT ? thrd_timedout : err ? thrd_error : thrd_success;
}

/* Its counters are atomic, and its destructors rely on them, unseen. Not race:librdkafka.so: our callbacks are below it. */
const char *__tsan_default_suppressions(void);
__attribute__((weak)) const char *__tsan_default_suppressions(void)
{
	return "race:pthread_rwlock_destroy\n";
}
#endif

static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)line;
}

static bool apply(rd_kafka_conf_t *conf, const struct kafka_option *o, size_t n, char *why, size_t why_len)
{
	for (size_t i = 0; i < n; i++) {
		char number[24];
		snprintf(number, sizeof number, "%lld", (long long)o[i].number);
		const char *value = o[i].text ? o[i].text : number;
		if (rd_kafka_conf_set(conf, o[i].name, value, why, why_len) != RD_KAFKA_CONF_OK) return false;
	}
	return true;
}

bool kafka_conf_fill(rd_kafka_conf_t *conf, const char *brokers, const char *client_id, const struct kafka_option *o,
	size_t n, char *why, size_t why_len)
{
	/* A broker that comes back is found within 0.2 s; the defaults would wait up to 10 s. */
	const struct kafka_option shared[] = {
		KAFKA_TEXT("bootstrap.servers", brokers),
		KAFKA_TEXT("client.id", client_id),
		KAFKA_NUMBER("reconnect.backoff.ms", 50),
		KAFKA_NUMBER("reconnect.backoff.max.ms", 200),
		KAFKA_NUMBER("socket.connection.setup.timeout.ms", 3000),
		KAFKA_TEXT("socket.keepalive.enable", "true"),
		KAFKA_TEXT("socket.nagle.disable", "true"),
		KAFKA_TEXT("log.connection.close", "false"),
	};
	rd_kafka_conf_set_log_cb(conf, quiet);
	return apply(conf, shared, sizeof shared / sizeof *shared, why, why_len) && apply(conf, o, n, why, why_len);
}

bool kafka_means_away(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__WAIT_COORD: return true;
	default: return false;
	}
}
