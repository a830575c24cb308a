#include "claim.h"

#include <spore/verifier.h>

#include "../named.h"

static void add_message(struct claim *claim, const spore_auth_request *rq, spore_str session)
{
	if (binding_message_init(&claim->messages[claim->n_messages], rq->challenge, session))
		claim->n_messages++;
}

void claim_init(struct claim *claim, const spore_host *host, const spore_auth_request *rq,
                int64_t binding)
{
	struct named_answer named;

	*claim = (struct claim){ .purpose = rq->purpose, .session = rq->session };
	claim->hint = spore_hmac_hint(host, rq->answer);
	if (!named_parse(rq->answer, &named))
		return;
	memcpy(claim->name, named.name, sizeof claim->name);
	claim->has_tag = bore_tag_parse(named.proof, claim->tag);
	if (binding != BINDING_OFF && rq->channel_binding.len)
		add_message(claim, rq, rq->channel_binding);
	if (binding != BINDING_REQUIRE)
		add_message(claim, rq, (spore_str){ NULL, 0 });
}

bool claim_is_proved(const struct claim *claim, const spore_host *host,
                     const uint8_t key[CLAIM_KEY_SIZE])
{
	uint8_t tag[BORE_TAG_SIZE];

	for (size_t i = 0; claim->has_tag && i < claim->n_messages; i++) {
		const struct binding_message *message = &claim->messages[i];

		if (host->hmac_sha256(key, CLAIM_KEY_SIZE, message->bytes, message->len, tag) ==
		            SPORE_OK &&
		    host->equal(tag, claim->tag, sizeof tag))
			return true;
	}
	return false;
}

uint64_t claim_session(const spore_host *host, const char *identity)
{
	uint8_t digest[32];
	uint64_t session = 0;

	host->sha256(identity, strlen(identity), digest);
	for (size_t i = 0; i < sizeof session; i++)
		session = session << 8 | digest[i];
	return session ? session : 1;
}
