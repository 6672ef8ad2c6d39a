#include "adapter/queue_http/admission.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "adapter/json/json_codec.h"
#include "runtime/loop.h"
#include "runtime/mem.h"

enum { VERIFIES_MAX = 512, KEPT_MAX = 64, BODY_MAX = 2048 };

struct transfer {
	struct queue_http *owner;
	CURL *easy;
	struct curl_slist *headers;
	struct admission_verify *verify; /* NULL: a ping */
	struct port_call *call;
	char body[BODY_MAX];
	size_t len;
	TAILQ_ENTRY(transfer) link;
};
TAILQ_HEAD(transfers, transfer);

struct queue_http {
	struct admission port;
	struct loop *loop;
	CURLM *multi;
	char *url;
	int64_t timeout_ms;
	struct json_decoder *json;
	struct timer timer;
	struct transfers busy, idle;
	unsigned verifies;
	bool closed;
};

/* A socket of libcurl's, watched for it. */
struct socket {
	struct watch watch;
	struct queue_http *owner;
};

/* --- what came back --- */

struct answer {
	int64_t user, schedule;
	char code[64];
};

static const struct json_field ANSWER_FIELDS[] = {
	JSON_INT(struct answer, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_INT(struct answer, schedule, "scheduleId", 1, ID_MAX, JSON_OPTIONAL),
	JSON_BYTES(struct answer, code, "code", 1, 60, JSON_OPTIONAL),
};

static bool read_answer(struct transfer *t, struct answer *ret)
{
	struct json_errors errors;

	*ret = (struct answer){0};
	errors.count = 0;
	return json_decode(t->owner->json, t->body, t->len, ANSWER_FIELDS, JSON_FIELDS(ANSWER_FIELDS), ret, &errors);
}

static struct tk_err judge(struct transfer *t, long status)
{
	struct admission_verify *v = t->verify;
	struct answer a;

	if (!v) return status == 200 ? TK_NONE : TK_ERR(TK_UNAVAILABLE, "the queue can't verify");
	if ((status != 200 && status != 403) || !read_answer(t, &a))
		return TK_ERR(TK_UNAVAILABLE, "no answer of a queue's");
	if (status == 200)
		v->verdict = a.user == v->user && a.schedule == v->schedule ? ADMISSION_ACTIVE : ADMISSION_INVALID;
	else v->verdict = strcmp(a.code, "QUEUE_NOT_ADMITTED") == 0 ? ADMISSION_WAITING : ADMISSION_INVALID;
	return TK_NONE;
}

static void finish(struct transfer *t, struct tk_err err)
{
	struct queue_http *q = t->owner;
	struct port_call *call = t->call;

	curl_multi_remove_handle(q->multi, t->easy);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->verify) q->verifies--;
	TAILQ_REMOVE(&q->busy, t, link);
	TAILQ_INSERT_HEAD(&q->idle, t, link);
	port_answer(call, err);
}

static void finish_done(struct queue_http *q)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(q->multi, &left))) {
		struct transfer *t;
		long status = 0;
		bool ok = m->data.result == CURLE_OK;

		if (m->msg != CURLMSG_DONE) continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		finish(t, ok ? judge(t, status) : TK_ERR(TK_UNAVAILABLE, "the queue does not answer"));
	}
}

/* --- libcurl on the loop --- */

static void act(struct queue_http *q, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(q->multi, fd, events, &running);
	finish_done(q);
}

static void socket_ready(struct watch *w, uint32_t events)
{
	struct socket *s = container_of(w, struct socket, watch);
	int bits = 0;

	if (events & EPOLLIN) bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT) bits |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP)) bits |= CURL_CSELECT_ERR;
	act(s->owner, w->fd, bits);
}

static void drop_socket(struct queue_http *q, struct socket *s)
{
	if (!s) return;
	watch_remove(q->loop, &s->watch);
	curl_multi_assign(q->multi, s->watch.fd, NULL);
	free(s);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket)
{
	struct queue_http *q = ctx;
	struct socket *s = socket;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		drop_socket(q, s);
		return 0;
	}
	if (s) return watch_change(q->loop, &s->watch, events);
	s = mem_must(calloc(1, sizeof *s));
	s->owner = q;
	s->watch = (struct watch){fd, events, socket_ready};
	if (watch_add(q->loop, &s->watch) != 0) {
		free(s);
		return -1;
	}
	curl_multi_assign(q->multi, fd, s);
	return 0;
}

