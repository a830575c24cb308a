/* auth_hmac - one secret that both ends share; bore's own authentication.
 *
 *   key    = SHA-256(secret)
 *   answer = lower-case hex of HMAC-SHA256(key, the challenge's 16 bytes)
 *
 * The key is made once, in create(); an answer costs one HMAC and takes no lock: instances are
 * read-only after create(), so all workers share one. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <spore/auth.h>
#include <stdlib.h>

enum { KEY_SIZE = 32, TAG_SIZE = 32, HEX_SIZE = 2 * TAG_SIZE };

struct conf {
	spore_str secret;
};

struct hmac {
	const spore_host *host;
	uint8_t key[KEY_SIZE];
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
	if (EVP_Digest(conf->secret.ptr, conf->secret.len, hmac->key, NULL, EVP_sha256(), NULL) != 1) {
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

	OPENSSL_cleanse(hmac->key, sizeof hmac->key);
	free(hmac);
}

static int compute_tag(const struct hmac *hmac, const uint8_t challenge[16], uint8_t tag_out[TAG_SIZE])
{
	return HMAC(EVP_sha256(), hmac->key, KEY_SIZE, challenge, 16, tag_out, NULL) != NULL;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* Upper case is accepted, as bore's server does. */
static int parse_hex(spore_str text, uint8_t tag_out[TAG_SIZE])
{
	if (text.len != HEX_SIZE)
		return 0;
	for (size_t i = 0; i < TAG_SIZE; i++) {
		int hi = hex_value(text.ptr[2 * i]), lo = hex_value(text.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return 0;
		tag_out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 1;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	uint8_t expected[TAG_SIZE], given[TAG_SIZE];
	int32_t verdict = SPORE_NEXT;

	(void)ticket;
	if (!compute_tag(state, rq->challenge, expected))
		return SPORE_EBACKEND;
	if (parse_hex(rq->answer, given) && CRYPTO_memcmp(expected, given, TAG_SIZE) == 0)
		verdict = SPORE_ALLOW;
	OPENSSL_cleanse(expected, sizeof expected);
	return verdict;
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	static const char digits[] = "0123456789abcdef";
	const struct hmac *hmac = state;
	uint8_t tag[TAG_SIZE];
	char hex[HEX_SIZE];

	if (!compute_tag(hmac, rq->challenge, tag))
		return SPORE_EBACKEND;
	for (size_t i = 0; i < TAG_SIZE; i++) {
		hex[2 * i] = digits[tag[i] >> 4];
		hex[2 * i + 1] = digits[tag[i] & 15];
	}
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
