/* transport_teller - adds nothing to a connection, but tells the host in wrap() who the peer is, or
 * does not although it says that it does. */
#include <spore/transport.h>

#include "probe.h"

struct conf {
	spore_addr peer;
};

static const spore_option options[] = {
	SPORE_ADDR(struct conf, peer, 0, NULL, "the address that it tells; default: it tells none"),
};

struct instance {
	PROBE_FIELDS;
};

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	const struct instance *instance = state;
	const struct conf *conf = instance->conf;

	if (conf->peer.family)
		instance->host->conn_set_peer(args->conn, &conf->peer);
	*upper_out = args->lower;
	return SPORE_OK;
}

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_TRANSPORTF_NO_STREAM | SPORE_TRANSPORTF_TELLS_PEER,
	.wrap = wrap,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "teller",
	.summary = "tells who the peer is",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("transport_teller", "1.0.0", "The Spore authors", "MIT", "", &component);
