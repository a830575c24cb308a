#include "rehearsal/made_client.h"

#include <stdio.h>
#include <string.h>

const struct shorthand_client *made_client_kind(const char *name)
{
	for (size_t i = 0; i < n_shorthand_clients; i++) {
		if (strcmp(shorthand_clients[i].use, name) == 0)
			return &shorthand_clients[i];
	}
	return NULL;
}

const char *made_client_kinds(char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < n_shorthand_clients && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s",
		                        i == 0                         ? ""
		                        : i + 1 == n_shorthand_clients ? " or "
		                                                       : ", ",
		                        shorthand_clients[i].use);
	return out;
}

static void add_value(struct made_command *made, const struct shorthand *shorthand,
                      const char *text, const char *origin)
{
	struct command_value *value = &made->command.flags[made->command.n_flags++];

	*value = (struct command_value){ .shorthand = shorthand, .text = text };
	snprintf(value->origin, sizeof value->origin, "%s", origin);
}

/* Adds the value of an option of the auth instance, for which `spore local` may have no flag. */
static void add_auth_option(struct made_command *made, enum shorthand_type type, const char *key,
                            const char *text, const char *origin)
{
	struct shorthand *row = &made->rows[made->n_rows];
	char *target = made->targets[made->n_rows++];

	snprintf(target, MADE_TARGET, "/auth[%s]/%s", made->client->kind->use, key);
	*row = (struct shorthand){
		.name = key, .roles = ROLE_LOCAL, .type = type, .target = target
	};
	add_value(made, row, text, origin);
}

static void add_transport(struct made_command *made, const char *use)
{
	struct shorthand *row = &made->rows[made->n_rows];
	char *target = made->targets[made->n_rows++];

	snprintf(target, MADE_TARGET, "/transport[%s]", use);
	*row = (struct shorthand){
		.name = use, .roles = ROLE_LOCAL, .type = SHORTHAND_ENTRY, .target = target
	};
	add_value(made, row, "true", "--kind");
}

const struct command *made_client_command(const struct made_client *client,
                                          struct made_command *made)
{
	const struct shorthand_client *kind = client->kind;

	*made = (struct made_command){ .client = client, .command.purpose = CONFIG_TO_CHECK };
	add_value(made, shorthand_find(ROLE_LOCAL, "to"), client->server, "--to");
	/* A client must have a local port. No tunnel will use this one. */
	add_value(made, shorthand_find(ROLE_LOCAL, "local_port"), "1", "--client");
	if (kind->transport)
		add_transport(made, kind->transport);
	add_auth_option(made, kind->takes_path ? SHORTHAND_TEXT : SHORTHAND_FILE, kind->secret_key,
	                client->secret_file, client->secret_origin);
	if (client->name && kind->name_key)
		add_auth_option(made, SHORTHAND_TEXT, kind->name_key, client->name, "--name");
	return &made->command;
}
