/* auth_password - a client answers with its name and its password (../common/password_answer.h).
 *
 * Whoever gets such an answer can use it anywhere. So the client gives it only on a connection that
 * is confidential and whose server has proved who it is, and only to a server that asks for
 * passwords. The answer is the same for every challenge. create() makes it, and refuses a name or a
 * password that does not fit. Instances are read-only after create(), so all workers share one. */
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/client/identity.h"
#include "../common/password_answer.h"
#include "../common/report.h"

struct conf {
	const char *identity;
	spore_str password;
};

struct client {
	const spore_host *host;
	spore_ctx *log;
	size_t len;
	char answer[SPORE_AUTH_ANSWER_MAX];
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, identity, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the client's name, as in the server's file of passwords"),
	SPORE_SECRET(struct conf, password, SPORE_OPTF_REQUIRED, "the client's password"),
};

static void destroy(void *instance)
{
	struct client *client = instance;

	explicit_bzero(client, sizeof *client);
	free(client);
}

static bool check(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = spore_may_be_secure(args);

	if (!good)
		report(args, "",
		       "expected a secure transport, such as tls that verifies the server, found "
		       "none");
	if (!identity_is_good(spore_cstr(conf->identity))) {
		report(args, "/identity",
		       "expected a name of 1 to 255 bytes of UTF-8 without control characters");
		good = false;
	}
	if (memchr(conf->password.ptr, '\0', conf->password.len)) {
		report(args, "/password", "expected a password without zero bytes, found one");
		good = false;
	}
	return good;
}

static bool make_answer(struct client *client, const spore_create_args *args)
{
	const struct conf *conf = args->conf;

	if (!check(args))
		return false;
	client->len = password_answer_write(spore_cstr(conf->identity), conf->password,
	                                    client->answer);
	if (!client->len)
		report(args, "",
		       "the name and the password are too long: percent-encoded, they may have "
		       "%d bytes together",
		       PASSWORD_ANSWER_ROOM);
	return client->len > 0;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client)
		return SPORE_ENOMEM;
	client->host = args->host;
	client->log = args->ctx;
	if (!make_answer(client, args)) {
		destroy(client);
		return SPORE_ECONFIG;
	}
	*instance_out = client;
	return SPORE_OK;
}

/* Why the server must not get the password; NULL: it may get it. */
static const char *find_obstacle(const spore_answer_request *rq)
{
	if (!rq->secure)
		return "this connection is not secure: use the transport tls, and let it verify "
		       "the server";
	if (!(spore_challenge_offers(rq->challenge) & SPORE_OFFER_PASSWORDS))
		return "the server does not accept passwords";
	return NULL;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct client *client = state;
	const char *obstacle = find_obstacle(rq);

	if (obstacle) {
		spore_logf(client->host, client->log, SPORE_LOG_ERROR, "no answer given: %s",
		           obstacle);
		return SPORE_EUNSUPPORTED;
	}
	client->host->complete_answer(ticket, SPORE_OK, (spore_str){ client->answer, client->len });
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.answer = answer,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "password",
	.summary = "a name and a password over TLS, for a server with htpasswd",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_password", "1.0.0", "The Spore authors", "MIT", "", &component);
