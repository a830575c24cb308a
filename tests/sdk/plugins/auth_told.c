/* auth_told - logs what each client says about itself, to verify() and at the end of its session.
 * It allows everybody, or only clients with a tag. */
#include "probe.h"

struct conf {
	uint32_t silent;
	const char *tag;
	int64_t accepts;
};

static const spore_option options[] = {
	SPORE_BOOL(struct conf, silent, 0, NULL, "needs no Challenge"),
	SPORE_STRING(struct conf, tag, 0, NULL, "KEY=VALUE that a client must have"),
	SPORE_INT(struct conf, accepts, 0, "0", 0, 0xFFFF, "forms of answers: SPORE_OFFER_*"),
};

struct instance {
	PROBE_FIELDS;
};

/* One line of the log. A text that does not fit is cut. */
struct line {
	char text[2048];
	size_t len;
};

static void put(struct line *line, spore_str text)
{
	size_t room = sizeof line->text - line->len;
	size_t n = text.len < room ? text.len : room;

	if (n > 0)
		memcpy(line->text + line->len, text.ptr, n);
	line->len += n;
}

static spore_str hosts_of(const spore_client_info *client, struct line *line)
{
	for (size_t i = 0; i < client->n_hosts; i++) {
		put(line, spore_cstr(i ? " " : ""));
		put(line, client->hosts[i]);
	}
	return (spore_str){ line->text, line->len };
}

static spore_str tags_of(const spore_client_info *client, struct line *line)
{
	for (size_t i = 0; i < client->n_tags; i++) {
		put(line, spore_cstr(i ? " " : ""));
		put(line, client->tags[i].key);
		put(line, spore_cstr(":"));
		put(line, client->tags[i].value);
	}
	return (spore_str){ line->text, line->len };
}

static spore_str number_text(uint32_t number, char text[16])
{
	return (spore_str){ text, (size_t)snprintf(text, 16, "%u", number) };
}

static void log_client(const struct instance *instance, const char *event, uint32_t purpose,
                       const spore_client_info *client)
{
	struct line hosts = { .len = 0 }, tags = { .len = 0 };
	char numbers[3][16];
	const spore_kv fields[] = {
		{ spore_cstr("purpose"), number_text(purpose, numbers[0]) },
		{ spore_cstr("known"), number_text(client->known, numbers[1]) },
		{ spore_cstr("port"), number_text(client->port, numbers[2]) },
		{ spore_cstr("name"), client->name },
		{ spore_cstr("version"), client->version },
		{ spore_cstr("hosts"), hosts_of(client, &hosts) },
		{ spore_cstr("tags"), tags_of(client, &tags) },
	};

	instance->host->log(instance->ctx, SPORE_LOG_INFO, spore_cstr(event), fields,
	                    sizeof fields / sizeof *fields);
}

static int has_tag(const spore_client_info *client, const char *wanted)
{
	size_t len = strcspn(wanted, "=");
	spore_str key = { wanted, len };

	for (size_t i = 0; i < client->n_tags; i++) {
		if (probe_same(client->tags[i].key, key) &&
		    probe_same(client->tags[i].value, spore_cstr(wanted + len + 1)))
			return 1;
	}
	return 0;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct instance *instance = arg;

	(void)ticket;
	log_client(instance, "told", rq->purpose, rq->client);
	if (rq->purpose == SPORE_AUTH_DATA || !instance->conf->tag)
		return SPORE_ALLOW;
	return has_tag(rq->client, instance->conf->tag) ? SPORE_ALLOW : SPORE_DENY;
}

static void session_end(void *arg, const spore_session_end *end)
{
	log_client(arg, "told at the end", 0, end->client);
}

static uint32_t needs_challenge(void *arg)
{
	const struct instance *instance = arg;

	return (instance->conf->silent ? SPORE_CHALLENGE_NONE : SPORE_CHALLENGE_PLAIN) |
	       SPORE_CHALLENGE_ACCEPTS(instance->conf->accepts);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.session_end = session_end,
	.needs_challenge = needs_challenge,
};

static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
	.session_end = session_end,
	.needs_challenge = needs_challenge,
};

static const spore_component told = {
	.struct_size = sizeof told,
	.kind = SPORE_KIND_AUTH,
	.name = "told",
	.summary = "logs what clients say",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

static const spore_component told_blocking = {
	.struct_size = sizeof told_blocking,
	.kind = SPORE_KIND_AUTH,
	.name = "told_blocking",
	.summary = "the same on a pool",
	.ops = &blocking_ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = probe_create,
	.destroy = free,
};

SPORE_PLUGIN("auth_told", "1.0.0", "The Spore authors", "MIT", "", &told, &told_blocking);
