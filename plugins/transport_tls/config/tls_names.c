#include "tls_names.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls_files.h"

enum { PROTOCOL_MAX = 255 };

/* ---- certificates ---- */

/* The flags for X509_check_host. */
static const unsigned exact = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
static const unsigned wild = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                             X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

static bool has_name(SSL_CTX *ctx, const char *name, unsigned flags)
{
	return X509_check_host(SSL_CTX_get0_certificate(ctx), name, 0, flags, NULL) == 1;
}

/* The context whose certificate has the name; NULL: that of certfile, or no certificate, has it. A
 * certificate with the name itself comes before one with a wildcard. */
static SSL_CTX *find_named(const struct tls *tls, const char *name)
{
	const unsigned flags[] = { exact, wild };

	for (size_t pass = 0; pass < 2; pass++) {
		if (has_name(tls->ctx, name, flags[pass]))
			return NULL;
		for (size_t i = 0; i < tls->n_named; i++) {
			if (has_name(tls->named[i], name, flags[pass]))
				return tls->named[i];
		}
	}
	return NULL;
}

/* Replaces only the certificate. Another SSL_CTX would replace the verification of the client,
 * too. */
static int on_certificate(SSL *ssl, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx = name ? find_named(arg, name) : NULL;
	STACK_OF(X509) *chain = NULL;

	if (!ctx)
		return 1;
	SSL_CTX_get0_chain_certs(ctx, &chain);
	/* The default may have a key of another type, and OpenSSL would choose between the two. */
	SSL_certs_clear(ssl);
	return SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(ctx),
	                            SSL_CTX_get0_privatekey(ctx), chain, 1);
}

/* Reports the mistakes of one entry at the entry's place. */
struct entry_args {
	spore_create_args args;
	const spore_create_args *outer;
	size_t number;
};

static void report_of_entry(const spore_create_args *args, const char *pointer, const char *text)
{
	const struct entry_args *entry = (const struct entry_args *)(const void *)args;
	char place[128];

	snprintf(place, sizeof place, "/certificates/%zu%s", entry->number, pointer);
	entry->outer->report(entry->outer, place, text);
}

static const struct tls_pair *pair_at(const struct tls *tls, size_t number)
{
	return (const struct tls_pair *)tls->conf->certificates.items + number;
}

/* The number of the entry with this file; the number of entries: none has it. */
static size_t find_pair(const struct tls *tls, const char *certfile)
{
	size_t i = 0;

	while (i < tls->n_named && strcmp(pair_at(tls, i)->certfile, certfile) != 0)
		i++;
	return i;
}

SSL_CTX *tls_names_before(const struct tls *tls, const struct tls *previous, size_t number)
{
	size_t same = find_pair(previous, pair_at(tls, number)->certfile);
	size_t n = tls->conf->certificates.count;

	if (same < previous->n_named)
		return previous->named[same];
	if (number >= previous->n_named)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(pair_at(tls, i)->certfile, pair_at(previous, number)->certfile) == 0)
			return NULL;
	}
	return previous->named[number];
}

/* Loads one entry into a context of its own. */
static bool load_entry(struct tls *tls, const spore_create_args *args, size_t number)
{
	const struct tls_pair *pair = pair_at(tls, number);
	const struct tls *previous = args->previous;
	struct tls before = { .ctx = previous ? tls_names_before(tls, previous, number) : NULL };
	struct tls_conf conf = *tls->conf;
	struct tls entry = { .host = tls->host, .log = tls->log, .conf = &conf, .server = true };
	struct entry_args entry_args = { *args, args, number };

	conf.certfile = pair->certfile;
	conf.keyfile = pair->keyfile;
	entry_args.args.report = report_of_entry;
	entry_args.args.previous = before.ctx ? &before : NULL;
	entry.ctx = SSL_CTX_new(TLS_server_method());
	if (!entry.ctx)
		return false;
	tls->named[tls->n_named++] = entry.ctx;
	return tls_files_load_own(&entry, &entry_args.args);
}

static const X509 *certificate_at(const struct tls *tls, size_t number)
{
	return SSL_CTX_get0_certificate(number == 0 ? tls->ctx : tls->named[number - 1]);
}

static const char *path_at(const struct tls *tls, size_t number)
{
	return number == 0 ? tls->conf->certfile : pair_at(tls, number - 1)->certfile;
}

