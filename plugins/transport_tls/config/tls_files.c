#include "tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../tls_cert.h"
#include "../tls_error.h"
#include "tls_form.h"

/* Always returns false, so that a caller can return the result. */
SPORE_PRINTF(3, 4)
static bool report_fault(const spore_create_args *args, const char *pointer, const char *format,
                         ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	args->report(args, pointer, text);
	ERR_clear_error();
	return false;
}

/* NULL: the failure has been reported. */
static FILE *open_file(const spore_create_args *args, const char *pointer, const char *path)
{
	/* O_NONBLOCK: opening a pipe without a writer would block. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = fd < 0 ? strerrordesc_np(errno) : NULL;
	FILE *file = NULL;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		why = S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file";
	if (!why && !(file = fdopen(fd, "r")))
		why = strerrordesc_np(errno);
	if (file)
		return file;
	report_fault(args, pointer, "cannot read %s: %s", path, why);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static bool is_readable(const spore_create_args *args, const char *pointer, const char *path)
{
	FILE *file = open_file(args, pointer, path);

	if (file)
		fclose(file);
	return file != NULL;
}

/* Reports what the file holds in place of the PEM form of `expected`. */
static bool report_form(const spore_create_args *args, const char *pointer, const char *expected,
                        const char *path, enum tls_form_use use)
{
	char found[800];

	return report_fault(args, pointer, "expected %s in PEM form in %s, found %s", expected,
	                    path, tls_form_describe(path, use, found, sizeof found));
}

/* False: OpenSSL would skip a certificate, which has been reported. A chain without one of its
 * certificates works with some peers only, so it is refused now. */
static bool check_for_skipped(const spore_create_args *args, const char *pointer, const char *path,
                              enum tls_form_use use)
{
	char found[200];

	if (!tls_form_is_skipped(path, use, found, sizeof found))
		return true;
	return report_fault(
		args, pointer,
		"expected each certificate in %s under the label \"CERTIFICATE\", found also %s, "
		"which would be skipped",
		path, found);
}

/* ---- the key ---- */

struct passphrase {
	spore_str text;
	bool was_needed;
};

static int on_passphrase(char *out, int size, int writing, void *arg)
{
	struct passphrase *passphrase = arg;

	(void)writing;
	passphrase->was_needed = true;
	if (!passphrase->text.len || passphrase->text.len > (size_t)size)
		return -1;
	memcpy(out, passphrase->text.ptr, passphrase->text.len);
	return (int)passphrase->text.len;
}

static void warn_if_world_readable(const struct tls *tls, FILE *file, const char *path)
{
	struct stat st;

	if (fstat(fileno(file), &st) == 0 && st.st_mode & S_IROTH)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "the private key in %s is readable by every user of this machine", path);
}

static EVP_PKEY *read_key(struct tls *tls, const spore_create_args *args, const char *pointer,
                          const char *path)
{
	struct passphrase passphrase = { tls->conf->key_passphrase, false };
	FILE *file = open_file(args, pointer, path);
	EVP_PKEY *key = NULL;

	if (!file)
		return NULL;
	key = PEM_read_PrivateKey(file, NULL, on_passphrase, &passphrase);
	if (key || passphrase.was_needed)
		warn_if_world_readable(tls, file, path);
	fclose(file);
	if (key && passphrase.text.len && !passphrase.was_needed)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "the private key in %s is not encrypted: key_passphrase has no effect",
		           path);
	if (key)
		return key;
	if (!passphrase.was_needed)
		report_form(args, pointer,
		            tls->conf->keyfile ? "a private key" : "keyfile, or a private key",
		            path, TLS_FORM_KEY);
	else if (!passphrase.text.len)
		report_fault(args, pointer,
		             "the private key in %s is encrypted: expected key_passphrase as well, "
		             "which only a "
		             "configuration file can contain",
		             path);
	else
		report_fault(args, "/key_passphrase",
		             "the passphrase does not open the private key in %s", path);
	return NULL;
}

/* The number of the certificate in certfile that the key fits, from 1; 0: none. */
static int find_owner(const struct tls *tls, EVP_PKEY *key, const X509 **cert_out)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(tls->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		*cert_out = sk_X509_value(chain, i);
		if (X509_check_private_key(*cert_out, key) == 1)
			return i + 2;
	}
	return 0;
}

