/* auth_hmac - authentication by one shared secret, as in bore.
 *
 *   key    = SHA-256(secret)
 *   answer = lower-case hex of HMAC-SHA256(key, the challenge's 16 bytes)
 *
 * Between Spore peers the answer may be bound to the transport's session: see ../common/binding.h.
 *
 * create() derives the key once; an answer costs one HMAC. Instances are read-only after create(),
 * so all workers share one without a lock. */
#include <openssl/crypto.h>
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/binding.h"
#include "../common/bore_key.h"

struct conf {
	spore_str secret;
	int64_t binding; /* enum binding_mode */
};

struct hmac {
	const spore_host *host;
	spore_ctx *log;
	int64_t binding;
	struct bore_key key;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, secret, SPORE_OPTF_REQUIRED, "secret shared by both ends"),
	SPORE_ENUM(
		struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
		"bind answers to the TLS session, so that a man in the middle cannot relay them"),
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct hmac *hmac = calloc(1, sizeof *hmac);

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
static int check_tag(const struct hmac *hmac, const spore_auth_request *rq, spore_str binding,
                     const uint8_t given[BORE_TAG_SIZE])
{
	uint8_t expected[BORE_TAG_SIZE];
	int right = -1;

	if (compute_tag(hmac, rq->challenge, binding, expected))
		right = CRYPTO_memcmp(expected, given, BORE_TAG_SIZE) == 0;
	OPENSSL_cleanse(expected, sizeof expected);
	return right;
}

static void log_unbound(const struct hmac *hmac, const spore_auth_request *rq)
{
	spore_logf(
		hmac->host, hmac->log, SPORE_LOG_WARN,
		rq->channel_binding.len
			? "the secret is correct, but the answer is not bound to the TLS session, "
			  "which \"binding\": \"require\" demands: does the client set binding?"
			: "the secret is correct, but this connection has no TLS session to bind "
			  "the answer to, which \"binding\": \"require\" demands");
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct hmac *hmac = state;
	uint8_t given[BORE_TAG_SIZE];
	int plain, bound = 0;

	(void)ticket;
	if (!bore_tag_parse(rq->answer, given))
		return SPORE_NEXT;
	if (hmac->binding != BINDING_OFF && rq->channel_binding.len)
		bound = check_tag(hmac, rq, rq->channel_binding, given);
	plain = check_tag(hmac, rq, (spore_str){ NULL, 0 }, given);
	if (plain < 0 || bound < 0)
		return SPORE_EBACKEND;
	if (plain && hmac->binding == BINDING_REQUIRE) {
		log_unbound(hmac, rq);
		return SPORE_NEXT;
	}
	return plain || bound ? SPORE_ALLOW : SPORE_NEXT;
}

/* Sets the session that the answer is bound to; empty: none. 0: binding is required but impossible.
 */
static int choose_binding(const struct hmac *hmac, const spore_answer_request *rq, spore_str *out)
{
	const char *why = NULL;

	*out = (spore_str){ NULL, 0 };
	if (hmac->binding == BINDING_OFF)
		return 1;
	if (!rq->channel_binding.len)
		why = "this connection has no TLS session to bind the answer to";
	else if (!spore_challenge_binds(rq->challenge))
		why = "the server does not bind answers to the TLS session, or a proxy "
		      "between ends that session";
	else
		*out = rq->channel_binding;
	if (!why || hmac->binding == BINDING_PREFER)
		return 1;
	spore_logf(hmac->host, hmac->log, SPORE_LOG_ERROR,
	           "no answer given: %s, and \"binding\" is \"require\"", why);
	return 0;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct hmac *hmac = state;
	uint8_t tag[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE];
	spore_str binding;

	if (!choose_binding(hmac, rq, &binding))
		return SPORE_EUNSUPPORTED;
	if (!compute_tag(hmac, rq->challenge, binding, tag))
		return SPORE_EBACKEND;
	bore_tag_print(tag, hex);
	hmac->host->complete_answer(ticket, SPORE_OK, (spore_str){ hex, sizeof hex });
	return SPORE_EPENDING;
}

static uint32_t needs_challenge(void *instance)
{
	const struct hmac *hmac = instance;

	return hmac->binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN : SPORE_CHALLENGE_BINDS;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.needs_challenge = needs_challenge,
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
