/* transport_tls - TLS 1.2 and 1.3 with OpenSSL, for servers and clients: the component and its
 * options. */
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "config/tls_config.h"
#include "config/tls_names.h"
#include "resume/tls_session.h"
#include "resume/tls_tickets.h"
#include "tls.h"
#include "tls_attr.h"
#include "tls_bio.h"
#include "tls_expiry.h"
#include "tls_stream.h"

#define A_FILE (SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY)

/* clang-format off */
static const spore_option pair_options[] = {
	SPORE_STRING(struct tls_pair, certfile, A_FILE | SPORE_OPTF_REQUIRED, NULL,
	             "a certificate and its chain, PEM"),
	SPORE_STRING(struct tls_pair, keyfile, A_FILE, NULL,
	             "its private key, PEM; default: in certfile"),
};
/* clang-format on */
static const spore_option_item pair_item = { SPORE_OPT_OBJECT, sizeof(struct tls_pair),
	                                     pair_options,
	                                     sizeof pair_options / sizeof *pair_options,
	                                     sizeof *pair_options };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option_item pin_item = { SPORE_OPT_SHA256, sizeof(spore_sha256), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_STRING(struct tls_conf, certfile, A_FILE, NULL,
	             "this side's certificate and its chain, PEM; required on a server"),
	SPORE_STRING(struct tls_conf, keyfile, A_FILE, NULL,
	             "its private key, PEM; default: in certfile"),
	SPORE_LIST(struct tls_conf, certificates, SPORE_OPTF_NOT_EMPTY, &pair_item,
	           "server: more certificates; a client that asks for a name (SNI) gets the first "
	           "one with this name, then the first with a wildcard for it, then certfile"),
	SPORE_LIST(struct tls_conf, alpn, SPORE_OPTF_NOT_EMPTY, &text_item,
	           "server: protocols that clients may choose, in order of preference, such as "
	           "`[\"h2\", \"http/1.1\"]`; a client that offers only others is refused"),
	SPORE_SECRET(struct tls_conf, key_passphrase, 0, "passphrase of an encrypted private key"),
	SPORE_STRING(struct tls_conf, cacertfile, A_FILE, NULL,
	             "trusted certificates, PEM: authorities, also intermediate ones, or single "
	             "peers; client: instead of the system's; server: every client must have one of "
	             "them, or one that they issued"),
	SPORE_STRING(struct tls_conf, server_name, 0, NULL,
	             "client: the name that the server's certificate must have; default: the "
	             "dialled name"),
	SPORE_LIST(struct tls_conf, pins, SPORE_OPTF_NOT_EMPTY, &pin_item,
	           "client: \"sha256:HEX\" of public keys (of SubjectPublicKeyInfo); the server "
	           "must have one of them, in addition to all other checks"),
	SPORE_BOOL(struct tls_conf, insecure, 0, NULL,
	           "client: do not check the server's certificate (for tests only); pins are still "
	           "checked"),
	SPORE_ENUM(struct tls_conf, min_version, 0, "\"1.2\"", "1.2|1.3", "minimum version of TLS"),
	SPORE_STRING(struct tls_conf, ciphers, 0, NULL,
	             "OpenSSL's names of ciphers for TLS 1.2 and 1.3, separated by colons; a list "
	             "with ciphers of only one version disables the other version; default: AEAD "
	             "with forward secrecy"),
	SPORE_STRING(struct tls_conf, groups, 0, NULL,
	             "OpenSSL's names of groups for the key exchange, separated by colons; "
	             "default: those of OpenSSL"),
	SPORE_BOOL(struct tls_conf, tickets, 0, "true", "allow resumption of sessions"),
	SPORE_DURATION(struct tls_conf, ticket_life, 0, "\"1h\"", 1000, 7 * 86400000LL,
	               "how long a session may be resumed after the handshake that verified the "
	               "certificates, but not longer than they are valid; a server replaces its "
	               "ticket key after the same time"),
	SPORE_BOOL(struct tls_conf, kernel_tls, 0, "true",
	           "let the kernel encrypt output, if Linux and OpenSSL support it, so that the "
	           "host can splice"),
	SPORE_INT(struct tls_conf, max_handshakes, 0, "1024", 1, 1000000,
	          "handshakes in progress at once; above it the oldest is aborted"),
};
/* clang-format on */

static void destroy(void *instance)
{
	struct tls *tls = instance;

	tls_session_fini(tls);
	tls_names_fini(tls);
	tls_expiry_fini(tls);
	SSL_CTX_free(tls->ctx);
	BIO_meth_free(tls->bio);
	tls_tickets_fini(tls);
	pthread_mutex_destroy(&tls->ticket_lock);
	pthread_mutex_destroy(&tls->session_lock);
	free(tls);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct tls *tls = calloc(1, sizeof *tls);
	spore_status status;

	if (!tls)
		return SPORE_ENOMEM;
	tls->host = args->host;
	tls->log = args->ctx;
	tls->conf = args->conf;
	tls->server = args->role == SPORE_ROLE_SERVER;
	tls->n_workers = args->n_workers;
	pthread_mutex_init(&tls->ticket_lock, NULL);
	pthread_mutex_init(&tls->session_lock, NULL);
	tls->bio = tls_bio_method();
	status = tls->bio ? tls_config_load(tls, args) : SPORE_ENOMEM;
	ERR_clear_error();
	if (status == SPORE_OK)
		*instance_out = tls;
	else
		destroy(tls);
	return status;
}

static spore_status worker_start(void *instance, spore_worker *handle, spore_ticket ticket,
                                 void **state_out)
{
	struct tls *tls = instance;
	struct tls_worker *worker = calloc(1, sizeof *worker);
	unsigned share = ((unsigned)tls->conf->max_handshakes + tls->n_workers - 1) /
	                 tls->n_workers;

	(void)ticket;
	if (!worker)
		return SPORE_ENOMEM;
	worker->tls = tls;
	worker->handle = handle;
	worker->max_shaking = share;
	if (!tls_expiry_start(worker)) {
		free(worker);
		return SPORE_ENOMEM;
	}
	*state_out = worker;
	return SPORE_OK;
}

static void worker_stop(void *state)
{
	tls_expiry_stop(state);
	tls_attr_forget(state);
	free(state);
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	return tls_stream_wrap(state, args, upper_out);
}

/* A server asks its clients for certificates only if it has some to check them with. */
static uint32_t may_know(void *instance, const char *key)
{
	const struct tls *tls = instance;

	return !tls->server || tls->conf->cacertfile || strncmp(key, "x509.", 5) != 0;
}

/* As SPORE_ATTR_INSECURE says of each connection (tls_attr.c). */
static uint32_t may_be_secure(void *instance)
{
	const struct tls_conf *conf = ((const struct tls *)instance)->conf;

	return !conf->insecure || conf->pins.count > 0;
}

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_TRANSPORTF_SECURE,
	.wrap = wrap,
	.stream_ops = &tls_stream_ops,
	.attr_keys = tls_attr_keys,
	.may_know = may_know,
	.may_be_secure = may_be_secure,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "tls",
	.summary = "TLS 1.2 and 1.3",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct tls_conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("transport_tls", "1.0.0", "The Spore authors", "MIT", "", &component);