static void report_misfit(const struct tls *tls, const spore_create_args *args, const char *pointer,
                          const char *path, EVP_PKEY *key)
{
	const char *certfile = tls->conf->certfile;
	char subject[160], first[160];
	const X509 *owner;
	int number = find_owner(tls, key, &owner);

	if (number)
		report_fault(
			args, pointer,
			"the private key in %s fits certificate %d of %s (%s), not the first "
			"(%s): expected this side's certificate first, then that of its "
			"issuer, and so on",
			path, number, certfile, tls_cert_subject(owner, subject, sizeof subject),
			tls_cert_subject(SSL_CTX_get0_certificate(tls->ctx), first, sizeof first));
	else
		report_fault(args, pointer,
		             "the private key in %s does not match the certificate in %s", path,
		             certfile);
}

static bool load_key(struct tls *tls, const spore_create_args *args)
{
	const struct tls_conf *conf = tls->conf;
	const char *pointer = conf->keyfile ? "/keyfile" : "/certfile";
	const char *path = conf->keyfile ? conf->keyfile : conf->certfile;
	EVP_PKEY *key = read_key(tls, args, pointer, path);
	bool good = false;

	if (!key)
		return false;
	if (X509_check_private_key(SSL_CTX_get0_certificate(tls->ctx), key) != 1)
		report_misfit(tls, args, pointer, path, key);
	else if (SSL_CTX_use_PrivateKey(tls->ctx, key) != 1)
		report_fault(args, pointer, "OpenSSL does not accept the private key in %s: %s",
		             path, tls_error_reason());
	else
		good = true;
	EVP_PKEY_free(key);
	return good;
}

/* ---- the certificate ---- */

/* Not an error: it may become valid soon, and the clock may be wrong. */
static void warn_if_not_yet_valid(const struct tls *tls)
{
	const ASN1_TIME *from = X509_get0_notBefore(SSL_CTX_get0_certificate(tls->ctx));
	char date[TLS_DATE_SIZE];

	if (X509_cmp_current_time(from) > 0)
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "the certificate in %s is not valid before %s", tls->conf->certfile,
		           tls_cert_date(from, date));
}

static void warn_of(const struct tls *tls, const char *flaw)
{
	spore_logf(tls->host, tls->log, SPORE_LOG_WARN, "the certificate in %s %s",
	           tls->conf->certfile, flaw);
}

/* Clients would refuse such a certificate of a server. Not errors, since clients with pins may take
 * it. */
static void warn_of_flaws(const struct tls *tls)
{
	X509 *own = SSL_CTX_get0_certificate(tls->ctx);
	STACK_OF(X509) *chain = NULL;

	if (X509_get_ext_by_NID(own, NID_subject_alt_name, -1) < 0)
		warn_of(tls, "has no subjectAltName: clients look for the server's name only "
		             "there");
	if (!(X509_get_extended_key_usage(own) & (XKU_SSL_SERVER | XKU_SGC)))
		warn_of(tls, "is not for servers: its extendedKeyUsage lacks serverAuth");
	SSL_CTX_get0_chain_certs(tls->ctx, &chain);
	if (sk_X509_num(chain) > 0 && X509_check_issued(sk_X509_value(chain, 0), own) != X509_V_OK)
		warn_of(tls, "is not issued by the next one in this file: each one must follow "
		             "the one that it issued");
}

static bool has_expired(const X509 *cert)
{
	return X509_cmp_current_time(X509_get0_notAfter(cert)) < 0;
}

/* False: the instance that this one is to replace has a valid certificate, and this one's has
 * expired, which has been reported. At a start there is no better one, so it is only warned of. */
static bool check_for_worse(const struct tls *tls, const spore_create_args *args)
{
	const struct tls *previous = args->previous;
	const X509 *own = SSL_CTX_get0_certificate(tls->ctx),
		   *in_use = previous ? SSL_CTX_get0_certificate(previous->ctx) : NULL;
	char expired[TLS_DATE_SIZE], valid[TLS_DATE_SIZE];

	if (!in_use || has_expired(in_use) || !has_expired(own))
		return true;
	return report_fault(args, "/certfile",
	                    "the certificate in %s expired on %s: the one in use, which is valid "
	                    "until %s, stays",
	                    tls->conf->certfile, tls_cert_date(X509_get0_notAfter(own), expired),
	                    tls_cert_date(X509_get0_notAfter(in_use), valid));
}

