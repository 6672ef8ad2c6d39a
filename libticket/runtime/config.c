#include "runtime/config.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "runtime/config_table.h"
#include "runtime/mem.h"

enum { DB_CONNECTIONS_A_SHARD = 4, DB_CONNECTIONS_A_SHARD_MIN = 2, DB_CONNECTIONS_BACKSTAGE = 2 };

const struct setting SETTING[SETTINGS] = {
#define ROW(t, field, daemon, name, text)                                                                              \
	.type = t, .who = daemon, .offset = offsetof(struct config, field), .env = name, .doc = text
#define SETTING_INT(field, env, dflt, min_, max_, daemon, doc)                                                         \
	{ROW(SETTING_IS_INT, field, daemon, env, doc), .dflt_int = dflt, .min = min_, .max = max_},
#define SETTING_STR(field, env, dflt_, minlen, maxlen, daemon, doc)                                                    \
	{ROW(SETTING_IS_STR, field, daemon, env, doc), .dflt = dflt_, .min = minlen, .max = maxlen},
#define SETTING_ADDR(field, env, dflt_, daemon, doc) {ROW(SETTING_IS_ADDR, field, daemon, env, doc), .dflt = dflt_},
#define SETTING_ENUM(field, env, dflt_, words_, daemon, doc)                                                           \
	{ROW(SETTING_IS_ENUM, field, daemon, env, doc), .dflt = dflt_, .words = words_},
#include "runtime/config_rows.h"
};

const char *setting_word(const char *words, int index, int *ret_len)
{
	for (; index > 0 && words; index--) {
		words = strchr(words, '|');
		if (words) words++;
	}
	if (words) *ret_len = (int)strcspn(words, "|");
	return words;
}

bool setting_is_secret(const struct setting *s)
{
	size_t n = strlen(s->env);

	return s->type == SETTING_IS_STR && n >= 6 && strcmp(s->env + n - 6, "SECRET") == 0;
}

/* The parsers: text into a field. They name no value in their refusals: it may be a password. */

static bool is_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static bool parse_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	long long v;

	if (!is_digits(s + (*s == '-'))) return false; /* strtoll would take blanks and a plus */
	errno = 0;
	v = strtoll(s, NULL, 10);
	if (errno || v < min || v > max) return false;
	*ret = v;
	return true;
}

static bool load_int(const struct setting *s, const char *text, int64_t *ret, char *why, size_t n)
{
	if (!text) {
		*ret = s->dflt_int;
		return true;
	}
	if (parse_int(text, s->min, s->max, ret)) return true;
	snprintf(why, n, "%s must be an integer from %lld to %lld", s->env, (long long)s->min, (long long)s->max);
	return false;
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f) return true;
	}
	return false;
}

static bool load_str(const struct setting *s, const char *text, char **ret, char *why, size_t n)
{
	size_t len;

	if (!text) text = s->dflt;
	if (!text) return true;
	len = strlen(text);
	if ((int64_t)len < s->min || (int64_t)len > s->max) {
		snprintf(why, n, "%s must be %lld to %lld bytes long", s->env, (long long)s->min, (long long)s->max);
		return false;
	}
	if (has_control(text)) {
		snprintf(why, n, "%s must not contain control characters", s->env);
		return false;
	}
	*ret = mem_must(strdup(text));
	return true;
}

static bool is_host(const char *s, size_t n, const char *punctuation)
{
	if (n == 0 || n >= sizeof((struct addr *)0)->host) return false;
	for (size_t i = 0; i < n; i++) {
		bool alnum = (s[i] >= '0' && s[i] <= '9') || ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z');

		if (!alnum && !strchr(punctuation, s[i])) return false;
	}
	return true;
}

