/* auth_mtls - who a client is, by the certificate that its transport has verified.
 *
 * Nothing is asked of the client and nothing sent: the transport's facts (x509.*) say it all. A
 * connection without a certificate is left to the next instance of the chain. Instances are
 * read-only after create(), so all workers share one. */
#include <ctype.h>
#include <spore/auth.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "../common/pointer.h"

/* More names than MOST_NAMES of one certificate are not looked at. */
enum { HEX_SIZE = 64, TEXT_SIZE = 512, MOST_NAMES = 256 };

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
	atomic_flag told_of_none;
};

/* What is asked of a certificate, read once. */
struct facts {
	char *subject, *sha256;  /* owned; NULL: none */
	char *names[MOST_NAMES]; /* owned; the first n_hosts are hosts' */
	size_t n_hosts, n;
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
	          "identity to what its certificate has, which must all fit, and what it may do; the first that "
	          "fits counts"),
	SPORE_BOOL(struct conf, any, 0, NULL,
	           "let everybody in whose certificate the transport accepts, by its subject, or, if that is empty, by its SHA-256"),
};
/* clang-format on */

/* ---- set-up ---- */

static const struct client *client_at(const struct conf *conf, size_t i)
{
	return (const struct client *)conf->clients.items + i;
}

/* Takes hex of any case, with colons between or without, and with "sha256:" before it or without.
 */
static int parse_fingerprint(const char *text, char hex_out[HEX_SIZE + 1])
{
	size_t n = 0;

	if (strncasecmp(text, "sha256:", 7) == 0)
		text += 7;
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

/* As RFC 2253 writes it: no blank behind a comma between two parts, or before a type's "=". */
static int is_subject(const char *text)
{
	const char *equals = strchr(text, '=');

	if (*text == '/' || !equals || equals == text || equals[-1] == ' ')
		return 0;
	for (const char *c = text + 1; *c; c++) {
		if (c[0] == ',' && c[1] == ' ' && c[-1] != '\\')
			return 0;
	}
	return 1;
}

/* Their types are written by openssl, not by who asks for one. */
static int is_name(const char *text)
{
	static const char *const types[] = { "DNS:", "IP:", "IP Address:", "email:", "URI:" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strncasecmp(text, types[i], strlen(types[i])) == 0)
			return 0;
	}
	return *text != '\0';
}

static int check_texts(const spore_create_args *args, const struct client *client, char *pointer,
                       size_t size)
{
	size_t len = strlen(pointer);

	if (client->subject && !is_subject(client->subject)) {
		args->report(
			args, pointer_append(pointer, size, "subject"),
			"expected the subject as \"CN=alice,O=Acme\", which openssl x509 -noout "
			"-subject -nameopt "
			"RFC2253 prints");
		pointer[len] = '\0';
		return 0;
	}
	if (client->san && !is_name(client->san)) {
		args->report(args, pointer_append(pointer, size, "san"),
		             "expected a name as it stands in the certificate, without its type, "
		             "such as "
		             "\"alice.example.com\"");
		pointer[len] = '\0';
		return 0;
	}
	return 1;
}

static int check_client(struct mtls *mtls, const spore_create_args *args, size_t i)
{
	const struct client *client = client_at(mtls->conf, i);
	char pointer[256] = "/clients";

	pointer_append(pointer, sizeof pointer - sizeof "/subject", mtls->conf->clients.keys[i]);
	if (!client->subject && !client->san && !client->sha256) {
		args->report(args, pointer,
		             "expected subject, san or sha256: what its certificate has");
		return 0;
	}
	if (client->sha256 && !parse_fingerprint(client->sha256, mtls->fingerprints[i])) {
		args->report(args, pointer_append(pointer, sizeof pointer, "sha256"),
		             "expected 64 hex digits, with or without colons");
		return 0;
	}
	return check_texts(args, client, pointer, sizeof pointer);
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

/* ---- who it is ---- */

static char *copy_of(const struct mtls *mtls, const spore_conn *conn, const char *key, size_t index)
{
	spore_str value;

	return mtls->host->conn_attr(conn, key, index, &value) ? strndup(value.ptr, value.len)
	                                                       : NULL;
}

/* Adds the names under the key, as far as there is room. */
static void read_names(const struct mtls *mtls, const spore_conn *conn, const char *key,
                       struct facts *facts)
{
	char *name;

	for (size_t i = 0; facts->n < MOST_NAMES && (name = copy_of(mtls, conn, key, i)) != NULL;
	     i++)
		facts->names[facts->n++] = name;
}

static void read_facts(const struct mtls *mtls, const spore_conn *conn, struct facts *facts)
{
	facts->n = 0;
	facts->sha256 = copy_of(mtls, conn, "x509.sha256", 0);
	facts->subject = copy_of(mtls, conn, "x509.subject", 0);
	read_names(mtls, conn, "x509.san.dns", facts);
	facts->n_hosts = facts->n;
	read_names(mtls, conn, "x509.san.ip", facts);
	read_names(mtls, conn, "x509.san.email", facts);
	read_names(mtls, conn, "x509.san.uri", facts);
}

static void free_facts(struct facts *facts)
{
	for (size_t i = 0; i < facts->n; i++)
		free(facts->names[i]);
	free(facts->subject);
	free(facts->sha256);
}

/* Hosts' names have no case. */
static int has_name(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n; i++) {
		if ((i < facts->n_hosts ? strcasecmp : strcmp)(facts->names[i], name) == 0)
			return 1;
	}
	return 0;
}