static bool load_certificate(struct tls *tls, const spore_create_args *args)
{
	const char *path = tls->conf->certfile;
	unsigned long code;

	if (!is_readable(args, "/certfile", path))
		return false;
	if (SSL_CTX_use_certificate_chain_file(tls->ctx, path) == 1) {
		warn_if_not_yet_valid(tls);
		if (tls->server)
			warn_of_flaws(tls);
		return check_for_skipped(args, "/certfile", path, TLS_FORM_CERTIFICATE) &&
		       check_for_worse(tls, args);
	}
	code = ERR_peek_error();
	if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
		return report_form(args, "/certfile", "a certificate", path, TLS_FORM_CERTIFICATE);
	return report_fault(args, "/certfile", "OpenSSL does not accept the certificate in %s: %s",
	                    path, tls_error_reason());
}

bool tls_files_load_own(struct tls *tls, const spore_create_args *args)
{
	const struct tls_conf *conf = tls->conf;

	if (!conf->certfile && conf->keyfile)
		return report_fault(args, "/keyfile",
		                    "expected certfile as well: the certificate of this key");
	if (!conf->certfile && tls->server)
		return report_fault(args, "",
		                    conf->certificates.count > 0
		                            ? "expected certfile and keyfile beside "
		                              "certificates: the certificate for all other names"
		                            : "expected certfile and keyfile: a server needs a "
		                              "certificate");
	if (!conf->certfile)
		return true;
	if (load_certificate(tls, args))
		return load_key(tls, args);
	if (conf->keyfile && strcmp(conf->keyfile, conf->certfile) != 0)
		EVP_PKEY_free(
			read_key(tls, args, "/keyfile", conf->keyfile)); /* may be wrong, too */
	return false;
}

/* ---- trusted authorities ---- */

/* A server tells its clients the issuers of the certificates that it accepts. An authority in the
 * store is such an issuer. Of a client's own certificate in the store, the issuer is told. */
static void announce_authorities(struct tls *tls)
{
	STACK_OF(X509) *certs = X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(tls->ctx));
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

	for (int i = 0; names && i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		X509_NAME *name = X509_NAME_dup(X509_check_ca(cert) ? X509_get_subject_name(cert)
		                                                    : X509_get_issuer_name(cert));

		if (name && !sk_X509_NAME_push(names, name))
			X509_NAME_free(name);
	}
	SSL_CTX_set_client_CA_list(tls->ctx, names);
	sk_X509_pop_free(certs, X509_free);
}

/* The system trusts authorities in this file or folder, or in those that the environment names. */
static bool has_store(const char *file, const char *folder)
{
	struct stat st;

	if (getenv(X509_get_default_cert_file_env()) || getenv(X509_get_default_cert_dir_env()))
		return true;
	return stat(file, &st) == 0 || stat(folder, &st) == 0;
}

static void warn_if_no_store(const struct tls *tls)
{
	const char *file = X509_get_default_cert_file(), *folder = X509_get_default_cert_dir();

	if (!tls->conf->insecure && !has_store(file, folder))
		spore_logf(tls->host, tls->log, SPORE_LOG_WARN,
		           "this system trusts no authorities (neither %s nor %s exists): without "
		           "cacertfile "
		           "no server's certificate will be accepted",
		           file, folder);
}

bool tls_files_load_trusted(struct tls *tls, const spore_create_args *args)
{
	const char *path = tls->conf->cacertfile;

	if (!path && tls->server)
		return true;
	if (!path) {
		SSL_CTX_set_default_verify_paths(tls->ctx);
		warn_if_no_store(tls);
		ERR_clear_error();
		return true;
	}
	if (!is_readable(args, "/cacertfile", path))
		return false;
	if (SSL_CTX_load_verify_file(tls->ctx, path) != 1)
		return report_form(args, "/cacertfile", "certificates", path, TLS_FORM_AUTHORITIES);
	if (tls->server)
		announce_authorities(tls);
	return check_for_skipped(args, "/cacertfile", path, TLS_FORM_AUTHORITIES);
}
