#include "host/grant.h"

#include <stdlib.h>
#include <string.h>

struct grant *grant_new(const spore_auth_result *result)
{
	spore_auth_result r = { 0 };
	struct grant *grant = calloc(1, sizeof *grant);

	if (!grant)
		return NULL;
	if (result)
		SPORE_COPY(&r, result);
	grant->fields = r.fields;
	grant->session = r.session;
	grant->max_tunnels = r.max_tunnels;
	grant->max_conns = r.max_conns;
	grant->life_ms = r.life_ms;
	grant->identity = strndup(r.identity.ptr ? r.identity.ptr : "", r.identity.len);
	grant->reason = strndup(r.reason.ptr ? r.reason.ptr : "", r.reason.len);
	if (r.fields & SPORE_AUTH_F_PORTS && r.n_ports) {
		grant->ports = calloc(r.n_ports, sizeof *grant->ports);
		if (grant->ports)
			memcpy(grant->ports, r.ports, r.n_ports * sizeof *r.ports);
		grant->n_ports = r.n_ports;
	}
	if (!grant->identity || !grant->reason || (grant->n_ports && !grant->ports)) {
		grant_free(grant);
		return NULL;
	}
	return grant;
}

struct grant *grant_copy(const struct grant *grant)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.fields = grant->fields,
		.identity = spore_cstr(grant->identity),
		.reason = spore_cstr(grant->reason),
		.session = grant->session,
		.ports = grant->ports,
		.n_ports = grant->n_ports,
		.max_tunnels = grant->max_tunnels,
		.max_conns = grant->max_conns,
		.life_ms = grant->life_ms,
	};

	return grant_new(&result);
}

void grant_free(struct grant *grant)
{
	if (!grant)
		return;
	free(grant->identity);
	free(grant->reason);
	free(grant->ports);
	free(grant);
}

bool grant_has_port(const struct grant *grant, uint16_t port)
{
	if (!(grant->fields & SPORE_AUTH_F_PORTS))
		return true;
	for (size_t i = 0; i < grant->n_ports; i++) {
		if (port >= grant->ports[i].lo && port <= grant->ports[i].hi)
			return true;
	}
	return false;
}
