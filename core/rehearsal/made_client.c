#include "rehearsal/made_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/shorthands.h"
#include "json/jsonout.h"

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

static void write_list(struct jsonout *json, const char *key)
{
	jsonout_begin(json, key, '[');
	jsonout_begin(json, NULL, '{');
}

static void end_list(struct jsonout *json)
{
	jsonout_end(json, '}');
	jsonout_end(json, ']');
}

static void write_auth(const struct made_client *client, struct jsonout *json)
{
	const struct shorthand_client *kind = client->kind;

	write_list(json, "auth");
	jsonout_text(json, "use", kind->use);
	if (client->name && kind->name_key)
		jsonout_text(json, kind->name_key, client->name);
	if (kind->takes_path) {
		jsonout_text(json, kind->secret_key, client->secret_file);
	} else {
		jsonout_begin(json, kind->secret_key, '{');
		jsonout_text(json, "file", client->secret_file);
		jsonout_end(json, '}');
	}
	end_list(json);
}

static void write_client(const struct made_client *client, FILE *out)
{
	struct jsonout json = { .out = out };

	jsonout_begin(&json, NULL, '{');
	jsonout_begin(&json, "client", '{');
	jsonout_text(&json, "to", client->server);
	jsonout_end(&json, '}');
	write_list(&json, "tunnels");
	jsonout_int(&json, "local_port", 1);
	end_list(&json);
	if (client->kind->transport) {
		write_list(&json, "transport");
		jsonout_text(&json, "use", client->kind->transport);
		end_list(&json);
	}
	write_auth(client, &json);
	jsonout_end(&json, '}');
}

int made_client_open(const struct made_client *client, struct err *err)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int ends[2] = { -1, -1 };
	bool good = false;

	if (out) {
		write_client(client, out);
		good = fclose(out) == 0;
	}
	if (!good)
		errno = ENOMEM;
	/* A pipe has no folder, so paths start from the working directory. It holds the text. */
	good = good && pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], text, len) == (ssize_t)len;
	if (!good) {
		err_set_call(err, "pipe2", errno);
		if (ends[0] >= 0)
			close(ends[0]);
	}
	if (ends[1] >= 0)
		close(ends[1]);
	free(text);
	return good ? ends[0] : -1;
}