/* host:port or [IPv6]:port; the brackets are not kept. */
static bool parse_addr(const char *s, struct addr *ret)
{
	const char *colon = strrchr(s, ':');
	int64_t port;
	size_t n;

	if (!colon || !parse_int(colon + 1, 1, 65535, &port)) return false;
	n = (size_t)(colon - s);
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
		if (!is_host(s, n, ":.%")) return false;
	} else if (!is_host(s, n, ".-_")) {
		return false;
	}
	*ret = (struct addr){.port = (uint16_t)port};
	memcpy(ret->host, s, n);
	return true;
}

static bool load_addr(const struct setting *s, const char *text, struct addr *ret, char *why, size_t n)
{
	if (parse_addr(text ? text : s->dflt, ret)) return true;
	snprintf(why, n, "%s must be host:port or [IPv6]:port with a port from 1 to 65535", s->env);
	return false;
}

static bool load_enum(const struct setting *s, const char *text, int *ret, char *why, size_t n)
{
	const char *word;
	int len;

	if (!text) text = s->dflt;
	for (int i = 0; (word = setting_word(s->words, i, &len)) != NULL; i++) {
		if ((int)strlen(text) != len || memcmp(text, word, (size_t)len) != 0) continue;
		*ret = i;
		return true;
	}
	snprintf(why, n, "%s must be one of %s", s->env, s->words);
	return false;
}

static bool load_row(struct config *c, const struct setting *s, const char *text, char *why, size_t n)
{
	void *field = setting_field(s, c);

	switch (s->type) {
	case SETTING_IS_INT: return load_int(s, text, field, why, n);
	case SETTING_IS_STR: return load_str(s, text, field, why, n);
	case SETTING_IS_ADDR: return load_addr(s, text, field, why, n);
	case SETTING_IS_ENUM: return load_enum(s, text, field, why, n);
	}
	abort();
}

/* What lies between rows */

static int64_t cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < SETTING[ROW_http_shards].max ? n : SETTING[ROW_http_shards].max;
}

static void fill_dependent(struct config *c)
{
	if (c->http_shards == SETTING_UNSET) c->http_shards = cores();
	if (c->database_connections == SETTING_UNSET) c->database_connections = DB_CONNECTIONS_A_SHARD * c->http_shards;
	if (!c->queue_redis_url) c->queue_redis_url = mem_must(strdup(c->redis_url));
	if (c->queue_bypass_per_s == SETTING_UNSET) c->queue_bypass_per_s = c->queue_admit_per_s;
}

