/* route_sni - reads the name of the server in the first message of a TLS client, without
 * decrypting anything.
 *
 * Where a transport has ended TLS below, it takes the name from there. */
#include <spore/route.h>
#include <stdio.h>
#include <stdlib.h>

#include "hello.h"

struct sni {
	const spore_host *host;
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct sni *sni = malloc(sizeof *sni);

	if (!sni)
		return SPORE_ENOMEM;
	sni->host = args->host;
	*instance_out = sni;
	return SPORE_OK;
}

/* The name that the transport below knows. */
static int has_known_name(const struct sni *sni, const spore_route_query *query,
                          spore_route_result *out)
{
	spore_str name;

	if (!query->conn || !sni->host->conn_attr(query->conn, "tls.sni", 0, &name))
		return 0;
	if (name.len == 0 || name.len >= sizeof out->name)
		return 0;
	memcpy(out->name, name.ptr, name.len);
	return 1;
}

static int32_t look(void *state, const spore_route_query *query, spore_route_result *out)
{
	struct hello hello;

	if (has_known_name(state, query, out))
		return SPORE_ROUTE_NAME;
	switch (hello_read((const uint8_t *)query->head.ptr, query->head.len, &hello)) {
	case HELLO_MORE:
		out->need = (uint32_t)hello.need;
		return SPORE_ROUTE_MORE;
	case HELLO_NAME:
		memcpy(out->name, hello.name, sizeof hello.name);
		return SPORE_ROUTE_NAME;
	case HELLO_NO_NAME:
		return SPORE_ROUTE_NONE;
	case HELLO_WRONG:
		snprintf(out->reason, sizeof out->reason, "TLS: %s", hello.why);
		return SPORE_DENY;
	case HELLO_OTHER:
		break;
	}
	return SPORE_NEXT;
}

static const spore_route_ops ops = {
	.struct_size = sizeof ops,
	.look = look,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ROUTE,
	.name = "sni",
	.summary = "the server name that a TLS client asks for; nothing is decrypted",
	.ops = &ops,
	.create = create,
	.destroy = free,
};

SPORE_PLUGIN("route_sni", "1.0.0", "The Spore authors", "MIT", "", &component);
