#include "tls_config.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../resume/tls_session.h"
#include "../resume/tls_tickets.h"
#include "../tls_cert.h"
#include "../tls_error.h"
#include "../tls_expiry.h"
#include "../tls_kernel.h"
#include "../tls_verify.h"
#include "tls_ciphers.h"
#include "tls_files.h"
#include "tls_names.h"

static bool report_openssl(const spore_create_args *args, const char *pointer, const char *expected)
{
	char text[300];

	snprintf(text, sizeof text, "expected %s (OpenSSL: %s)", expected, tls_error_reason());
	args->report(args, pointer, text);
	ERR_clear_error();
	return false;
}

/* ---- options of one role ---- */

static bool check_server(const struct tls *tls, const spore_create_args *args)
{
	static const char text[] = "this option is only for clients";
	const struct tls_conf *conf = tls->conf;

	if (conf->insecure)
		args->report(args, "/insecure", text);
	if (conf->server_name)
		args->report(args, "/server_name", text);
	if (conf->pins.count)
		args->report(args, "/pins", text);
	return !conf->insecure && !conf->server_name && !conf->pins.count;
}

/* OpenSSL would check nothing for an empty name, and accept any host of a domain for ".example". No
 * certificate has other characters: names of other alphabets stand there in their ASCII form. */
static bool is_server_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";

	if (tls_cert_is_ip(name))
		return true;
	return *name && *name != '.' && strlen(name) <= TLSEXT_MAXLEN_host_name &&
	       name[strspn(name, allowed)] == '\0';
}

static bool check_client(const struct tls *tls, const spore_create_args *args)
{
	const char *name = tls->conf->server_name;

	if (!name || is_server_name(name))
		return true;
	args->report(args, "/server_name",
	             "expected an IP address, or a host name of 1 to 255 letters, digits and any "
	             "of . - _ that does not begin with a dot (of another alphabet: its ASCII "
	             "form, xn--...)");
	return false;
}

/* ---- protocol ---- */

static bool set_protocol(struct tls *tls, const spore_create_args *args)
{
	const struct tls_conf *conf = tls->conf;
	bool good;

	SSL_CTX_set_min_proto_version(tls->ctx, conf->min_version == TLS_MIN_1_3 ? TLS1_3_VERSION
	                                                                         : TLS1_2_VERSION);
	if (tls->kernel)
		SSL_CTX_set_options(tls->ctx, SSL_OP_ENABLE_KTLS);
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                                      SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                      (conf->tickets ? 0 : SSL_OP_NO_TICKET));
	/* Overrides the system's configuration: a truncated stream is an error. */
	SSL_CTX_clear_options(tls->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
	                                        SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	good = tls_ciphers_set(tls, args);
	if (conf->groups && SSL_CTX_set1_groups_list(tls->ctx, conf->groups) != 1)
		good = report_openssl(
			args, "/groups",
			"names of groups, separated by colons, such as \"X25519:P-256\"");
	return good;
}

/* A server keeps no sessions: tickets contain them, and a client gets one with each connection. */
static bool set_resumption(struct tls *tls)
{
	static const unsigned char id[] = "spore";

	SSL_CTX_set_timeout(tls->ctx, (long)(tls->conf->ticket_life / 1000));
	SSL_CTX_set_num_tickets(tls->ctx, tls->conf->tickets ? 1 : 0);
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	if (!tls->conf->tickets)
		return true;
	if (tls->server)
		return SSL_CTX_set_session_id_context(tls->ctx, id, sizeof id - 1) == 1 &&
		       tls_tickets_set_up(tls);
	tls_session_set_up(tls);
	return true;
}

static void warn_if_insecure(const struct tls *tls)
{
	if (tls->conf->insecure && tls->conf->cacertfile)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "cacertfile has no effect with insecure");
	if (tls->conf->insecure && tls->conf->server_name)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "with insecure, server_name is sent to the server, but its certificate "
		           "is not checked for this name");
	if (tls->conf->insecure && tls->conf->pins.count)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "insecure: only the pins of the server's certificate are checked");
	else if (tls->conf->insecure)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "INSECURE: the server's certificate is not checked: anyone on the "
		           "network path can read and change all data and request answers computed "
		           "from the secret; use this only for tests");
}

static void warn_if_unused(const struct tls *tls, const spore_create_args *args)
{
	if (!tls->conf->tickets && args->host->cfg_get(args->raw, "ticket_life"))
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "ticket_life has no effect with \"tickets\": false");
}

static void log_kernel_use(const struct tls *tls, const char *why_not)
{
	if (why_not)
		spore_logf(tls->host, tls->log, SPORE_LOG_INFO, "kernel TLS is not used: %s",
		           why_not);
	else
		spore_logf(tls->host, tls->log, SPORE_LOG_INFO, "kernel TLS encrypts output");
}

spore_status tls_config_load(struct tls *tls, const spore_create_args *args)
{
	const char *why_not = tls_kernel_why_not(tls->conf);
	bool good;

	tls->kernel = !why_not;
	tls->ctx = SSL_CTX_new(tls->server ? TLS_server_method() : TLS_client_method());
	if (!tls->ctx) {
		report_openssl(args, "", "OpenSSL to be usable");
		return SPORE_EUNSUPPORTED;
	}
	good = tls->server ? check_server(tls, args) : check_client(tls, args);
	good = set_protocol(tls, args) && good;
	good = tls_files_load_own(tls, args) && good;
	good = (!tls->server || tls_ciphers_fit(tls, args)) && good;
	good = tls_files_load_trusted(tls, args) && good;
	good = tls_names_set_up(tls, args) && good;
	if (!good)
		return SPORE_ECONFIG;
	if (!set_resumption(tls)) {
		report_openssl(args, "/tickets", "OpenSSL to make keys for tickets");
		return SPORE_EUNSUPPORTED;
	}
	if (!tls_expiry_set_up(tls, args->previous, args->instance))
		return SPORE_ENOMEM;
	if (!args->previous)
		log_kernel_use(tls, why_not);
	tls_verify_set_up(tls);
	warn_if_insecure(tls);
	warn_if_unused(tls, args);
	return SPORE_OK;
}
