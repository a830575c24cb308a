/* auth_silent - needs no answer, so no Challenge is sent. It allows the peer in its option. */
#include "probe.h"

struct conf {
	spore_addr peer;
};

static const spore_option options[] = {
	SPORE_IP(struct conf, peer, SPORE_OPTF_REQUIRED, NULL, "the address that is let in"),
};

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	static const uint8_t none[16];
	const struct conf *conf = arg;

	(void)ticket;
	if (rq->answer.len > 0 || memcmp(rq->challenge, none, sizeof none) != 0)
		return SPORE_EPROTO;
	return memcmp(rq->peer->ip, conf->peer.ip, sizeof conf->peer.ip) == 0 ? SPORE_ALLOW
	                                                                      : SPORE_NEXT;
}

static uint32_t needs_challenge(void *conf)
{
	(void)conf;
	return 0;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.needs_challenge = needs_challenge,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "silent",
	.summary = "judges by address",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_keep_conf,
	.destroy = probe_drop_conf,
};

SPORE_PLUGIN("auth_silent", "1.0.0", "The Spore authors", "MIT", "", &component);