static int set_timer(CURLM *multi, long ms, void *ctx)
{
	struct queue_http *q = ctx;

	(void)multi;
	if (ms < 0) timer_stop(q->loop, &q->timer);
	else timer_arm(q->loop, &q->timer, loop_now_ms(q->loop) + ms);
	return 0;
}

static void timer_fired(struct timer *t)
{
	act(container_of(t, struct queue_http, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* --- calls --- */

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	(void)size;
	if (t->len + n > sizeof t->body) return 0; /* no answer of ours is so long */
	memcpy(t->body + t->len, data, n);
	t->len += n;
	return n;
}

static struct transfer *transfer_create(struct queue_http *q)
{
	struct transfer *t = mem_must(calloc(1, sizeof *t));

	t->owner = q;
	t->easy = mem_must(curl_easy_init());
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return t;
}

static struct transfer *transfer_begin(struct queue_http *q, struct port_call *c)
{
	struct transfer *t = TAILQ_FIRST(&q->idle);

	if (t) TAILQ_REMOVE(&q->idle, t, link);
	else t = transfer_create(q);
	TAILQ_INSERT_TAIL(&q->busy, t, link);
	t->call = c;
	t->verify = NULL;
	t->len = 0;
	return t;
}

static void transfer_go(struct transfer *t, const char *path)
{
	struct queue_http *q = t->owner;
	char url[700];

	snprintf(url, sizeof url, "%s%s", q->url, path);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (curl_multi_add_handle(q->multi, t->easy) != CURLM_OK) finish(t, TK_ERR(TK_INTERNAL, "libcurl"));
}

static void verify(struct admission *a, struct admission_verify *v)
{
	struct queue_http *q = container_of(a, struct queue_http, port);
	char header[200], path[100];
	struct transfer *t;

	if (q->closed || q->verifies >= VERIFIES_MAX) {
		port_answer(&v->call, TK_ERR(TK_UNAVAILABLE, "too many ask the queue"));
		return;
	}
	t = transfer_begin(q, &v->call);
	t->verify = v;
	q->verifies++;
	snprintf(header, sizeof header, "Queue-Token: %s", v->token);
	snprintf(path, sizeof path, "/queue/tokens/verify?scheduleId=%lld", (long long)v->schedule);
	t->headers = mem_must(curl_slist_append(NULL, header));
	transfer_go(t, path);
}

static void ping(struct admission *a, struct admission_ping *p)
{
	struct queue_http *q = container_of(a, struct queue_http, port);

	if (q->closed) port_answer(&p->call, TK_ERR(TK_UNAVAILABLE, "closing"));
	else transfer_go(transfer_begin(q, &p->call), "/queue/ping");
}

/* --- life --- */

struct queue_http *queue_http_create(struct loop *l, const struct queue_http_settings *s)
{
	struct queue_http *q = mem_must(calloc(1, sizeof *q));
	size_t n = strlen(s->url);

	while (n && s->url[n - 1] == '/') n--;
	q->port = (struct admission){verify, ping};
	q->loop = l;
	q->url = mem_must(strndup(s->url, n));
	q->timeout_ms = s->timeout_ms;
	q->json = json_decoder_create();
	q->timer.fired = timer_fired;
	TAILQ_INIT(&q->busy);
	TAILQ_INIT(&q->idle);
	q->multi = mem_must(curl_multi_init());
	curl_multi_setopt(q->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(q->multi, CURLMOPT_SOCKETDATA, q);
	curl_multi_setopt(q->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(q->multi, CURLMOPT_TIMERDATA, q);
	curl_multi_setopt(q->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_MAX);
	return q;
}

static void free_idle(struct queue_http *q)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(&q->idle))) {
		TAILQ_REMOVE(&q->idle, t, link);
		curl_easy_cleanup(t->easy);
		free(t);
	}
}

void queue_http_close(struct queue_http *q)
{
	struct transfer *t;

	if (!q) return;
	q->closed = true;
	while ((t = TAILQ_FIRST(&q->busy))) finish(t, TK_ERR(TK_UNAVAILABLE, "closing"));
}

void queue_http_destroy(struct queue_http *q)
{
	if (!q) return;
	queue_http_close(q);
	free_idle(q);
	curl_multi_cleanup(q->multi);
	timer_stop(q->loop, &q->timer);
	json_decoder_destroy(q->json);
	free(q->url);
	free(q);
}

struct admission *queue_http_port(struct queue_http *q)
{
	return &q->port;
}
