#include "plugin/kind.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <spore/transport.h>
#include <string.h>

enum { SERVER = SPORE_ROLE_SERVER, CLIENT = SPORE_ROLE_CLIENT, BOTH = SERVER | CLIENT };

const struct kind kind_rows[] = {
	{
		.id = SPORE_KIND_AUTH,
		.name = "auth",
		.roles = BOTH,
		.slots = { [AUTH_VERIFY] = { "verify", offsetof(spore_auth_ops, verify), SERVER },
	                   [AUTH_ANSWER] = { "answer", offsetof(spore_auth_ops, answer), CLIENT } },
		.flag = SPORE_AUTHF_BLOCKING,
		.flag_name = "blocking",
		.on_error = true,
	},
	{
		.id = SPORE_KIND_TRANSPORT,
		.name = "transport",
		.roles = BOTH,
		.slots = { [TRANSPORT_WRAP] = { "wrap", offsetof(spore_transport_ops, wrap),
	                                        BOTH } },
		.flag = SPORE_TRANSPORTF_SECURE,
		.flag_name = "secure",
	},
	{
		.id = SPORE_KIND_ACL,
		.name = "acl",
		.roles = SERVER,
		.slots = { [ACL_CHECK] = { "check", offsetof(spore_acl_ops, check), SERVER } },
		.flag = SPORE_ACLF_CONN,
		.flag_name = "connection",
	},
	{
		.id = SPORE_KIND_METRICS,
		.name = "metrics",
		.roles = BOTH,
		.single_worker = true,
	},
};
const size_t n_kind_rows = sizeof kind_rows / sizeof *kind_rows;

/* The ops of every kind begin so. */
struct ops_head {
	uint32_t struct_size, flags;
};

const struct kind *kind_find(uint32_t id)
{
	for (size_t i = 0; i < n_kind_rows; i++) {
		if (kind_rows[i].id == id)
			return &kind_rows[i];
	}
	return NULL;
}

const char *kind_name(uint32_t id)
{
	const struct kind *kind = kind_find(id);

	return kind ? kind->name : "unknown";
}

bool kind_has_slot(const spore_component *component, const struct kind_slot *slot)
{
	const struct ops_head *ops = component->ops;
	void (*function)(void) = NULL;

	if (ops && ops->struct_size >= slot->offset + sizeof function)
		memcpy(&function, (const char *)component->ops + slot->offset, sizeof function);
	return function != NULL;
}

uint32_t kind_roles(const spore_component *component)
{
	const struct kind *kind = kind_find(component->kind);
	uint32_t roles = kind ? kind->roles : 0;

	for (size_t i = 0; kind && i < KIND_MAX_SLOTS && kind->slots[i].name; i++) {
		if (!kind_has_slot(component, &kind->slots[i]))
			roles &= ~kind->slots[i].roles;
	}
	return roles;
}

bool kind_has_flag(const spore_component *component)
{
	const struct kind *kind = kind_find(component->kind);
	const struct ops_head *ops = component->ops;

	return kind && kind->flag_name && ops && SPORE_HAS(ops, flags) && ops->flags & kind->flag;
}
