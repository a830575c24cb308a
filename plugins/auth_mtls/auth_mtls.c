/* auth_mtls - who a client is, by the certificate that its transport has verified.
 *
 * Nothing is asked of the client and nothing sent: the transport's facts (x509.*) say it all. A
 * connection without a certificate is left to the next instance of the chain. Instances are read-only
 * after create(), so all workers share one. */
#include <ctype.h>
#include <spore/auth.h>
#include <stdlib.h>
#include <strings.h>

#include "../common/pointer.h"

enum { HEX_SIZE = 64, TEXT_SIZE = 512 };

/* One client, as the operator describes it: all that is given must fit. */
struct client {
	const char *subject, *san, *sha256;
	spore_list ports; /* of spore_port_range */
	int64_t max_tunnels, max_conns, life;
};

struct conf {
	spore_map clients; /* of struct client, by identity */
	uint32_t any;
};

struct mtls {
	const spore_host *host;
	spore_ctx *log;
	const struct conf *conf;
	char (*fingerprints)[HEX_SIZE + 1]; /* of the clients, lower case; "": any */
};

/* Tables, aligned by hand. */
/* clang-format off */
static const spore_option client_options[] = {
	SPORE_STRING(struct client, subject, 0, NULL, "its certificate's subject, as \"CN=alice,O=Acme\""),
	SPORE_STRING(struct client, san, 0, NULL,
	             "one of its alternative names: a host's, an address, an e-mail address or a URI"),
	SPORE_STRING(struct client, sha256, 0, NULL, "the certificate's SHA-256 fingerprint in hex"),
	SPORE_PORTS(struct client, ports, 0, NULL, "public ports that it may claim; default: the server's"),
	SPORE_INT(struct client, max_tunnels, 0, "0", 0, 1000000, "tunnels at once; 0: any number"),
	SPORE_INT(struct client, max_conns, 0, "0", 0, 1000000, "visitors at once; 0: any number"),
	SPORE_DURATION(struct client, life, 0, "0", 0, INT64_C(31536000000), "a tunnel's life; 0: no end"),
};
static const spore_option_item client_item = {
	SPORE_OPT_OBJECT, sizeof(struct client), client_options,
	sizeof client_options / sizeof *client_options, sizeof *client_options
};
static const spore_option options[] = {
	SPORE_MAP(struct conf, clients, 0, &client_item,
	          "identity to what its certificate has, which must all fit, and what it may do"),
	SPORE_BOOL(struct conf, any, 0, NULL,
	           "let everybody in whose certificate the transport accepts, by its subject, or, if that is empty, by its SHA-256"),
};
/* clang-format on */

/* ---- set-up ------------------------------------------------------------------------------------- */

static const struct client *client_at(const struct conf *conf, size_t i)
{
	return (const struct client *)conf->clients.items + i;
}

/* Takes hex of any case, with colons between or without. */
static int parse_fingerprint(const char *text, char hex_out[HEX_SIZE + 1])
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (n == HEX_SIZE || !isxdigit((unsigned char)*text))
			return 0;
		hex_out[n++] = (char)tolower((unsigned char)*text);
	}
	hex_out[n] = '\0';
	return n == HEX_SIZE;
}

static int check_client(struct mtls *mtls, const spore_create_args *args, size_t i)
{
	const struct client *client = client_at(mtls->conf, i);
	char pointer[256] = "/clients";

	pointer_append(pointer, sizeof pointer - sizeof "/sha256", mtls->conf->clients.keys[i]);
	if (!client->subject && !client->san && !client->sha256) {
		args->report(args, pointer, "expected subject, san or sha256: what its certificate has");
		return 0;
	}
	if (client->sha256 && !parse_fingerprint(client->sha256, mtls->fingerprints[i])) {
		args->report(args, pointer_append(pointer, sizeof pointer, "sha256"),
		             "expected 64 hex digits, with or without colons");
		return 0;
	}
	return 1;
}

static int check(struct mtls *mtls, const spore_create_args *args)
{
	int good = 1;

	if (!mtls->conf->clients.count && !mtls->conf->any) {
		args->report(args, "", "expected clients, or \"any\": true");
		return 0;
	}
	for (size_t i = 0; i < mtls->conf->clients.count; i++)
		good = check_client(mtls, args, i) && good;
	return good;
}

static void destroy(void *instance)
{
	struct mtls *mtls = instance;

	free(mtls->fingerprints);
	free(mtls);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct mtls *mtls = calloc(1, sizeof *mtls);
	int good;

	if (!mtls)
		return SPORE_ENOMEM;
	*mtls = (struct mtls){ .host = args->host, .log = args->ctx, .conf = args->conf };
	mtls->fingerprints = calloc(mtls->conf->clients.count + 1, sizeof *mtls->fingerprints);
	good = mtls->fingerprints && check(mtls, args);
	if (good)
		*instance_out = mtls;
	else
		destroy(mtls);
	return good ? SPORE_OK : SPORE_ECONFIG;
}

/* ---- who it is ---------------------------------------------------------------------------------- */

static int equals(spore_str value, const char *text)
{
	return value.len == strlen(text) && memcmp(value.ptr, text, value.len) == 0;
}

