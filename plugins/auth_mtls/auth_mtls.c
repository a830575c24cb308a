/* auth_mtls - identifies a client by the certificate that its transport has verified.
 *
 * Sends nothing and asks nothing: the transport's facts (x509.*) are enough. A connection without a
 * certificate is left to the next instance of the chain. Instances are read-only after create(), so
 * all workers share one. */
#include <spore/auth.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/client/policy.h"
#include "../common/pace.h"
#include "clients.h"
#include "facts.h"

enum { NAME_SIZE = 512 };

struct conf {
	spore_map clients; /* of struct client, by identity */
	uint32_t any;
};

struct mtls {
	const spore_host *host;
	spore_ctx *log;
	const struct conf *conf;
	struct clients clients;
	atomic_flag warned;   /* that a client has no certificate */
	struct pace refusals; /* logged ones */
};

/* clang-format off */
static const spore_option client_options[] = {
	SPORE_STRING(struct client, subject, 0, NULL,
	             "subject of its certificate, as \"CN=alice,O=Acme\""),
	SPORE_STRING(struct client, san, 0, NULL,
	             "a subject alternative name: a host name, IP address, e-mail address or URI"),
	SPORE_STRING(struct client, sha256, 0, NULL,
	             "SHA-256 fingerprint of its certificate, in hex"),
	SPORE_PORTS(struct client, ports, 0, NULL,
	            "public ports that it may use; default: those of the server"),
	SPORE_INT(struct client, max_tunnels, SPORE_OPTF_MAX_TUNNELS, "0", 0, 1000000,
	          "tunnels at once; 0: no limit"),
	SPORE_INT(struct client, max_conns, SPORE_OPTF_MAX_VISITORS, "0", 0, 1000000,
	          "visitors at once; 0: no limit"),
	SPORE_DURATION(struct client, life, 0, "0", 0, INT64_C(31536000000),
	               "lifetime of a tunnel; 0: no limit"),
	SPORE_SIZE(struct client, rate_up, 0, "0", 0, POLICY_MAX_RATE,
	           "bytes per second from its visitors to its services, at least 1k; 0: `limits.rate_up`"),
	SPORE_SIZE(struct client, rate_down, 0, "0", 0, POLICY_MAX_RATE,
	           "bytes per second from its services to its visitors, at least 1k; 0: `limits.rate_down`"),
	SPORE_SIZE(struct client, bytes_per_day, 0, "0", 0, POLICY_MAX_BYTES,
	           "bytes in a day (UTC), in both directions together; 0: `limits.bytes_per_day`"),
	SPORE_SIZE(struct client, bytes_per_month, 0, "0", 0, POLICY_MAX_BYTES,
	           "bytes in a month (UTC), in both directions together; 0: `limits.bytes_per_month`"),
	SPORE_INT(struct client, visitors_per_second, 0, "0", 0, 1000000,
	          "new visitors per second; 0: `limits.visitors_per_second`"),
	SPORE_ENUM(struct client, share, 0, "\"default\"", "default|yes|no",
	           "may its tunnels share a public port; default: as the server's key share says"),
};
static const spore_option_item client_item = {
	SPORE_OPT_OBJECT, sizeof(struct client), client_options,
	sizeof client_options / sizeof *client_options, sizeof *client_options
};
static const spore_option options[] = {
	SPORE_MAP(struct conf, clients, 0, &client_item,
	          "by identity: the client's certificate and its limits; all certificate options "
	          "that are given must match; the first match counts"),
	SPORE_BOOL(struct conf, any, 0, NULL,
	           "also accept every other certificate that the transport has verified; the "
	           "identity is its subject, or its SHA-256 if the subject is empty or longer than "
	           "255 bytes"),
};
/* clang-format on */

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct mtls *mtls = instance;

	clients_fini(&mtls->clients);
	free(mtls);
}

static int is_complete(const spore_create_args *args)
{
	const struct conf *conf = args->conf;

	if (conf->clients.count || conf->any)
		return 1;
	args->report(args, "", "expected clients, or \"any\": true");
	return 0;
}

static int has_certificates(const spore_create_args *args)
{
	if (spore_may_know(args, "x509.sha256"))
		return 1;
	args->report(args, "",
	             "expected a transport that knows the clients' certificates, such as tls with "
	             "cacertfile, found none");
	return 0;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	int good = has_certificates(args);
	struct mtls *mtls;

	if (!is_complete(args))
		return SPORE_ECONFIG;
	mtls = calloc(1, sizeof *mtls);
	if (!mtls)
		return SPORE_ENOMEM;
	mtls->host = args->host;
	mtls->log = args->ctx;
	mtls->conf = conf;
	if (!clients_init(&mtls->clients, &conf->clients, args) || !good) {
		destroy(mtls);
		return SPORE_ECONFIG;
	}
	*instance_out = mtls;
	return SPORE_OK;
}

/* ---- the verdict ---- */

