#include "tls.h"

#include <openssl/x509v3.h>

#include "../common/report.h"

/* OpenSSL writes to a certificate when it is used for the first time. This use is here, so that the
 * workers, which share the authorities, only read them. */
static void use_authorities_once(SSL_CTX *tls)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls));

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (certificate)
			X509_check_purpose(certificate, -1, 0);
	}
}

static bool set_authorities(SSL_CTX *tls, const spore_create_args *args, const char *cacertfile)
{
	if (!cacertfile)
		return SSL_CTX_set_default_verify_paths(tls) == 1;
	if (SSL_CTX_load_verify_file(tls, cacertfile) == 1)
		return true;
	report(args, "/cacertfile", "expected a file of certificates in PEM form: %s", cacertfile);
	return false;
}

static bool set_certificate(SSL_CTX *tls, const spore_create_args *args,
                            const struct tls_options *options)
{
	bool has_certificate;

	if (!options->certfile && !options->keyfile)
		return true;
	if (!options->certfile || !options->keyfile) {
		report(args, options->certfile ? "/certfile" : "/keyfile",
		       "expected certfile and keyfile together");
		return false;
	}
	has_certificate = SSL_CTX_use_certificate_chain_file(tls, options->certfile) == 1;
	if (!has_certificate)
		report(args, "/certfile", "expected a certificate in PEM form: %s",
		       options->certfile);
	if (SSL_CTX_use_PrivateKey_file(tls, options->keyfile, SSL_FILETYPE_PEM) == 1 &&
	    (!has_certificate || SSL_CTX_check_private_key(tls) == 1))
		return has_certificate;
	report(args, "/keyfile",
	       "expected the private key of the certificate, in PEM form and not encrypted: %s",
	       options->keyfile);
	return false;
}

SSL_CTX *tls_new(const spore_create_args *args, const struct tls_options *options)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	bool good;

	if (!tls)
		return NULL;
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	good = set_authorities(tls, args, options->cacertfile);
	good = set_certificate(tls, args, options) && good;
	if (good) {
		use_authorities_once(tls);
		return tls;
	}
	SSL_CTX_free(tls);
	return NULL;
}
