#include "load/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUEST_MAX = 128 << 10 };

struct plan {
	struct plan_settings settings;
	const char *text, *at, *end; /* the file */
	char common[4096];			 /* headers that every request has */
	size_t common_len, constant_len;
	char request[REQUEST_MAX];
};

struct line {
	const char *method, *path, *body;
	size_t method_len, path_len, body_len;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static char *put(char *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

static size_t build(struct plan *p, const struct line *l)
{
	char *at = p->request;

	if (l->path_len + l->body_len + sizeof p->common + 256 > REQUEST_MAX) {
		fprintf(stderr, "drive: a request is too long\n");
		exit(2);
	}
	at = put(at, l->method, l->method_len);
	*at++ = ' ';
	at = put(at, l->path, l->path_len);
	at = put(at, " HTTP/1.1\r\n", 11);
	at = put(at, p->common, p->common_len);
	if (l->body) at += sprintf(at, "Content-Type: application/json\r\nContent-Length: %zu\r\n", l->body_len);
	at = put(at, "\r\n", 2);
	if (l->body) at = put(at, l->body, l->body_len);
	return (size_t)(at - p->request);
}

/* Up to `stop` or the end; steps over `stop`. */
static const char *word(const char **at, const char *end, char stop, size_t *ret_len)
{
	const char *start = *at, *found = memchr(start, stop, (size_t)(end - start));

	*ret_len = (size_t)((found ? found : end) - start);
	*at = found ? found + 1 : end;
	return start;
}

static bool next_line(struct plan *p, struct line *ret)
{
	size_t len;

	if (p->at == p->end && p->settings.again) p->at = p->text;
	if (p->at == p->end) return false;
	const char *at = word(&p->at, p->end, '\n', &len), *end = at + len;
	ret->method = word(&at, end, ' ', &ret->method_len);
	ret->path = word(&at, end, ' ', &ret->path_len);
	ret->body = at < end ? at : NULL;
	ret->body_len = (size_t)(end - at);
	return true;
}

bool plan_next(struct plan *p, const char **ret, size_t *ret_len)
{
	struct line l;

	*ret = p->request;
	*ret_len = p->constant_len;
	if (p->constant_len) return true;
	if (!next_line(p, &l)) return false;
	*ret_len = build(p, &l);
	return true;
}

bool plan_is_over(const struct plan *p)
{
	return !p->constant_len && p->at == p->end && !p->settings.again;
}

static void open_file(struct plan *p)
{
	struct stat st;
	int fd = open(p->settings.file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) die(p->settings.file);
	p->text = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0) : "";
	if (p->text == MAP_FAILED) die(p->settings.file);
	close(fd);
	p->at = p->text;
	p->end = p->text + st.st_size;
}

struct plan *plan_create(const struct plan_settings *s)
{
	struct plan *p = calloc(1, sizeof *p);

	if (!p) die("memory");
	p->settings = *s;
	int n = snprintf(p->common, sizeof p->common, "Host: %s\r\n%s", s->host, s->headers);
	if (n >= (int)sizeof p->common) die("headers");
	p->common_len = (size_t)n;
	if (s->file) {
		open_file(p);
		return p;
	}
	struct line l = {s->method, s->path, s->body, strlen(s->method), strlen(s->path), s->body ? strlen(s->body) : 0};
	p->constant_len = build(p, &l);
	return p;
}

void plan_destroy(struct plan *p)
{
	if (p->text && p->text != p->end) munmap((void *)p->text, (size_t)(p->end - p->text));
	free(p);
}
