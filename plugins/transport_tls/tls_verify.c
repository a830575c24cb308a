#include "tls_verify.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "resume/tls_validity.h"
#include "tls_cert.h"
#include "tls_error.h"

/* ---- why a certificate is rejected ---- */

/* What to do about an unknown issuer. */
static const char *issuer_remedy(const struct tls *tls)
{
	if (tls->server)
		return "cacertfile does not contain the issuing authority";
	if (tls->conf->cacertfile)
		return "cacertfile does not contain the issuing authority, and replaces those of "
		       "the system";
	return "--cacertfile FILE trusts the authorities in FILE; --insecure skips the check";
}

static void explain_name(struct tls_stream *stream, X509 *cert)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(stream->ssl);
	char *ip = X509_VERIFY_PARAM_get1_ip_asc(param), names[256];
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);

	tls_error_set(stream,
	              "the server's certificate is for another host: the name %s is not among its "
	              "names %s "
	              "(server_name sets the expected name)",
	              ip     ? ip
	              : host ? host
	                     : "",
	              tls_cert_names(cert, names, sizeof names));
	OPENSSL_free(ip);
}

static void explain_rejection(struct tls_stream *stream, X509_STORE_CTX *store)
{
	const struct tls *tls = stream->worker->tls;
	const char *whose = tls->server ? "the client's" : "the server's";
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int error = X509_STORE_CTX_get_error(store);
	char date[TLS_DATE_SIZE], name[160] = "";

	if (!cert)
		cert = X509_STORE_CTX_get0_cert(store);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		tls_error_set(stream, "%s certificate expired on %s (%s)", whose,
		              tls_cert_date(X509_get0_notAfter(cert), date),
		              tls_cert_subject(cert, name, sizeof name));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tls_error_set(stream,
		              "%s certificate is not valid before %s (%s): is the clock of this "
		              "machine right?",
		              whose, tls_cert_date(X509_get0_notBefore(cert), date),
		              tls_cert_subject(cert, name, sizeof name));
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		explain_name(stream, cert);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		tls_error_set(stream, "%s certificate is self-signed and not trusted: %s", whose,
		              issuer_remedy(tls));
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		tls_error_set(stream, "%s certificate is issued by an unknown authority, %s: %s%s",
		              whose, tls_cert_issuer(cert, name, sizeof name), issuer_remedy(tls),
		              tls->server || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
		                      ? ""
		                      : " (or the server has failed to send an intermediate "
		                        "certificate)");
		break;
	default:
		tls_error_set(stream, "%s certificate is rejected: %s", whose,
		              X509_verify_cert_error_string(error));
		break;
	}
}

/* ---- pins ---- */

enum { PIN_TEXT_SIZE = sizeof "sha256:" + 2 * sizeof(spore_sha256) };

static void pin_text(const spore_sha256 *pin, char out[PIN_TEXT_SIZE])
{
	strcpy(out, "sha256:");
	for (size_t i = 0; i < sizeof pin->bytes; i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", pin->bytes[i]);
}

/* SHA-256 of the public key as it is encoded in the certificate (SubjectPublicKeyInfo). */
static bool pin_of(X509 *cert, spore_sha256 *pin_out)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool good = len > 0 &&
	            EVP_Digest(der, (size_t)len, pin_out->bytes, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return good;
}

static bool matches_pins(struct tls_stream *stream, X509 *cert)
{
	const struct tls *tls = stream->worker->tls;
	const spore_list *pins = &tls->conf->pins;
	const spore_sha256 *allowed = pins->items;
	char text[PIN_TEXT_SIZE];
	spore_sha256 pin;

	if (!pins->count)
		return true;
	if (!cert || !pin_of(cert, &pin)) {
		tls_error_set(stream, "cannot read the server's public key");
		return false;
	}
	for (size_t i = 0; i < pins->count; i++) {
		if (memcmp(&pin, &allowed[i], sizeof pin) == 0)
			return true;
	}
	pin_text(&pin, text);
	tls_error_set(stream, "the server's public key matches no pin: found %s", text);
	return false;
}

/* ---- verification ---- */

/* OpenSSL calls this in place of X509_verify_cert(). It calls X509_verify_cert() itself, unless the
 * operator does not want that, explains a rejection in words, and checks the pins. Returns 1 to
 * accept the peer. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *stream = SSL_get_app_data(ssl);
	const struct tls *tls = arg;

	if (!tls->conf->insecure && X509_verify_cert(store) != 1) {
		explain_rejection(stream, store);
		return 0;
	}
	if (!matches_pins(stream, X509_STORE_CTX_get0_cert(store))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	if (!tls_validity_begin(tls, SSL_get_session(ssl), X509_STORE_CTX_get0_chain(store))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

void tls_verify_set_up(struct tls *tls)
{
	if (tls->server && !tls->conf->cacertfile)
		return;
	/* Each certificate in cacertfile is trusted by itself, also an intermediate authority
	 * without its root, or the peer's own certificate. GnuTLS, Go and curl do the same. */
	if (tls->conf->cacertfile)
		X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->ctx),
		                            X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(tls->ctx, on_verify, tls);
}

bool tls_verify_expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	char host[TLSEXT_MAXLEN_host_name + 1];
	size_t len = strlen(name);

	/* Certificates and SNI omit the final dot of an absolute name (RFC 6066, 3). */
	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof host)
		return false;
	memcpy(host, name, len);
	host[len] = '\0';
	/* Only the alternative names count, not the common name. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
	                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (tls_cert_is_ip(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}