/* The session of a certificate that only `any` accepts: each certificate is a separate owner. The
 * highest bit keeps these sessions apart from those of the table. */
static uint64_t session_of(const char *fingerprint)
{
	char text[17];

	snprintf(text, sizeof text, "%.16s", fingerprint);
	return strtoull(text, NULL, 16) | UINT64_C(1) << 63;
}

static int32_t allow(const struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                     const spore_auth_result *result)
{
	/* A data connection must belong to the owner of its tunnel. */
	if (rq->purpose == SPORE_AUTH_DATA && rq->session != result->session)
		return SPORE_DENY;
	mtls->host->complete_verify(ticket, SPORE_ALLOW, result);
	return SPORE_EPENDING;
}

static int32_t allow_client(const struct mtls *mtls, const spore_auth_request *rq,
                            spore_ticket ticket, size_t i)
{
	const struct client *client = clients_at(&mtls->clients, i);
	struct policy policy = {
		.ports = client->ports,
		.max_tunnels = client->max_tunnels,
		.max_conns = client->max_conns,
		.life = client->life,
		.rate_up = client->rate_up,
		.rate_down = client->rate_down,
		.bytes_per_day = client->bytes_per_day,
		.bytes_per_month = client->bytes_per_month,
		.visitors_per_second = client->visitors_per_second,
		.share = client->share,
	};
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(mtls->conf->clients.keys[i]),
		.session = i + 1,
	};

	policy_grant(&policy, &result);
	return allow(mtls, rq, ticket, &result);
}

/* Allows a certificate that the option `clients` does not name, because the option `any` is set. */
static int32_t allow_unlisted(const struct mtls *mtls, const spore_auth_request *rq,
                              spore_ticket ticket, const char *name, uint64_t session)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(name),
		.session = session,
	};

	return allow(mtls, rq, ticket, &result);
}

/* The subject, or the fingerprint if the subject is empty or too long for an identity. */
static void write_name(const struct facts *facts, char name_out[NAME_SIZE])
{
	if (facts->subject && strlen(facts->subject) <= SPORE_IDENTITY_MAX)
		snprintf(name_out, NAME_SIZE, "%s", facts->subject);
	else
		snprintf(name_out, NAME_SIZE, "sha256:%s", facts->sha256);
}

static int32_t judge(struct mtls *mtls, const spore_auth_request *rq, spore_ticket ticket,
                     const struct facts *facts)
{
	char name[NAME_SIZE];
	size_t i = clients_find(&mtls->clients, facts);

	if (i < mtls->conf->clients.count)
		return allow_client(mtls, rq, ticket, i);
	write_name(facts, name);
	if (mtls->conf->any)
		return allow_unlisted(mtls, rq, ticket, name, session_of(facts->sha256));
	if (pace_allows_line(&mtls->refusals, mtls->host, mtls->log, SPORE_LOG_INFO,
	                     "refused certificates"))
		spore_logf(mtls->host, mtls->log, SPORE_LOG_INFO,
		           "no client matches the certificate of %s (sha256 %s)", name,
		           facts->sha256);
	return SPORE_NEXT;
}

/* Only once, because another instance of the chain may know the client. */
static void warn_of_missing_certificate(struct mtls *mtls)
{
	if (!atomic_flag_test_and_set(&mtls->warned))
		spore_logf(
			mtls->host, mtls->log, SPORE_LOG_WARN,
			"a client has no verified certificate: does the transport demand one (tls "
			"does with cacertfile)?");
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct mtls *mtls = state;
	struct facts facts;
	int32_t verdict = SPORE_NEXT;

	facts_read(&facts, mtls->host, rq->conn);
	if (facts_have_certificate(&facts))
		verdict = judge(mtls, rq, ticket, &facts);
	else
		warn_of_missing_certificate(mtls);
	facts_fini(&facts);
	return verdict;
}

static uint32_t needs_challenge(void *instance)
{
	(void)instance;
	return 0;
}

static int32_t has_identity(void *instance, spore_str identity)
{
	const struct mtls *mtls = instance;
	const spore_map *clients = &mtls->conf->clients;

	for (size_t i = 0; i < clients->count; i++) {
		const char *name = clients->keys[i];

		if (strlen(name) == identity.len && memcmp(name, identity.ptr, identity.len) == 0)
			return 1;
	}
	return mtls->conf->any != 0; /* any subject may be an identity */
}

/* Only a client without a certificate is left to the next instance. A transport that knows the
 * clients' certificates, such as tls, demands them. */
static int32_t decides_all(void *instance)
{
	const struct mtls *mtls = instance;

	return mtls->conf->any != 0;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.needs_challenge = needs_challenge,
	.has_identity = has_identity,
	.decides_all = decides_all,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "mtls",
	.summary = "identifies clients by their verified certificates",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_mtls", "1.0.0", "The Spore authors", "MIT", "", &component);
