/* AUTH, SELECT, INFO, SCRIPT LOAD of every script: then the connection is ready. */
#include <hiredis/hiredis.h>
#include <string.h>

#include "adapter/redis/client_inside.h"

static void bind_auth(struct redis_args *a, struct port_call *c)
{
	struct redis *r = container_of(c, struct redis, greeting);
	if (r->url.user[0]) redis_arg(a, r->url.user, strlen(r->url.user));
	redis_arg(a, r->url.password, strlen(r->url.password));
}

static void bind_select(struct redis_args *a, struct port_call *c)
{
	redis_arg_int(a, container_of(c, struct redis, greeting)->url.db);
}

static void bind_info(struct redis_args *a, struct port_call *c)
{
	(void)c;
	redis_arg(a, "server", 6);
}

static void bind_load(struct redis_args *a, struct port_call *c)
{
	struct redis *r = container_of(c, struct redis, greeting);
	const char *text = r->text[r->greeted++];
	redis_arg(a, "LOAD", 4);
	redis_arg(a, text, strlen(text));
}

static void greeted_simply(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	(void)reply;
	if (tk_failed(err)) container_of(c, struct redis, greeting)->broken = true;
}

static void greeted_info(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct redis *r = container_of(c, struct redis, greeting);
	const char *at = NULL;
	if (!tk_failed(err) && reply->type == REDIS_REPLY_STRING) at = strstr(reply->str, "\nrun_id:");
	if (!at || strlen(at += strlen("\nrun_id:")) < REDIS_RUN_ID) {
		r->broken = true;
		return;
	}
	memcpy(r->run_id, at, REDIS_RUN_ID);
	r->run_id[REDIS_RUN_ID] = 0;
}

static void become_ready(struct redis *r)
{
	r->state = READY;
	r->ready_since_ms = loop_now_ms(r->loop);
	if (++r->life == 0) r->life = 1;
}

static void greeted_load(struct port_call *c, struct tk_err err, const redisReply *reply)
{
	struct redis *r = container_of(c, struct redis, greeting);
	if (tk_failed(err) || reply->type != REDIS_REPLY_STRING || reply->len != REDIS_SHA) {
		r->broken = true;
		return;
	}
	memcpy(r->sha[r->greeted++], reply->str, REDIS_SHA);
	if (r->greeted == SCRIPT_COUNT) become_ready(r);
}

static const struct redis_op GREET_AUTH = {.command = "AUTH", .bind = bind_auth, .replied = greeted_simply};
static const struct redis_op GREET_SELECT = {.command = "SELECT", .bind = bind_select, .replied = greeted_simply};
static const struct redis_op GREET_INFO = {.command = "INFO", .bind = bind_info, .replied = greeted_info};
static const struct redis_op GREET_LOAD = {.command = "SCRIPT", .bind = bind_load, .replied = greeted_load};

static void send_greeting(struct redis *r, const struct redis_op *op)
{
	redis_send(r, op, &r->greeting, r->greet_by_ms);
}

void redis_greet(struct redis *r)
{
	r->state = GREETING;
	if (r->url.password[0]) send_greeting(r, &GREET_AUTH);
	if (r->url.db) send_greeting(r, &GREET_SELECT);
	send_greeting(r, &GREET_INFO);
	r->greeted = 0; /* counts the texts sent, then the hashes received */
	for (int i = 0; i < SCRIPT_COUNT; i++) send_greeting(r, &GREET_LOAD);
	r->greeted = 0;
}
