#include "runtime/metrics_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef TICKET_VERSION
#define TICKET_VERSION "unknown"
#endif

static void put(struct metrics_out *o, const char *name, enum metric_type type, const char *doc, double v)
{
	metrics_write_family(o, name, type, doc);
	metrics_write_sample(o, name, NULL, v);
}

/* The file's beginning as a string, empty when it can't be read. */
static const char *read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0) close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Seconds since 1970; /proc/stat may be longer than any buffer on a machine with many cores. */
static long long boot_time_s(void)
{
	FILE *f = fopen("/proc/stat", "re");
	char line[256];
	long long s = 0;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "btime %lld", &s) == 1) break;
	}
	if (f) fclose(f);
	return s;
}

static void put_stat(struct metrics_out *o)
{
	char text[1024];
	/* The name in parentheses may contain anything, so count from its end. */
	const char *rest = strrchr(read_file("/proc/self/stat", text, sizeof text), ')');
	long long threads, start_ticks, bytes, pages, boot = boot_time_s();

	if (!rest ||
		sscanf(rest,
			") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lld %*d"
			" %lld %lld %lld",
			&threads, &start_ticks, &bytes, &pages) != 4)
		return;
	put(o, "process_threads", METRIC_GAUGE, "Threads of the process", (double)threads);
	put(o, "process_virtual_memory_bytes", METRIC_GAUGE, "Virtual memory", (double)bytes);
	put(o, "process_resident_memory_bytes", METRIC_GAUGE, "Resident memory",
		(double)pages * (double)sysconf(_SC_PAGESIZE));
	if (boot == 0) return;
	put(o, "process_start_time_seconds", METRIC_GAUGE, "When the process started, in seconds since 1970",
		(double)boot + (double)start_ticks / (double)sysconf(_SC_CLK_TCK));
}

static long count_entries(const char *path)
{
	DIR *d = opendir(path);
	long n = 0;

	if (!d) return -1;
	for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
	closedir(d);
	return n - 1; /* the directory itself */
}

static long open_fds(void)
{
	struct stat s;

	/* Linux 6.2 and later tell the number as the size; walking 20,000 entries would stall a shard. */
	if (stat("/proc/self/fd", &s) == 0 && s.st_size > 0) return (long)s.st_size;
	return count_entries("/proc/self/fd");
}

static void put_fds(struct metrics_out *o)
{
	struct rlimit limit;
	long n = open_fds();

	if (n >= 0) put(o, "process_open_fds", METRIC_GAUGE, "Open file descriptors", (double)n);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		put(o, "process_max_fds", METRIC_GAUGE, "Most file descriptors that may be open", (double)limit.rlim_cur);
	}
}

static void put_cpu(struct metrics_out *o)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) return;
	put(o, "process_cpu_seconds_total", METRIC_COUNTER, "User and system CPU time",
		(double)t.tv_sec + (double)(t.tv_nsec / 1000) / 1e6);
}

void metrics_process(struct metrics_out *o)
{
	put_cpu(o);
	put_stat(o);
	put_fds(o);
	metrics_write_family(o, "ticket_build_info", METRIC_GAUGE, "The version that runs; always 1");
	metrics_write_sample(o, "ticket_build_info", "version=\"" TICKET_VERSION "\"", 1);
}
