/* auth_options - an option of every type; create() writes the values to a file, one NAME VALUE per
 * line, and reports mistakes at the places that an option lists. */
#include <arpa/inet.h>

#include "probe.h"

struct server {
	const char *host;
	int64_t port;
};

struct nested {
	int64_t depth;
	struct server inner;
};

struct conf {
	const char *dump;
	uint32_t flag, flag_default;
	int64_t whole, whole_default;
	double number;
	const char *text, *text_default, *path;
	spore_str secret, secret_file, secret_env;
	int64_t duration, duration_default;
	int64_t size;
	int64_t choice, choice_default;
	spore_addr addr, ip;
	int64_t port;
	spore_list ports;
	spore_cidr cidr;
	spore_sha256 digest;
	const char *full_text;
	spore_list full_list, paths;
	spore_map full_map;
	spore_list texts, servers, durations;
	spore_map numbers, secrets, people;
	struct nested nested;
	const spore_cfg *anything;
	spore_list complain;
};

static const spore_option server_rows[] = {
	SPORE_STRING(struct server, host, SPORE_OPTF_REQUIRED, NULL, "its name"),
	SPORE_PORT(struct server, port, 0, "389", 1, 65535, "its port"),
};
static const spore_option_item server_item = { SPORE_OPT_OBJECT, sizeof(struct server), server_rows,
	                                       2, sizeof(spore_option) };
static const spore_option inner_rows[] = {
	SPORE_STRING(struct server, host, 0, "\"nobody\"", "its name"),
	SPORE_PORT(struct server, port, 0, "389", 1, 65535, "its port"),
};
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct server), inner_rows,
	                                      2, sizeof(spore_option) };
static const spore_option nested_rows[] = {
	SPORE_INT(struct nested, depth, 0, "1", 0, 9, "how deep"),
	SPORE_OBJECT(struct nested, inner, struct server, 0, &inner_item, "a server in it"),
};
static const spore_option_item nested_item = { SPORE_OPT_OBJECT, sizeof(struct nested), nested_rows,
	                                       2, sizeof(spore_option) };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option_item int_item = { SPORE_OPT_INT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option_item duration_item = { SPORE_OPT_DURATION, sizeof(int64_t), NULL, 0, 0 };
static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_STRING(struct conf, dump, SPORE_OPTF_REQUIRED | SPORE_OPTF_PATH, NULL,
	             "where values go"),
	SPORE_BOOL(struct conf, flag, 0, NULL, "yes or no"),
	SPORE_BOOL(struct conf, flag_default, 0, "true", "yes or no"),
	SPORE_INT(struct conf, whole, 0, NULL, -5, 5, "a small number"),
	SPORE_INT(struct conf, whole_default, 0, "-3", -5, 5, "a small number"),
	SPORE_NUMBER(struct conf, number, 0, "0.25", "any number"),
	SPORE_STRING(struct conf, text, 0, NULL, "a text"),
	SPORE_STRING(struct conf, text_default, 0, "\"as \\u00e9ver\"", "a text"),
	SPORE_STRING(struct conf, path, SPORE_OPTF_PATH, NULL, "a file"),
	SPORE_SECRET(struct conf, secret, 0, "a secret"),
	SPORE_SECRET(struct conf, secret_file, 0, "a secret"),
	SPORE_SECRET(struct conf, secret_env, 0, "a secret"),
	SPORE_DURATION(struct conf, duration, 0, NULL, 10, 60000, "a while"),
	SPORE_DURATION(struct conf, duration_default, 0, "\"1.5s\"", 1, 0, "a while"),
	SPORE_SIZE(struct conf, size, 0, "\"2k\"", 1, 1 << 20, "how much"),
	SPORE_ENUM(struct conf, choice, 0, NULL, "red|green|blue", "a colour"),
	SPORE_ENUM(struct conf, choice_default, 0, "\"blue\"", "red|green|blue", "a colour"),
	SPORE_ADDR(struct conf, addr, 0, "\"127.0.0.1:80\"", "an address with a port"),
	SPORE_IP(struct conf, ip, 0, "\"::1\"", "an address"),
	SPORE_PORT(struct conf, port, 0, "8080", 1024, 65535, "a port"),
	SPORE_PORTS(struct conf, ports, 0, "\"1000-2000\"", "ports"),
	SPORE_CIDR(struct conf, cidr, 0, "\"10.0.0.0/8\"", "a prefix"),
	SPORE_SHA256(struct conf, digest, 0, NULL, "a digest"),
	SPORE_STRING(struct conf, full_text, SPORE_OPTF_NOT_EMPTY, NULL, "a text"),
	SPORE_LIST(struct conf, full_list, SPORE_OPTF_NOT_EMPTY, &text_item, "texts"),
	SPORE_MAP(struct conf, full_map, SPORE_OPTF_NOT_EMPTY, &int_item, "numbers by name"),
	SPORE_LIST(struct conf, paths, SPORE_OPTF_PATH, &text_item, "files"),
	SPORE_LIST(struct conf, texts, 0, &text_item, "texts"),
	SPORE_LIST(struct conf, servers, 0, &server_item, "servers"),
	SPORE_LIST(struct conf, durations, 0, &duration_item, "whiles"),
	SPORE_MAP(struct conf, numbers, 0, &int_item, "numbers by name"),
	SPORE_MAP(struct conf, secrets, 0, &secret_item, "secrets by name"),
	SPORE_MAP(struct conf, people, 0, &server_item, "servers by name"),
	SPORE_OBJECT(struct conf, nested, struct nested, 0, &nested_item, "a struct in a struct"),
	SPORE_NODE(struct conf, anything, 0, "whatever it is"),
	SPORE_LIST(struct conf, complain, 0, &text_item, "pointers that create() reports"),
};

