/* drive: a load generator for one HTTP server on loopback: one thread, keep-alive, closed or open loop.
 *
 *     bench_drive [options] HOST:PORT        prints one line of JSON
 *
 * See usage() for the options. A request costs it 2 system calls and about 1 µs besides. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load/cpu.h"
#include "load/load.h"
#include "load/plan.h"

enum { WATCHED_MAX = 64, SECONDS = 5 };

struct watched {
	char *name;
	int pid;
	double before_s;
};

struct drive {
	struct plan_settings plan;
	struct load_settings load;
	char headers[2048];
	const char *out;
	bool linger;
	struct watched watched[WATCHED_MAX];
	unsigned watched_count;
	double self_before_s;
};

static void usage(FILE *to)
{
	fputs(
		"usage: bench_drive [options] HOST:PORT\n"
		"  -c N          connections (128)\n"
		"  -d SECONDS    measure for so long (5; with -f: to its end)\n"
		"  -n COUNT      measure so many requests instead\n"
		"  -w SECONDS    warm up before that (0)\n"
		"  -r RATE       open loop: so many a second, latency from when each was due\n"
		"  -m METHOD -p PATH -b BODY   the request (GET /)\n"
		"  -f FILE       requests, one a line: METHOD PATH [BODY]; ends with the file\n"
		"  -a            again from the file's start\n"
		"  -H 'N: V'     a header\n"
		"  -x FIELD -o FILE   keep this string field of each answer 2xx\n"
		"  -P NAME=PID   report the CPU of this process too; several of one name, one behind the other, are summed up\n"
		"  -l            afterwards keep the connections open until standard input ends\n",
		to);
}

static void wrong(const char *why)
{
	fprintf(stderr, "bench_drive: %s\n", why);
	usage(stderr);
	exit(2);
}

static void add_header(struct drive *d, const char *h)
{
	size_t n = strlen(d->headers);
	if (n + strlen(h) + 3 > sizeof d->headers) wrong("too many headers");
	sprintf(d->headers + n, "%s\r\n", h);
}

static void watch(struct drive *d, char *arg)
{
	char *pid = strchr(arg, '=');
	if (!pid || d->watched_count == WATCHED_MAX) wrong("-P NAME=PID");
	*pid++ = '\0';
	d->watched[d->watched_count++] = (struct watched){.name = arg, .pid = atoi(pid)};
}

static void option(struct drive *d, int c)
{
	switch (c) {
	case 'c': d->load.connections = (unsigned)atoi(optarg); break;
	case 'd': d->load.seconds = atof(optarg); break;
	case 'n':
		d->load.count = strtoull(optarg, NULL, 10);
		d->load.seconds = 0;
		break;
	case 'w': d->load.warm_up_s = atof(optarg); break;
	case 'r': d->load.rate = atof(optarg); break;
	case 'm': d->plan.method = optarg; break;
	case 'p': d->plan.path = optarg; break;
	case 'b': d->plan.body = optarg; break;
	case 'f': d->plan.file = optarg; break;
	case 'a': d->plan.again = true; break;
	case 'H': add_header(d, optarg); break;
	case 'x': d->load.field = optarg; break;
	case 'o': d->out = optarg; break;
	case 'P': watch(d, optarg); break;
	case 'l': d->linger = true; break;
	case 'h': usage(stdout); exit(0);
	default: usage(stderr); exit(2);
	}
}

static void read_options(struct drive *d, int argc, char **argv)
{
	int c;

	*d = (struct drive){.plan = {.method = "GET", .path = "/"}, .load = {.connections = 128, .seconds = -1}};
	while ((c = getopt(argc, argv, "c:d:n:w:r:m:p:b:f:aH:x:o:P:lh")) != -1) option(d, c);
	d->load.target = target_parse(argv[optind]);
	d->plan.host = argv[optind];
	if (d->load.seconds < 0) d->load.seconds = d->plan.file && !d->plan.again ? 0 : SECONDS;
	if (!d->load.connections) wrong("-c: at least one connection");
	if (!d->load.field != !d->out) wrong("-x and -o go together");
	if (d->out && !(d->load.out = fopen(d->out, "w"))) wrong("-o: can't be written");
	d->plan.headers = d->headers;
}

static void begin(void *ctx)
{
	struct drive *d = ctx;

	d->self_before_s = cpu_self_s();
	for (unsigned i = 0; i < d->watched_count; i++) d->watched[i].before_s = cpu_of_s(d->watched[i].pid);
}

static void print_statuses(const struct load_result *r)
{
	const char *comma = "";

	for (int s = 0; s < 600; s++) {
		if (!r->status[s]) continue;
		printf("%s\"%d\":%llu", comma, s, (unsigned long long)r->status[s]);
		comma = ",";
	}
}

/* Of all in a row that bear the name of *at; steps behind them. */
static double watched_s(const struct drive *d, unsigned *at)
{
	const char *name = d->watched[*at].name;
	double sum = 0;

	for (; *at < d->watched_count && strcmp(d->watched[*at].name, name) == 0; ++*at)
		sum += cpu_of_s(d->watched[*at].pid) - d->watched[*at].before_s;
	return sum;
}

static void print(const struct drive *d, const struct load_result *r)
{
	double n = r->answers ? (double)r->answers : 1, self_s = cpu_self_s() - d->self_before_s;

	printf("{\"answers\":%llu,\"seconds\":%.3f,\"per_s\":%.0f,\"connections\":%u,\"rate\":%.0f,\"broken\":%llu,"
		   "\"missed\":%llu,\"status\":{",
		(unsigned long long)r->answers, r->seconds, r->seconds > 0 ? (double)r->answers / r->seconds : 0,
		d->load.connections, d->load.rate, (unsigned long long)r->broken, (unsigned long long)r->missed);
	print_statuses(r);
	printf("},\"latency_us\":");
	spread_print(&r->latency);
	printf(",\"cpu_us\":{\"drive\":%.2f", self_s / n * 1e6);
	for (unsigned i = 0; i < d->watched_count;) {
		const char *name = d->watched[i].name;
		printf(",\"%s\":%.2f", name, watched_s(d, &i) / n * 1e6);
	}
	printf("}}\n");
	fflush(stdout);
}

/* As many descriptors as the system lets us have. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0) return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

int main(int argc, char **argv)
{
	static struct drive d;
	static struct load_result result;
	char c;

	read_options(&d, argc, argv);
	raise_limit();
	d.load.plan = plan_create(&d.plan);
	d.load.measuring = begin;
	d.load.ctx = &d;
	struct load *l = load_run(&d.load, &result);
	if (d.load.out && fclose(d.load.out) != 0) wrong("-o: can't be written");
	print(&d, &result);
	while (d.linger && read(STDIN_FILENO, &c, 1) > 0) continue;
	load_close(l);
	plan_destroy(d.load.plan);
	return result.answers ? 0 : 1;
}
