/* auth_hmac - authentication by one shared secret, as in bore.
 *
 *   key    = SHA-256(secret)
 *   answer = lower-case hex of HMAC-SHA256(key, the challenge's 16 bytes)
 *
 * Between Spore peers the answer may be bound to the transport's session (../common/binding.h) and
 * have a name in front (../common/named.h).
 *
 * create() derives the key once; an answer costs one HMAC. Instances are read-only after create(),
 * except for an atomic count, so all workers share one without a lock. */
#include <openssl/crypto.h>
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/binding.h"
#include "../common/bore_key.h"
#include "../common/named.h"
#include "../common/pace.h"

struct conf {
	spore_str secret;
	const char *identity; /* or NULL */
	int64_t binding;      /* enum binding_mode */
};

struct hmac {
	const spore_host *host;
	spore_ctx *log;
	int64_t binding;
	spore_str identity; /* borrowed from the configuration; empty: none */
	struct bore_key key;
	struct pace unbound;  /* lines about answers without a binding */
	struct pace refusals; /* logged ones */
};

/* The longest encoded name, with its colon, in front of a tag. */
enum { NAME_MAX_SIZE = SPORE_AUTH_ANSWER_MAX - BORE_HEX_SIZE };

static const spore_option options[] = {
	SPORE_SECRET(struct conf, secret, SPORE_OPTF_REQUIRED | SPORE_OPTF_UNIQUE,
	             "secret shared by both ends"),
	SPORE_STRING(
		struct conf, identity, 0, NULL,
		"the client's name. A client sends it to a Spore server in front of its answer. A "
		"server gives it to every client that knows the secret, and denies other names"),
	SPORE_ENUM(
		struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
		"bind answers to the TLS session, so that a man in the middle cannot relay them"),
};

/* What is wrong with the identity; NULL: nothing. */
static const char *identity_fault(spore_str identity)
{
	for (size_t i = 0; i < identity.len; i++) {
		if ((unsigned char)identity.ptr[i] < ' ' || identity.ptr[i] == '\x7F')
			return "expected a name without control characters";
	}
	if (identity.len == 0)
		return "expected a name, found an empty text";
	return named_size(identity) > NAME_MAX_SIZE
	               ? "too long: percent-encoded, a name may have 167 bytes"
	               : NULL;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	spore_str identity = conf->identity ? spore_cstr(conf->identity) : (spore_str){ NULL, 0 };
	const char *fault = conf->identity ? identity_fault(identity) : NULL;
	struct hmac *hmac;

	if (fault) {
		args->report(args, "/identity", fault);
		return SPORE_ECONFIG;
	}
	if (!binding_is_possible(args, conf->binding))
		return SPORE_ECONFIG;
	hmac = calloc(1, sizeof *hmac);
	if (!hmac)
		return SPORE_ENOMEM;
	if (!bore_key_init(&hmac->key, conf->secret)) {
		args->report(args, "", "OpenSSL has no SHA-256");
		free(hmac);
		return SPORE_EUNSUPPORTED;
	}
	hmac->host = args->host;
	hmac->log = args->ctx;
	hmac->binding = conf->binding;
	hmac->identity = identity;
	*instance_out = hmac;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	struct hmac *hmac = instance;

	bore_key_fini(&hmac->key);
	free(hmac);
}

/* `session`: the channel binding; empty for bore's plain answer. */
static bool compute_tag(const struct hmac *hmac, const uint8_t challenge[16], spore_str session,
                        uint8_t tag_out[BORE_TAG_SIZE])
{
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	struct binding_message message;
	bool good = scratch && binding_message_init(&message, challenge, session) &&
	            bore_key_tag(&hmac->key, scratch, message.bytes, message.len, tag_out);

	EVP_MD_CTX_free(scratch);
	return good;
}

/* 1: the tag is correct, 0: it is not, -1: OpenSSL failed. */
static int check_tag(const struct hmac *hmac, const spore_auth_request *rq, spore_str session,
                     const uint8_t given[BORE_TAG_SIZE])
{
	uint8_t expected[BORE_TAG_SIZE];
	int is_right = -1;

	if (compute_tag(hmac, rq->challenge, session, expected))
		is_right = CRYPTO_memcmp(expected, given, BORE_TAG_SIZE) == 0;
	OPENSSL_cleanse(expected, sizeof expected);
	return is_right;
}

/* Anyone who knows the secret can cause this, so the lines are limited. */
static void log_unbound(struct hmac *hmac, const spore_auth_request *rq)
{
	if (!pace_allows_line(&hmac->unbound, hmac->host, hmac->log, SPORE_LOG_WARN,
	                      "answers without a binding"))
		return;
	spore_logf(
		hmac->host, hmac->log, SPORE_LOG_WARN,
		rq->channel_binding.len
			? "the secret is correct, but the answer is not bound to the TLS session, "
			  "which \"binding\": \"require\" demands: does the client set binding?"
			: "the secret is correct, but this connection has no TLS session to bind "
			  "the answer to, which \"binding\": \"require\" demands");
}

