/* auth_hmac - one secret that both ends share; bore's own authentication.
 *
 *   key    = SHA-256(secret)
 *   answer = lower-case hex of HMAC-SHA256(key, the challenge's 16 bytes)
 *
 * The key is made once, in create(); an answer costs one HMAC and takes no lock: instances are
 * read-only after create(), so all workers share one. */
#include <openssl/crypto.h>
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/bore_key.h"

struct conf {
	spore_str secret;
};

struct hmac {
	const spore_host *host;
	struct bore_key key;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, secret, SPORE_OPTF_REQUIRED, "secret that both ends share"),
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
	*instance_out = hmac;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	struct hmac *hmac = instance;

	bore_key_fini(&hmac->key);
	free(hmac);
}

static bool compute_tag(const struct hmac *hmac, const uint8_t challenge[16],
                        uint8_t tag_out[BORE_TAG_SIZE])
{
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	bool good = scratch && bore_key_tag(&hmac->key, scratch, challenge, 16, tag_out);

	EVP_MD_CTX_free(scratch);
	return good;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	uint8_t expected[BORE_TAG_SIZE], given[BORE_TAG_SIZE];
	int32_t verdict = SPORE_NEXT;

	(void)ticket;
	if (!compute_tag(state, rq->challenge, expected))
		return SPORE_EBACKEND;
	if (bore_tag_parse(rq->answer, given) && CRYPTO_memcmp(expected, given, sizeof given) == 0)
		verdict = SPORE_ALLOW;
	OPENSSL_cleanse(expected, sizeof expected);
	return verdict;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct hmac *hmac = state;
	uint8_t tag[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE];

	if (!compute_tag(hmac, rq->challenge, tag))
		return SPORE_EBACKEND;
	bore_tag_print(tag, hex);
	hmac->host->complete_answer(ticket, SPORE_OK, (spore_str){ hex, sizeof hex });
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
	.name = "hmac",
	.summary = "one secret that both ends share (HMAC-SHA256, as bore)",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_hmac", "1.0.0", "The Spore authors", "MIT", "", &component);
