#include "primary.h"

#include <stdio.h>
#include <stdlib.h>

#include "refusal.h"

static void dial(struct primary *primary);

/* ---- the end of an attempt ---- */

static int64_t pause_of(const struct primary *primary)
{
	unsigned doublings = primary->failures > 1 ? primary->failures - 1 : 0;
	int64_t pause = doublings < 8 ? (int64_t)PRIMARY_PAUSE_MIN_MS << doublings
	                              : PRIMARY_PAUSE_MAX_MS;
	uint8_t random = 0;

	if (pause > PRIMARY_PAUSE_MAX_MS)
		pause = PRIMARY_PAUSE_MAX_MS;
	primary->conf->host->random(&random, sizeof random);
	/* A random part, from a half to all of the pause, so that the workers do not all connect at
	 * once. */
	return pause / 2 + pause * random / 510;
}

/* Ends the attempt or the connection, and begins the pause. The next attempt asks another
 * Sentinel. */
static void fail(struct primary *primary, const char *why)
{
	bool was_ready = primary->stage == PRIMARY_READY, has_lasted;

	conn_close(&primary->conn);
	primary->conf->host->resolve_stop(primary->resolve);
	primary->resolve = (spore_resolve){ 0 };
	if (primary->conf->n_sentinels)
		primary->sentinel = (primary->sentinel + 1) % primary->conf->n_sentinels;
	has_lasted = was_ready &&
	             primary->conf->host->now_ms() - primary->ready_ms > PRIMARY_PAUSE_MAX_MS;
	primary->failures = has_lasted ? 1 : primary->failures + 1;
	primary->stage = PRIMARY_IDLE;
	primary->conf->host->timer_update(primary->timer, pause_of(primary), 0);
	primary->on_lost(primary->arg, why, was_ready);
}

static void on_end(void *arg, const char *why)
{
	struct primary *primary = arg;

	fail(primary, why);
}

void primary_give_up(struct primary *primary, const char *why)
{
	if (primary->stage != PRIMARY_IDLE)
		fail(primary, why);
}

/* ---- a stage ---- */

static bool send_texts(struct primary *primary, const char *a, const char *b, const char *c)
{
	spore_str words[3] = { spore_cstr(a), spore_cstr(b), spore_cstr(c) };

	primary->expected++;
	return conn_send(&primary->conn, 1 + (b != NULL) + (c != NULL), words);
}

static bool send_login(struct primary *primary, spore_str user, spore_str password)
{
	static const spore_str auth = { "AUTH", 4 };
	spore_str words[3] = { auth, user, password };

	if (!password.ptr)
		return true;
	if (!user.ptr)
		words[1] = password;
	primary->expected++;
	primary->is_auth = true;
	return conn_send(&primary->conn, user.ptr ? 3 : 2, words);
}

static bool ask_sentinel(struct primary *primary)
{
	const struct primary_conf *conf = primary->conf;

	if (!send_login(primary, conf->sentinel_user, conf->sentinel_password))
		return false;
	if (primary->is_sentry)
		return send_texts(primary, "SUBSCRIBE", "+switch-master", NULL);
	return send_texts(primary, "SENTINEL", "get-master-addr-by-name", conf->master);
}

static bool log_in(struct primary *primary)
{
	const struct primary_conf *conf = primary->conf;
	char number[24];

	snprintf(number, sizeof number, "%lld", (long long)conf->database);
	return send_login(primary, conf->user, conf->password) &&
	       (!conf->database || send_texts(primary, "SELECT", number, NULL)) &&
	       (!conf->n_sentinels || send_texts(primary, "ROLE", NULL, NULL)) &&
	       send_texts(primary, "PING", NULL, NULL);
}

static void on_open(void *arg)
{
	struct primary *primary = arg;
	bool is_sent;

	primary->expected = 0;
	primary->is_auth = false;
	is_sent = primary->stage == PRIMARY_FIND ? ask_sentinel(primary) : log_in(primary);
	if (!is_sent)
		fail(primary, "out of memory");
}

static bool is_text(const redisReply *reply)
{
	return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
	       strlen(reply->str) == (size_t)reply->len;
}

/* Reads the address that a Sentinel names. False: *why says why it is none, or may not be used. */
static bool read_place(const struct primary_conf *conf, const char *host, const char *port,
                       struct place *out, const char **why)
{
	char text[PLACE_HOST_MAX + 16];
	int n = snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);

	*why = "the Sentinel's reply is not an address";
	if (n < 0 || (size_t)n >= sizeof text || !place_parse(out, text, 0))
		return false;
	out->tls = conf->tls;
	*why = "the Sentinel names another machine, which needs \"tls\": true, or \"insecure\": "
	       "true";
	return conf->tls || conf->insecure || place_is_local(out);
}

static bool is_pair(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	       is_text(reply->element[0]) && is_text(reply->element[1]);
}

/* Goes on to the primary that the Sentinel has named. */
static void take_place(struct primary *primary, const redisReply *reply)
{
	struct place place;
	const char *why = "the Sentinel's reply is not an address";

	if (reply->type == REDIS_REPLY_NIL) {
		fail(primary, "the Sentinel knows no primary with the name of the option master");
	} else if (!is_pair(reply) || !read_place(primary->conf, reply->element[0]->str,
	                                          reply->element[1]->str, &place, &why)) {
		fail(primary, why);
	} else {
		conn_close(&primary->conn);
		primary->place = place;
		primary->stage = PRIMARY_LOG_IN;
		dial(primary);
	}
}

