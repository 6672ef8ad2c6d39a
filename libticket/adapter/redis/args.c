#include "adapter/redis/args.h"

#include <string.h>

#include "adapter/redis/client.h"

/* "*12\r\n": nearly every call has 10 to 99 arguments; others are moved into place. */
enum { HEAD_ROOM = 5 };

void redis_args_begin(struct redis_args *a)
{
	a->head = a->out.len;
	a->count = 0;
	buf_reserve(&a->out, HEAD_ROOM);
	a->out.len += HEAD_ROOM;
}

/* Decimal text of v, written to the end of `room`; returns its start. */
static char *decimal(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

void redis_args_end(struct redis_args *a)
{
	char text[24], *end = text + sizeof text;
	end[-1] = '\n';
	end[-2] = '\r';
	char *at = decimal(end - 2, a->count);
	*--at = '*';
	size_t n = (size_t)(end - at), body = a->out.len - a->head - HEAD_ROOM;
	if (n != HEAD_ROOM) {
		buf_reserve(&a->out, n);
		memmove(a->out.data + a->head + n, a->out.data + a->head + HEAD_ROOM, body);
		a->out.len = a->head + n + body;
	}
	memcpy(a->out.data + a->head, at, n);
}

/* "$<n>\r\n", and room for the n bytes and their end. */
static char *open_arg(struct redis_args *a, size_t n)
{
	char text[24], *end = text + sizeof text;
	end[-1] = '\n';
	end[-2] = '\r';
	char *at = decimal(end - 2, n);
	*--at = '$';
	size_t head = (size_t)(end - at);
	buf_reserve(&a->out, head + n + 2);
	char *p = a->out.data + a->out.len;
	memcpy(p, at, head);
	p[head + n] = '\r';
	p[head + n + 1] = '\n';
	a->out.len += head + n + 2;
	a->count++;
	return p + head;
}

void redis_arg(struct redis_args *a, const void *p, size_t n)
{
	char *at = open_arg(a, n);
	if (n) memcpy(at, p, n);
}

static char *signed_decimal(char *end, int64_t v)
{
	char *at = decimal(end, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v);
	if (v < 0) *--at = '-';
	return at;
}

void redis_arg_int(struct redis_args *a, int64_t v)
{
	char text[24], *end = text + sizeof text, *at = signed_decimal(end, v);
	redis_arg(a, at, (size_t)(end - at));
}

static char *put(char *at, const char *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

void redis_arg_key(struct redis_args *a, const char *before, int64_t id, const char *after)
{
	redis_arg_key_text(a, before, id, after, "");
}

void redis_arg_key_text(struct redis_args *a, const char *before, int64_t id, const char *after, const char *text)
{
	char room[24], *end = room + sizeof room, *number = signed_decimal(end, id);
	size_t nb = strlen(before), ni = (size_t)(end - number), na = strlen(after), nt = strlen(text);
	put(put(put(put(open_arg(a, nb + ni + na + nt), before, nb), number, ni), after, na), text, nt);
}

void redis_arg_run(struct redis_args *a)
{
	redis_arg(a, a->run_id, strlen(a->run_id));
}
