/* other_clock: a process' own time of day, so many seconds from the machine's. Preloaded; what measures how long something
 * takes (CLOCK_MONOTONIC, and timespec_get, by which libraries wait) is left alone, as it is where clocks are set.
 * libfaketime does not do: it makes C11's cnd_timedwait, hence librdkafka, wait for the difference.
 * TEST_CLOCK_FILE holds the seconds as 8 bytes in the machine's order; who writes them steps the clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void map_shift(void)
{
	const char *path = getenv("TEST_CLOCK_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) abort();
	close(fd);
	shift = p;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	long rc = syscall(SYS_clock_gettime, clock, ret);

	if (rc == 0 && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) ret->tv_sec += *shift;
	return (int)rc;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &t) != 0) return -1;
	*ret = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0) return -1;
	if (ret) *ret = t.tv_sec;
	return t.tv_sec;
}
