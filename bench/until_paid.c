/* until_paid: how long after the answer to mock-success an order is seen as PAID, one order after the other.
 *
 *     bench_until_paid HOST:PORT < order numbers
 *
 * Asks every half millisecond, so the figure is that much too large. Prints one line of JSON. */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/answer.h"
#include "load/spread.h"
#include "load/target.h"
#include "runtime/loop.h"

enum { ASK_EVERY_US = 500, PATIENCE_US = 10000000, BETWEEN_US = 3000 };

struct client {
	const char *host;
	int fd;
	int status;
	char body[65536];
	size_t body_len;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_until_paid: %s\n", what);
	exit(2);
}

static void open_client(struct client *c, const char *target)
{
	struct sockaddr_in a = target_parse(target);
	int on = 1;

	c->host = target;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) die("can't connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void read_answer(struct client *c)
{
	static struct answer a;
	enum answer_state state = ANSWER_MORE;
	char room[65536];
	const char *body;
	size_t n_body;

	answer_reset(&a);
	c->body_len = 0;
	while (state == ANSWER_MORE) {
		ssize_t n = recv(c->fd, room, sizeof room, 0);
		if (n <= 0) die("the connection was lost");
		state = answer_feed(&a, room, (size_t)n, &body, &n_body);
		if (state == ANSWER_BROKEN || c->body_len + n_body >= sizeof c->body) die("this is no answer");
		memcpy(c->body + c->body_len, body, n_body);
		c->body_len += n_body;
	}
	c->body[c->body_len] = '\0';
	c->status = a.status;
}

static void ask(struct client *c, const char *method, const char *path, const char *body)
{
	char text[1024];
	int n = snprintf(text, sizeof text,
		"%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", method, path,
		c->host, strlen(body), body);

	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n) die("the connection was lost");
	read_answer(c);
}

/* false: it never was. */
static bool pay_and_wait(struct client *c, const char *order, int64_t *ret_us)
{
	char path[96], body[96];

	snprintf(path, sizeof path, "/payment/orders/%s", order);
	snprintf(body, sizeof body, "{\"orderNo\":\"%s\"}", order);
	ask(c, "POST", "/payment/mock-success", body);
	int64_t start_us = loop_now_us();
	if (c->status != 202 && c->status != 200) return false;
	do {
		ask(c, "GET", path, "");
		*ret_us = loop_now_us() - start_us;
		if (strstr(c->body, "\"status\":\"PAID\"")) return true;
		usleep(ASK_EVERY_US);
	} while (*ret_us < PATIENCE_US);
	return false;
}

int main(int argc, char **argv)
{
	static struct client c;
	static struct spread latency;
	unsigned failed = 0;
	char line[64];
	int64_t us;

	if (argc != 2) die("usage: bench_until_paid HOST:PORT < order numbers");
	open_client(&c, argv[1]);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (pay_and_wait(&c, line, &us)) spread_add(&latency, us);
		else failed++;
		usleep(BETWEEN_US);
	}
	printf("{\"orders\":%llu,\"failed\":%u,\"latency_us\":", (unsigned long long)latency.count, failed);
	spread_print(&latency);
	printf("}\n");
	return failed ? 1 : 0;
}
