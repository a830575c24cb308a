/* auth_token - each client sends a token: the smallest plugin for both sides.
 *
 * Everyone who can read the connection can read the token. Without a secure transport, both sides
 * refuse to use it, unless the option "insecure" is set. */
#include <spore/auth.h>
#include <stdlib.h>

/* The options of one instance, filled by the host. */
struct conf {
	spore_str token;
	const char *identity;
	uint32_t insecure;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, token, SPORE_OPTF_REQUIRED, "what the client sends"),
	SPORE_STRING(struct conf, identity, 0, "\"guest\"", "names the client in logs"),
	SPORE_BOOL(struct conf, insecure, 0, "false",
	           "use it even if others can read the connection"),
};

struct token {
	const spore_host *host;
	spore_ctx *ctx;
	const struct conf *conf;
};

/* [main] The instance is read-only after this, so all workers share it. */
static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct token *token;

	if (conf->token.len > SPORE_AUTH_ANSWER_MAX) {
		args->report(args, "/token", "expected at most 232 bytes");
		return SPORE_ECONFIG;
	}
	token = malloc(sizeof *token);
	if (!token)
		return SPORE_ENOMEM;
	*token = (struct token){ args->host, args->ctx, conf };
	*instance_out = token;
	return SPORE_OK;
}

/* Takes the same time for wrong and right texts of the same length. */
static int is_token(const struct token *token, spore_str text)
{
	const spore_str *right = &token->conf->token;

	return text.len == right->len && token->host->equal(text.ptr, right->ptr, text.len);
}

/* [worker] */
static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct token *token = state;
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(token->conf->identity),
	};

	if (!rq->secure && !token->conf->insecure) {
		spore_logf(token->host, token->ctx, SPORE_LOG_WARN,
		           "a client sent its token over an insecure connection: refused");
		return SPORE_DENY;
	}
	if (!is_token(token, rq->answer))
		return SPORE_NEXT;
	token->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

/* [worker] */
static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct token *token = state;

	if (!rq->secure && !token->conf->insecure) {
		spore_logf(token->host, token->ctx, SPORE_LOG_WARN,
		           "no token is sent: the connection is not secure");
		return SPORE_EUNSUPPORTED;
	}
	token->host->complete_answer(ticket, SPORE_OK, token->conf->token);
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "token",
	.summary = "a token that each client sends",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
};

SPORE_PLUGIN("auth_token", "0.1.0", "Your name", "MIT", "https://plugin.example", &component);