static int fits(const struct mtls *mtls, const struct facts *facts, size_t i)
{
	const struct client *client = client_at(mtls->conf, i);

	return (!client->sha256 || strcmp(facts->sha256, mtls->fingerprints[i]) == 0) &&
	       (!client->subject ||
	        (facts->subject && strcmp(facts->subject, client->subject) == 0)) &&
	       (!client->san || has_name(facts, client->san));
}

/* The index of the first that fits, or the number of clients. */
static size_t find(const struct mtls *mtls, const struct facts *facts)
{
	size_t i = 0;

	while (i < mtls->conf->clients.count && !fits(mtls, facts, i))
		i++;
	return i;
}

/* Of a certificate that only `any` lets in: each is an owner of its own. The highest bit keeps
 * these apart from the clients of the table. */
static uint64_t session_of(const char *fingerprint)
{
	char text[17];

	snprintf(text, sizeof text, "%.16s", fingerprint);
	return strtoull(text, NULL, 16) | UINT64_C(1) << 63;
}

/* ---- the verdict ---- */

static int32_t allow(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                     const spore_auth_result *result)
{
	/* A tunnel's data connections are its owner's. */
	if (rq->purpose == SPORE_AUTH_DATA && rq->session != result->session)
		return SPORE_DENY;
	mtls->host->complete_verify(ticket, SPORE_ALLOW, result);
	return SPORE_EPENDING;
}

static int32_t allow_client(const struct mtls *mtls, const spore_auth_request *rq,
                            spore_ticket ticket, size_t i)
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

/* The certificate's subject, or its fingerprint if that is empty: names may be alternative ones
 * alone. */
static void name_client(const struct facts *facts, char name_out[TEXT_SIZE])
{
	if (facts->subject)
		snprintf(name_out, TEXT_SIZE, "%s", facts->subject);
	else
		snprintf(name_out, TEXT_SIZE, "sha256:%s", facts->sha256);
}

static int32_t judge(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                     const struct facts *facts)
{
	char name[TEXT_SIZE];
	size_t i = find(mtls, facts);

	if (i < mtls->conf->clients.count)
		return allow_client(mtls, rq, ticket, i);
	name_client(facts, name);
	if (mtls->conf->any)
		return allow_any(mtls, rq, ticket, name, session_of(facts->sha256));
	spore_logf(mtls->host, mtls->log, SPORE_LOG_INFO,
	           "no client has the certificate of %s (its sha256 is %s)", name, facts->sha256);
	return SPORE_NEXT;
}

/* Others of the chain may know the client, so it is told once. */
static void tell_of_no_certificate(struct mtls *mtls)
{
	if (!atomic_flag_test_and_set(&mtls->told_of_none))
		spore_logf(
			mtls->host, mtls->log, SPORE_LOG_WARN,
			"a client came without a verified certificate, so nobody is known by one: "
			"does the "
			"transport demand them (tls does with cacertfile)?");
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct mtls *mtls = state;
	struct facts facts;
	int32_t verdict = SPORE_NEXT;

	read_facts(mtls, rq->conn, &facts);
	if (facts.sha256 && strlen(facts.sha256) == HEX_SIZE)
		verdict = judge(mtls, rq, ticket, &facts);
	else
		tell_of_no_certificate(mtls);
	free_facts(&facts);
	return verdict;
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