/* The second one is never shown: number 0 is certfile, the others are those of `certificates`. */
static void warn_of_twins(const struct tls *tls)
{
	for (size_t i = 1; i <= tls->n_named; i++) {
		for (size_t k = 0; k < i; k++) {
			if (X509_cmp(certificate_at(tls, i), certificate_at(tls, k)) != 0)
				continue;
			spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
			           "the certificate in %s is never shown: it is also in %s",
			           path_at(tls, i), path_at(tls, k));
			break;
		}
	}
}

static bool load_certificates(struct tls *tls, const spore_create_args *args)
{
	size_t n = tls->conf->certificates.count;
	bool good = true;

	if (n == 0)
		return true;
	if (!tls->server) {
		args->report(args, "/certificates", "this option is only for servers");
		return false;
	}
	tls->named = calloc(n, sizeof *tls->named);
	for (size_t i = 0; tls->named && i < n; i++)
		good = load_entry(tls, args, i) && good;
	SSL_CTX_set_cert_cb(tls->ctx, on_certificate, tls);
	if (!good || !tls->named)
		return false;
	if (SSL_CTX_get0_certificate(tls->ctx))
		warn_of_twins(tls);
	return true;
}

/* ---- protocols ---- */

/* A client that offers none of ours gets an alert, as RFC 7301 demands. */
static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *len_out,
                        const unsigned char *offered, unsigned len, void *arg)
{
	const struct tls *tls = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, len_out, tls->alpn, tls->alpn_len, offered, len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Writes the names in the form of the protocol: each behind its length. */
static bool set_protocols(struct tls *tls, const spore_create_args *args)
{
	const char *const *names = tls->conf->alpn.items;
	size_t n = tls->conf->alpn.count;

	if (n == 0)
		return true;
	if (!tls->server) {
		args->report(args, "/alpn", "this option is only for servers");
		return false;
	}
	tls->alpn = calloc(n, 1 + PROTOCOL_MAX);
	for (size_t i = 0; tls->alpn && i < n; i++) {
		size_t len = strlen(names[i]);
		char place[32];

		snprintf(place, sizeof place, "/alpn/%zu", i);
		if (len == 0 || len > PROTOCOL_MAX) {
			args->report(args, place,
			             "expected a protocol of 1 to 255 bytes, such as \"h2\"");
			return false;
		}
		tls->alpn[tls->alpn_len++] = (uint8_t)len;
		memcpy(tls->alpn + tls->alpn_len, names[i], len);
		tls->alpn_len += (unsigned)len;
	}
	SSL_CTX_set_alpn_select_cb(tls->ctx, on_protocols, tls);
	return tls->alpn != NULL;
}

/* Is the certificate valid for several host names? */
static bool has_several_names(const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		n += ASN1_STRING_length(name->d.dNSName) > 0 &&
		                     *ASN1_STRING_get0_data(name->d.dNSName) == '*'
		             ? 2
		             : 1;
	}
	GENERAL_NAMES_free(names);
	return n > 1;
}

static bool offers(const struct tls *tls, const char *protocol)
{
	const char *const *names = tls->conf->alpn.items;

	for (size_t i = 0; i < tls->conf->alpn.count; i++) {
		if (strcmp(names[i], protocol) == 0)
			return true;
	}
	return false;
}

/* A browser sends requests for all names of a certificate on one connection of HTTP/2. */
static void warn_of_reuse(const struct tls *tls)
{
	for (size_t i = 0; i <= tls->n_named; i++) {
		const X509 *cert = certificate_at(tls, i);

		if (cert && has_several_names(cert))
			spore_logf(
				tls->host, tls->log, SPORE_LOG_WARN,
				"with h2 in alpn, a browser may send requests for all names of "
				"the certificate in %s on one connection, and the first request "
				"decides which tunnel gets them: leave out h2, or give the names "
				"of each client a certificate of their own",
				path_at(tls, i));
	}
}

bool tls_names_set_up(struct tls *tls, const spore_create_args *args)
{
	bool good = load_certificates(tls, args);

	if (!set_protocols(tls, args) || !good)
		return false;
	if (args->point == SPORE_TRANSPORT_AT_SHARED && offers(tls, "h2"))
		warn_of_reuse(tls);
	return true;
}

void tls_names_fini(struct tls *tls)
{
	for (size_t i = 0; i < tls->n_named; i++)
		SSL_CTX_free(tls->named[i]);
	free(tls->named);
	free(tls->alpn);
}