/* Hosts' names have no case. */
static int equals_name(spore_str value, const char *text)
{
	return value.len == strlen(text) && strncasecmp(value.ptr, text, value.len) == 0;
}

static int has_name(const struct mtls *mtls, const spore_conn *conn, const char *name)
{
	static const char *const exact[] = { "x509.san.ip", "x509.san.email", "x509.san.uri" };
	spore_str value;

	for (size_t i = 0; mtls->host->conn_attr(conn, "x509.san.dns", i, &value); i++) {
		if (equals_name(value, name))
			return 1;
	}
	for (size_t key = 0; key < sizeof exact / sizeof *exact; key++) {
		for (size_t i = 0; mtls->host->conn_attr(conn, exact[key], i, &value); i++) {
			if (equals(value, name))
				return 1;
		}
	}
	return 0;
}

static int has(const struct mtls *mtls, const spore_conn *conn, const char *key, const char *text)
{
	spore_str value;

	return mtls->host->conn_attr(conn, key, 0, &value) && equals(value, text);
}

static int fits(const struct mtls *mtls, const spore_conn *conn, size_t i)
{
	const struct client *client = client_at(mtls->conf, i);

	return (!client->subject || has(mtls, conn, "x509.subject", client->subject)) &&
	       (!client->san || has_name(mtls, conn, client->san)) &&
	       (!client->sha256 || has(mtls, conn, "x509.sha256", mtls->fingerprints[i]));
}

/* The index of the first that fits, or the number of clients. */
static size_t find(const struct mtls *mtls, const spore_conn *conn)
{
	size_t i = 0;

	while (i < mtls->conf->clients.count && !fits(mtls, conn, i))
		i++;
	return i;
}

/* Of a certificate that only `any` lets in: each is an owner of its own. The highest bit keeps these
 * apart from the clients of the table. */
static uint64_t session_of(spore_str fingerprint)
{
	char text[17];

	snprintf(text, sizeof text, "%.16s", fingerprint.ptr);
	return strtoull(text, NULL, 16) | UINT64_C(1) << 63;
}

/* ---- the verdict -------------------------------------------------------------------------------- */

static int32_t allow(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                     const spore_auth_result *result)
{
	/* A tunnel's data connections are its owner's. */
	if (rq->purpose == SPORE_AUTH_DATA && rq->session != result->session)
		return SPORE_DENY;
	mtls->host->complete_verify(ticket, SPORE_ALLOW, result);
	return SPORE_EPENDING;
}

static int32_t allow_client(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                            size_t i)
{
	const struct client *client = client_at(mtls->conf, i);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(mtls->conf->clients.keys[i]),
		.session = i + 1,
		.ports = client->ports.items,
		.n_ports = client->ports.count,
		.max_tunnels = (uint32_t)client->max_tunnels,
		.max_conns = (uint32_t)client->max_conns,
		.life_ms = client->life,
	};

	result.fields = (result.n_ports ? SPORE_AUTH_F_PORTS : 0) |
	                (result.max_tunnels ? SPORE_AUTH_F_MAX_TUNNELS : 0) |
	                (result.max_conns ? SPORE_AUTH_F_MAX_CONNS : 0) |
	                (result.life_ms ? SPORE_AUTH_F_LIFE : 0);
	return allow(mtls, rq, ticket, &result);
}

static int32_t allow_any(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                         const char *name, uint64_t session)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(name),
		.session = session,
	};

	return allow(mtls, rq, ticket, &result);
}

/* The certificate's subject, or its fingerprint if that is empty: names may be alternative ones alone. */
static void name_client(const struct mtls *mtls, const spore_conn *conn, const char *fingerprint,
                        char name_out[TEXT_SIZE])
{
	spore_str subject;

	if (mtls->host->conn_attr(conn, "x509.subject", 0, &subject) && subject.len)
		snprintf(name_out, TEXT_SIZE, "%.*s", (int)subject.len, subject.ptr);
	else
		snprintf(name_out, TEXT_SIZE, "sha256:%s", fingerprint);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct mtls *mtls = state;
	char name[TEXT_SIZE], fingerprint[HEX_SIZE + 1];
	spore_str value;
	uint64_t session;
	size_t i;

	if (!mtls->host->conn_attr(rq->conn, "x509.sha256", 0, &value) || value.len != HEX_SIZE)
		return SPORE_NEXT;
	session = session_of(value);
	snprintf(fingerprint, sizeof fingerprint, "%.*s", HEX_SIZE, value.ptr);
	i = find(mtls, rq->conn);
	if (i < mtls->conf->clients.count)
		return allow_client(mtls, rq, ticket, i);
	name_client(mtls, rq->conn, fingerprint, name);
	if (mtls->conf->any)
		return allow_any(mtls, rq, ticket, name, session);
	spore_logf(mtls->host, mtls->log, SPORE_LOG_INFO,
	           "no client has the certificate of %s (its sha256 is %s)", name, fingerprint);
	return SPORE_NEXT;
}

static uint32_t needs_challenge(void *instance)
{
	(void)instance;
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
	.name = "mtls",
	.summary = "clients by the certificates that their transport has verified",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_mtls", "1.0.0", "The Spore authors", "MIT", "", &component);