bool primary_read_switch(const struct primary_conf *conf, const char *message, struct place *out)
{
	char name[PLACE_HOST_MAX + 1], host[PLACE_HOST_MAX + 1], port[8];
	const char *why;

	return sscanf(message, "%255s %*s %*s %255s %7s", name, host, port) == 3 &&
	       strcmp(name, conf->master) == 0 && read_place(conf, host, port, out, &why);
}

static void become_ready(struct primary *primary)
{
	primary->stage = PRIMARY_READY;
	primary->ready_ms = primary->conf->host->now_ms();
	primary->on_ready(primary->arg);
}

static bool is_role_of_primary(const redisReply *reply)
{
	return reply->elements >= 1 && is_text(reply->element[0]) &&
	       strcmp(reply->element[0]->str, "master") == 0;
}

/* Takes a reply of the log-in. Only the reply to ROLE is an array. */
static void check_login(struct primary *primary, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ARRAY && !is_role_of_primary(reply)) {
		fail(primary, "the Sentinel has named a Redis that is not a primary");
		return;
	}
	if (primary->expected == 0)
		become_ready(primary);
}

static void take_refusal(struct primary *primary, const char *text, bool is_auth)
{
	const char *who = primary->stage == PRIMARY_FIND ? "the Sentinel" : "Redis";
	char why[CONN_WHY_MAX];

	if (is_auth)
		refusal_of_login(who, text, why, sizeof why);
	else
		snprintf(why, sizeof why, "%s refuses: %s", who, text);
	fail(primary, why);
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct primary *primary = arg;
	bool is_auth = primary->is_auth;

	if (primary->stage == PRIMARY_READY) {
		primary->on_reply(primary->arg, reply);
		return;
	}
	primary->expected--;
	primary->is_auth = false;
	if (reply->type == REDIS_REPLY_ERROR) {
		take_refusal(primary, reply->str, is_auth);
	} else if (primary->stage == PRIMARY_LOG_IN) {
		check_login(primary, reply);
	} else if (primary->expected == 0 && primary->is_sentry) {
		become_ready(primary);
	} else if (primary->expected == 0) {
		take_place(primary, reply);
	}
}

/* ---- dialling ---- */

static void open_connection(struct primary *primary, const spore_addr *address)
{
	char why[CONN_WHY_MAX];

	if (!conn_open(&primary->conn, &primary->place, address, why))
		fail(primary, why);
}

static void on_resolved(void *arg, spore_status status, const spore_addr *addresses, size_t n)
{
	struct primary *primary = arg;

	primary->resolve = (spore_resolve){ 0 };
	if (status == SPORE_OK)
		open_connection(primary, &addresses[primary->failures % n]);
	else
		fail(primary, "its host name has no address");
}

/* Connects to primary->place, for the stage that has been set. */
static void dial(struct primary *primary)
{
	const spore_host *host = primary->conf->host;
	spore_addr address = { 0 };

	host->timer_update(primary->timer, primary->conf->connect_ms, 0);
	if (primary->place.path || place_address(&primary->place, &address))
		open_connection(primary, &address);
	else if (host->resolve(primary->worker, primary->place.host, primary->place.port,
	                       on_resolved, primary, &primary->resolve) != SPORE_OK)
		fail(primary, "its host name cannot be looked up now");
}

static void begin_attempt(struct primary *primary)
{
	const struct primary_conf *conf = primary->conf;

	if (primary->has_moved) {
		primary->stage = PRIMARY_LOG_IN;
		primary->place = primary->moved_to;
	} else {
		primary->stage = conf->n_sentinels ? PRIMARY_FIND : PRIMARY_LOG_IN;
		primary->place = conf->n_sentinels ? conf->sentinels[primary->sentinel]
		                                   : conf->place;
	}
	primary->has_moved = false;
	dial(primary);
}

/* The pause is over, or a stage has taken too long. */
static void on_timer(void *arg)
{
	struct primary *primary = arg;

	switch (primary->stage) {
	case PRIMARY_IDLE:
		begin_attempt(primary);
		break;
	case PRIMARY_FIND:
		fail(primary, "the Sentinel does not answer in time (connect_timeout)");
		break;
	case PRIMARY_LOG_IN:
		fail(primary, "Redis does not answer in time (connect_timeout)");
		break;
	case PRIMARY_READY:
		break;
	}
}

/* ---- the connection ---- */

bool primary_start(struct primary *primary)
{
	const spore_host *host = primary->conf->host;

	primary->stage = PRIMARY_IDLE;
	primary->conn = (struct conn){
		.host = host,
		.worker = primary->worker,
		.on_open = on_open,
		.on_reply = on_reply,
		.on_end = on_end,
		.arg = primary,
	};
	return host->timer_start(primary->worker, 0, 0, on_timer, primary, &primary->timer) ==
	       SPORE_OK;
}

void primary_stop(struct primary *primary)
{
	conn_close(&primary->conn);
	primary->conf->host->resolve_stop(primary->resolve);
	primary->conf->host->timer_stop(primary->timer);
	primary->stage = PRIMARY_IDLE;
}

bool primary_send(struct primary *primary, int n, const spore_str *words)
{
	return primary->stage == PRIMARY_READY && conn_send(&primary->conn, n, words);
}

void primary_move(struct primary *primary, const struct place *place)
{
	bool is_there = primary->stage == PRIMARY_READY && primary->place.port == place->port &&
	                strcmp(primary->place.host, place->host) == 0;

	if (is_there)
		return;
	primary->moved_to = *place;
	primary->has_moved = true;
	primary_give_up(primary, "a Sentinel names another primary");
	primary->conf->host->timer_update(primary->timer, 0, 0);
}

void primary_print(const struct primary *primary, char *out, size_t size)
{
	place_print(&primary->place, out, size);
}