static bool is_identity(const struct hmac *hmac, spore_str name)
{
	if (name.len != hmac->identity.len)
		return false;
	return name.len == 0 || memcmp(name.ptr, hmac->identity.ptr, name.len) == 0;
}

/* A client without a name may be any client, such as bore's. */
static bool is_wrong_name(const struct hmac *hmac, const char *name)
{
	return *name && !is_identity(hmac, spore_cstr(name));
}

/* All clients have the same identity and the same session, since they have the same secret. */
static int32_t allow(const struct hmac *hmac, spore_ticket ticket)
{
	spore_auth_result result = { .struct_size = sizeof result, .identity = hmac->identity };

	if (!hmac->identity.len)
		return SPORE_ALLOW;
	hmac->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. A renewal is not logged: its answer may be right for the next instance, and
 * then each renewal of this tunnel comes here. */
static int32_t pass_on(struct hmac *hmac, const char *name, uint32_t purpose)
{
	if (purpose == SPORE_AUTH_RENEW || !pace_allows_line(&hmac->refusals, hmac->host, hmac->log,
	                                                     SPORE_LOG_INFO, "refused answers"))
		return SPORE_NEXT;
	if (*name)
		spore_logf(hmac->host, hmac->log, SPORE_LOG_INFO, "the answer of %s is refused: %s",
		           name,
		           is_wrong_name(hmac, name) ? "\"identity\" is another name"
		                                     : "its secret is wrong");
	else
		spore_logf(hmac->host, hmac->log, SPORE_LOG_INFO,
		           "an answer without a name does not fit the secret");
	return SPORE_NEXT;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct hmac *hmac = state;
	struct named_answer named;
	uint8_t given[BORE_TAG_SIZE];
	int plain, bound = 0;

	if (!named_parse(rq->answer, &named) || !bore_tag_parse(named.proof, given))
		return SPORE_NEXT;
	if (is_wrong_name(hmac, named.name))
		return pass_on(hmac, named.name, rq->purpose);
	if (hmac->binding != BINDING_OFF && rq->channel_binding.len)
		bound = check_tag(hmac, rq, rq->channel_binding, given);
	plain = check_tag(hmac, rq, (spore_str){ NULL, 0 }, given);
	if (plain < 0 || bound < 0)
		return SPORE_EBACKEND;
	if (plain && hmac->binding == BINDING_REQUIRE) {
		log_unbound(hmac, rq);
		return SPORE_UNBOUND;
	}
	return plain || bound ? allow(hmac, ticket) : pass_on(hmac, named.name, rq->purpose);
}

/* *session_out: what the answer is bound to; empty: nothing. False: binding is required, but
 * impossible. */
static bool choose_session(const struct hmac *hmac, const spore_answer_request *rq,
                           spore_str *session_out)
{
	const char *why = NULL;

	*session_out = (spore_str){ NULL, 0 };
	if (hmac->binding == BINDING_OFF)
		return true;
	if (!rq->channel_binding.len)
		why = "this connection has no TLS session to bind the answer to";
	else if (!spore_challenge_binds(rq->challenge))
		why = "the server does not bind answers to the TLS session, or a proxy "
		      "between ends that session";
	else
		*session_out = rq->channel_binding;
	if (!why || hmac->binding == BINDING_PREFER)
		return true;
	spore_logf(hmac->host, hmac->log, SPORE_LOG_ERROR,
	           "no answer given: %s, and \"binding\" is \"require\"", why);
	return false;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct hmac *hmac = state;
	uint8_t tag[BORE_TAG_SIZE];
	char text[SPORE_AUTH_ANSWER_MAX];
	size_t name_size = 0;
	spore_str session;

	if (!choose_session(hmac, rq, &session))
		return SPORE_EUNSUPPORTED;
	if (!compute_tag(hmac, rq->challenge, session, tag))
		return SPORE_EBACKEND;
	/* A bore server expects the tag alone. */
	if (hmac->identity.len && spore_challenge_offers(rq->challenge)) {
		name_size = named_size(hmac->identity);
		named_write(hmac->identity, text);
	}
	bore_tag_print(tag, text + name_size);
	hmac->host->complete_answer(ticket, SPORE_OK,
	                            (spore_str){ text, name_size + BORE_HEX_SIZE });
	return SPORE_EPENDING;
}

static uint32_t needs_challenge(void *instance)
{
	const struct hmac *hmac = instance;

	return hmac->binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN : SPORE_CHALLENGE_BINDS;
}

static int32_t has_identity(void *instance, spore_str identity)
{
	return is_identity(instance, identity);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.needs_challenge = needs_challenge,
	.has_identity = has_identity,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "hmac",
	.summary = "one secret shared by both ends (HMAC-SHA256, as in bore)",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_hmac", "1.0.0", "The Spore authors", "MIT", "", &component);