/* Apache Kafka's rule for names of topics. */
static bool is_topic(const char *s)
{
	size_t n = strlen(s);
	return n <= 249 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n &&
		strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* Every item of a comma-separated list; none is empty. */
static bool all_items(const char *list, bool (*ok)(const char *item, size_t n))
{
	for (;; list++) {
		size_t n = strcspn(list, ",");
		if (!ok(list, n)) return false;
		list += n;
		if (!*list) return true;
	}
}

static bool is_port(const char *s, size_t n)
{
	char text[6] = "";
	int64_t port;

	if (n >= sizeof text) return false;
	memcpy(text, s, n);
	return parse_int(text, 1, 65535, &port);
}

static bool is_broker(const char *item, size_t n)
{
	const char *colon = memrchr(item, ':', n);

	if (colon && (colon == item || !is_port(colon + 1, (size_t)(item + n - colon - 1)))) return false;
	return n > 0 && memchr(item, ' ', n) == NULL;
}

/* RFC 6454, section 6.2: scheme://host[:port], nothing behind. */
static bool is_origin(const char *item, size_t n)
{
	size_t scheme = strncmp(item, "http://", 7) == 0 ? 7 : strncmp(item, "https://", 8) == 0 ? 8 : 0;
	return scheme && n > scheme && strcspn(item + scheme, "/ \t?#") >= n - scheme;
}

static bool is_payments_own(const struct config *c, const char *topic)
{
	size_t n = strlen(c->topic_payment);
	return strncmp(topic, c->topic_payment, n) == 0 && (topic[n] == '\0' || strcmp(topic + n, ".dlq") == 0);
}

static bool is_http_url(const char *s)
{
	return strncmp(s, "http://", 7) == 0 && s[7] && !strchr("/:?#", s[7]);
}

static const char *clash_of_both(const struct config *c)
{
	if (!is_topic(c->topic_payment)) return "TICKET_TOPIC_PAYMENT is no name of a Kafka topic";
	if (!is_topic(c->topic_reservation)) return "TICKET_TOPIC_RESERVATION is no name of a Kafka topic";
	if (!all_items(c->kafka_brokers, is_broker)) return "TICKET_KAFKA_BROKERS is no list of host:port";
	if (!c->queue_secret && !c->jwt_secret) return "TICKET_QUEUE_SECRET or TICKET_JWT_SECRET is required";
	if (is_payments_own(c, c->topic_reservation)) {
		return "TICKET_TOPIC_RESERVATION must not be the topic of TICKET_TOPIC_PAYMENT, nor of its dead letters";
	}
	return NULL;
}

static const char *clash_of_api(const struct config *c)
{
	if (c->auth == AUTH_JWT && !c->jwt_secret) return "TICKET_JWT_SECRET is required with TICKET_AUTH=jwt";
	if (c->cors_origins && !all_items(c->cors_origins, is_origin)) return "TICKET_CORS_ORIGINS is no list of origins";
	if (c->hold_store == HOLD_STORE_DB) return "TICKET_HOLD_STORE=db is not built yet: use redis";
	if (c->queue_url && !is_http_url(c->queue_url)) return "TICKET_QUEUE_URL is no http:// address";
	if (c->role == ROLE_BOOKING && !c->queue_url) return "TICKET_QUEUE_URL is required with TICKET_ROLE=booking";
	if (c->database_connections < DB_CONNECTIONS_A_SHARD_MIN * c->http_shards + DB_CONNECTIONS_BACKSTAGE) {
		return "TICKET_DATABASE_CONNECTIONS must be at least 2 for each of TICKET_HTTP_SHARDS, and 2 for the jobs";
	}
	return NULL;
}

static bool check_between(const struct config *c, enum config_daemon who, char *why, size_t n)
{
	const char *clash = who & FOR_API ? clash_of_api(c) : NULL;

	if (!clash) clash = clash_of_both(c);
	if (clash) snprintf(why, n, "%s", clash);
	return !clash;
}

static const char *environment(const char *name)
{
	return getenv(name);
}

/* An empty variable is an unset one: compose files pass those they were not given as empty. */
static const char *text_of(const struct setting *s, enum config_daemon who, const char *(*getenv_)(const char *))
{
	const char *text = s->who & who ? getenv_(s->env) : NULL;

	return text && *text ? text : NULL;
}

static bool load_rows(
	struct config *c, enum config_daemon who, const char *(*getenv_)(const char *), char *why, size_t n)
{
	for (int i = 0; i < SETTINGS; i++) {
		if (!load_row(c, &SETTING[i], text_of(&SETTING[i], who, getenv_), why, n)) return false;
	}
	fill_dependent(c);
	return check_between(c, who, why, n);
}

bool config_load(struct config *ret, enum config_daemon who, const char *(*getenv_)(const char *), char *why, size_t n)
{
	struct config c = {0};

	if (!load_rows(&c, who, getenv_ ? getenv_ : environment, why, n)) {
		config_finish(&c);
		return false;
	}
	*ret = c;
	return true;
}

bool config_one_redis(const struct config *c)
{
	return strcmp(c->queue_redis_url, c->redis_url) == 0;
}

void config_finish(struct config *c)
{
	for (int i = 0; i < SETTINGS; i++) {
		char **text = setting_field(&SETTING[i], c);

		if (SETTING[i].type != SETTING_IS_STR) continue;
		free(*text);
		*text = NULL;
	}
}
