/* floor_bare: F0, what libmicrohttpd itself costs: external epoll, one thread, one constant answer to whatever is asked.
 *
 *     bench_floor_bare PORT [FILE [CONTENT-TYPE [CONTENT-ENCODING]]]
 *
 * Without a file the answer is a small JSON object; with one, its bytes (the floor of a seat map). Ends by a signal. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY_PER_CONNECTION = 8192, CONNECTIONS = 20000 };

struct floor_bare {
	struct MHD_Response *answer;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path, const char *method,
	const char *version, const char *data, size_t *n, void **context)
{
	static char begun;
	struct floor_bare *f = cls;

	(void)path, (void)method, (void)version, (void)data;
	if (!*context) {
		*context = &begun;
		return MHD_YES;
	}
	if (*n) {
		*n = 0;
		return MHD_YES;
	}
	return MHD_queue_response(conn, MHD_HTTP_OK, f->answer);
}

static struct MHD_Response *small(void)
{
	static char text[] = "{\"scheduleId\":7,\"seatNo\":\"A-1\",\"status\":\"HOLD\",\"ttlSeconds\":300}";
	return MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *from_file(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) die(name);
	char *text = malloc((size_t)st.st_size);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size) die(name);
	close(fd);
	return MHD_create_response_from_buffer((size_t)st.st_size, text, MHD_RESPMEM_MUST_FREE);
}

static struct MHD_Daemon *start(struct floor_bare *f, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TURBO, port, NULL, NULL, on_request, f, MHD_OPTION_SOCK_ADDR, &a,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	struct floor_bare f = {NULL};
	struct epoll_event e = {.events = EPOLLIN};
	int loop = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 2) {
		fprintf(stderr, "usage: bench_floor_bare PORT [FILE [CONTENT-TYPE [CONTENT-ENCODING]]]\n");
		return 2;
	}
	f.answer = argc > 2 ? from_file(argv[2]) : small();
	MHD_add_response_header(f.answer, "Content-Type", argc > 3 ? argv[3] : "application/json");
	if (argc > 4) MHD_add_response_header(f.answer, "Content-Encoding", argv[4]);
	struct MHD_Daemon *mhd = start(&f, (uint16_t)atoi(argv[1]));
	if (!mhd) die("MHD_start_daemon");
	if (epoll_ctl(loop, EPOLL_CTL_ADD, MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, &e) != 0)
		die("epoll");
	for (;;) {
		epoll_wait(loop, &e, 1, 1000);
		MHD_run(mhd);
	}
}