static void put_addr(FILE *out, const char *name, const spore_addr *addr)
{
	char text[64];

	inet_ntop(AF_INET6, addr->ip, text, sizeof text);
	fprintf(out, "%s %s family=%u port=%u\n", name, text, addr->family, addr->port);
}

static void put_secret(FILE *out, const char *name, spore_str secret)
{
	int ended = secret.ptr && secret.ptr[secret.len] == '\0';

	fprintf(out, "%s %.*s %s\n", name, (int)secret.len, secret.len ? secret.ptr : "",
	        ended ? "ended" : "-");
}

static void put_server(FILE *out, const char *name, const struct server *server)
{
	fprintf(out, "%s %s:%lld\n", name, server->host ? server->host : "-",
	        (long long)server->port);
}

static void put_plain(FILE *out, const struct conf *c)
{
	fprintf(out, "flag %u %u\n", c->flag, c->flag_default);
	fprintf(out, "whole %lld %lld\n", (long long)c->whole, (long long)c->whole_default);
	fprintf(out, "number %.17g\n", c->number);
	fprintf(out, "text %s|%s|%s\n", c->text ? c->text : "-", c->text_default,
	        c->path ? c->path : "-");
	put_secret(out, "secret", c->secret);
	put_secret(out, "secret_file", c->secret_file);
	put_secret(out, "secret_env", c->secret_env);
	fprintf(out, "duration %lld %lld\n", (long long)c->duration,
	        (long long)c->duration_default);
	fprintf(out, "size %lld\n", (long long)c->size);
	fprintf(out, "choice %lld %lld\n", (long long)c->choice, (long long)c->choice_default);
	put_addr(out, "addr", &c->addr);
	put_addr(out, "ip", &c->ip);
	fprintf(out, "port %lld\n", (long long)c->port);
}

static void put_lists(FILE *out, const struct conf *c)
{
	const spore_port_range *ranges = c->ports.items;
	const char *const *texts = c->texts.items;
	const struct server *servers = c->servers.items;
	const int64_t *durations = c->durations.items;
	spore_addr net = { .family = (uint8_t)c->cidr.family,
		           .port = (uint16_t)c->cidr.prefix_len };

	for (size_t i = 0; i < c->ports.count; i++)
		fprintf(out, "ports %u-%u\n", ranges[i].lo, ranges[i].hi);
	memcpy(net.ip, c->cidr.ip, sizeof net.ip);
	put_addr(out, "cidr", &net);
	fprintf(out, "digest %02x%02x..%02x\n", c->digest.bytes[0], c->digest.bytes[1],
	        c->digest.bytes[31]);
	for (size_t i = 0; i < c->texts.count; i++)
		fprintf(out, "texts %s\n", texts[i]);
	for (size_t i = 0; i < c->servers.count; i++)
		put_server(out, "servers", &servers[i]);
	for (size_t i = 0; i < c->durations.count; i++)
		fprintf(out, "durations %lld\n", (long long)durations[i]);
}

static void put_maps(FILE *out, const struct conf *c)
{
	const int64_t *numbers = c->numbers.items;
	const spore_str *secrets = c->secrets.items;
	const struct server *people = c->people.items;

	for (size_t i = 0; i < c->numbers.count; i++)
		fprintf(out, "numbers %s=%lld\n", c->numbers.keys[i], (long long)numbers[i]);
	for (size_t i = 0; i < c->secrets.count; i++)
		put_secret(out, c->secrets.keys[i], secrets[i]);
	for (size_t i = 0; i < c->people.count; i++)
		put_server(out, c->people.keys[i], &people[i]);
	fprintf(out, "nested %lld\n", (long long)c->nested.depth);
	put_server(out, "nested.inner", &c->nested.inner);
}

static spore_status report_all(const spore_create_args *args, const struct conf *conf)
{
	const char *const *pointers = conf->complain.items;

	for (size_t i = 0; i < conf->complain.count; i++)
		args->report(args, pointers[i], "the plugin does not like this");
	return conf->complain.count ? SPORE_ECONFIG : SPORE_OK;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	FILE *out = fopen(conf->dump, "w");

	if (!out)
		return SPORE_ESYS;
	put_plain(out, conf);
	put_lists(out, conf);
	put_maps(out, conf);
	fprintf(out, "anything %u\n", args->host->cfg_type(conf->anything));
	fclose(out);
	*instance_out = (void *)(uintptr_t)conf;
	return report_all(args, conf);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	(void)state;
	(void)rq;
	(void)ticket;
	return SPORE_DENY;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "options",
	.summary = "an option of every type",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = probe_drop_conf,
};

/* An optional struct with a mandatory member. */
struct optional {
	struct server server;
};

static const spore_option optional_rows[] = {
	SPORE_OBJECT(struct optional, server, struct server, 0, &server_item, "a server, if any"),
};

static spore_status create_optional(const spore_create_args *args, void **instance_out)
{
	const struct optional *conf = args->conf;

	spore_logf(args->host, args->ctx, SPORE_LOG_INFO, "server is %s",
	           conf->server.host ? conf->server.host : "none");
	*instance_out = (void *)(uintptr_t)conf;
	return SPORE_OK;
}

static const spore_component optional = {
	.struct_size = sizeof optional,
	.kind = SPORE_KIND_AUTH,
	.name = "optional",
	.summary = "an optional struct",
	.ops = &ops,
	PROBE_ROWS(optional_rows),
	.conf_size = sizeof(struct optional),
	.create = create_optional,
	.destroy = probe_drop_conf,
};

SPORE_PLUGIN("auth_options", "1.0.0", "The Spore authors", "MIT", "", &component, &optional);
