#include "plugin/kind.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <spore/check.h>
#include <spore/events.h>
#include <spore/route.h>
#include <spore/transport.h>
#include <stdio.h>
#include <string.h>

enum { SERVER = SPORE_ROLE_SERVER, CLIENT = SPORE_ROLE_CLIENT, BOTH = SERVER | CLIENT };

#define STREAM_SLOT(name)                                                                          \
	{                                                                                          \
#name, offsetof(spore_stream_ops, name), BOTH                                      \
	}

static const struct kind_slot stream_slots[] = {
	STREAM_SLOT(handshake), STREAM_SLOT(readv), STREAM_SLOT(writev),
	STREAM_SLOT(shutdown),  STREAM_SLOT(close), { NULL, 0, 0 },
};

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
		.table = { "stream_ops", offsetof(spore_transport_ops, stream_ops),
	                   SPORE_TRANSPORTF_NO_STREAM, stream_slots },
		.flag = SPORE_TRANSPORTF_SECURE,
		.flag_name = "secure",
		.server_flag = SPORE_TRANSPORTF_TELLS_PEER,
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
	{
		.id = SPORE_KIND_EVENTS,
		.name = "events",
		.roles = SERVER,
		.slots = { [EVENTS_TAKE] = { "take", offsetof(spore_events_ops, take), SERVER } },
		.queue = true,
	},
	{
		.id = SPORE_KIND_ROUTE,
		.name = "route",
		.roles = SERVER,
		.slots = { [ROUTE_LOOK] = { "look", offsetof(spore_route_ops, look), SERVER } },
	},
	{
		.id = SPORE_KIND_CHECK,
		.name = "check",
		.roles = CLIENT,
		.slots = { [CHECK_REQUEST] = { "request", offsetof(spore_check_ops, request),
	                                       CLIENT },
	                   [CHECK_JUDGE] = { "judge", offsetof(spore_check_ops, judge), CLIENT } },
	},
};
const size_t n_kind_rows = sizeof kind_rows / sizeof *kind_rows;

/* How every table of functions begins. Only in the ops of a kind the second member is `flags`; in
 * other tables it is reserved. */
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

/* The pointer at that offset; NULL also if the table is too short for it. */
static const void *pointer_at(const struct ops_head *ops, size_t offset)
{
	const void *pointer = NULL;

	if (ops && ops->struct_size >= offset + sizeof pointer)
		memcpy(&pointer, (const char *)ops + offset, sizeof pointer);
	return pointer;
}

bool kind_has_slot(const spore_component *component, const struct kind_slot *slot)
{
	return pointer_at(component->ops, slot->offset) != NULL;
}

static bool has_flag(const struct ops_head *ops, uint32_t flag)
{
	return ops && SPORE_HAS(ops, flags) && ops->flags & flag;
}

uint32_t kind_roles(const spore_component *component)
{
	const struct kind *kind = kind_find(component->kind);
	uint32_t roles = kind ? kind->roles : 0;

	for (size_t i = 0; kind && i < KIND_MAX_SLOTS && kind->slots[i].name; i++) {
		if (!kind_has_slot(component, &kind->slots[i]))
			roles &= ~kind->slots[i].roles;
	}
	if (kind && has_flag(component->ops, kind->server_flag))
		roles &= SERVER;
	return roles;
}

const char *kind_table_lack(const spore_component *component, char *out, size_t size)
{
	const struct kind *kind = kind_find(component->kind);
	const struct kind_table *table = kind ? &kind->table : NULL;
	const struct ops_head *ops = component->ops, *found;

	if (!table || !table->name)
		return NULL;
	found = pointer_at(ops, table->offset);
	if (!found)
		return has_flag(ops, table->unless) ? NULL : table->name;
	for (const struct kind_slot *slot = table->slots; slot->name; slot++) {
		if (!pointer_at(found, slot->offset)) {
			snprintf(out, size, "%s.%s", table->name, slot->name);
			return out;
		}
	}
	return NULL;
}

bool kind_has_flag(const spore_component *component)
{
	const struct kind *kind = kind_find(component->kind);

	return kind && kind->flag_name && has_flag(component->ops, kind->flag);
}
