/* check_http - a service is up if it answers a GET with an expected status. */
#include <spore/check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"

struct conf {
	const char *path, *host, *status;
};

enum { MAX_TEXT = 1024 };

static const spore_option options[] = {
	SPORE_STRING(struct conf, path, SPORE_OPTF_NOT_EMPTY, "\"/\"",
	             "what the check asks for, such as \"/healthz\""),
	SPORE_STRING(
		struct conf, host, SPORE_OPTF_NOT_EMPTY, NULL,
		"the header Host; default: the service's host and port, or localhost for a unix "
		"socket"),
	SPORE_STRING(struct conf, status, SPORE_OPTF_NOT_EMPTY, "\"200-399\"",
	             "the statuses of a service that is up, such as \"200-299, 401\""),
};

/* ---- the request ---- */

static int write_host(const struct conf *conf, const spore_check_target *target, char *out,
                      size_t size)
{
	if (conf->host)
		return snprintf(out, size, "%s", conf->host);
	if (target->port == 0)
		return snprintf(out, size, "localhost");
	return snprintf(out, size, strchr(target->host, ':') ? "[%s]:%u" : "%s:%u", target->host,
	                (unsigned)target->port);
}

/* A path and a host of MAX_TEXT bytes fit. A longer host can only be the name of a service, which
 * no connection reaches. */
static size_t request(void *state, const spore_check_target *target, char *out, size_t size)
{
	const struct conf *conf = state;
	char host[MAX_TEXT + 1];
	int len;

	write_host(conf, target, host, sizeof host);
	len = snprintf(out, size,
	               "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: spore-check\r\nAccept: */*\r\n"
	               "Connection: close\r\n\r\n",
	               conf->path, host);
	return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* ---- the reply ---- */

static int32_t judge(void *state, const spore_check_target *target, const spore_check_reply *reply,
                     spore_check_result *out)
{
	const struct conf *conf = state;
	int status = reply_status(reply->bytes.ptr, reply->bytes.len);

	(void)target;
	if (status == REPLY_MORE)
		return SPORE_CHECK_MORE;
	if (status != REPLY_INVALID && reply_is_expected(conf->status, status))
		return SPORE_CHECK_UP;
	if (status == REPLY_INVALID)
		snprintf(out->why, sizeof out->why, "its reply is not HTTP/1");
	else
		snprintf(out->why, sizeof out->why, "status %d", status);
	return SPORE_CHECK_DOWN;
}

/* ---- the instance ---- */

/* Nothing in it ends a line of the request, or a word. */
static bool is_word(const char *text)
{
	size_t len = strlen(text);

	if (len > MAX_TEXT)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F)
			return false;
	}
	return true;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	spore_status status = SPORE_OK;

	if (conf->path[0] != '/' || !is_word(conf->path)) {
		args->report(args, "/path",
		             "expected a path that begins with \"/\", without blanks and control "
		             "characters, of at most 1024 bytes");
		status = SPORE_ECONFIG;
	}
	if (conf->host && !is_word(conf->host)) {
		args->report(args, "/host",
		             "expected a host without blanks and control characters, of at most "
		             "1024 bytes");
		status = SPORE_ECONFIG;
	}
	if (!reply_is_list(conf->status)) {
		args->report(args, "/status",
		             "expected statuses from 100 to 999, such as \"200-299, 401\"");
		status = SPORE_ECONFIG;
	}
	*instance_out = (void *)(uintptr_t)conf; /* the host keeps it */
	return status;
}

/* The host frees the options, which are all that there is. */
static void destroy(void *instance)
{
	(void)instance;
}

static const spore_check_ops ops = {
	.struct_size = sizeof ops,
	.request = request,
	.judge = judge,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_CHECK,
	.name = "http",
	.summary = "a service is up if it answers a GET with an expected status",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("check_http", "1.0.0", "The Spore authors", "MIT", "", &component);
