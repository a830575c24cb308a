#include "tls_verify.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "tls_error.h"
#include "tls_validity.h"

/* ---- certificates in words ---- */

const char *tls_verify_date(const ASN1_TIME *time, char text_out[TLS_DATE_SIZE])
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(time, &tm) ||
	    !strftime(text_out, TLS_DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(text_out, TLS_DATE_SIZE, "an unreadable date");
	return text_out;
}

int64_t tls_verify_seconds(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

static const char *name_text(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	return n > 0 ? out : "(no name)";
}

static bool is_ip(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

const char *tls_verify_subject(const X509 *cert, char *out, size_t size)
{
	return name_text(X509_get_subject_name(cert), out, size);
}

bool tls_verify_ip(const ASN1_STRING *ip, char text_out[TLS_IP_SIZE])
{
	int len = ASN1_STRING_length(ip);

	return (len == 4 || len == 16) &&
	       inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text_out,
	                 TLS_IP_SIZE) != NULL;
}

/* A host's name that is written as an address is none, and one with a NUL is cut there: both look
 * like another. */
static void host_text(const ASN1_STRING *host, char *out, size_t size)
{
	const char *bytes = (const char *)ASN1_STRING_get0_data(host);
	int len = ASN1_STRING_length(host);
	bool cut = memchr(bytes, 0, (size_t)len) != NULL;

	snprintf(out, size, "%.*s", len, bytes);
	if (cut)
		snprintf(out, size, "%.*s (and a NUL)", len, bytes);
	else if (is_ip(out))
		snprintf(out, size, "%.*s (as a host's name)", len, bytes);
}

/* One of the certificate's names, as text; "" for one that is neither a host's nor an address. */
static void general_name_text(const GENERAL_NAME *name, char *out, size_t size)
{
	char ip[TLS_IP_SIZE];

	*out = '\0';
	if (name->type == GEN_DNS)
		host_text(name->d.dNSName, out, size);
	else if (name->type == GEN_IPADD && tls_verify_ip(name->d.iPAddress, ip))
		snprintf(out, size, "%s", ip);
}

/* "a.example, b.example"; what does not fit is left out. */
static const char *names_text(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t len = 0;

	*out = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		char text[128];

		general_name_text(sk_GENERAL_NAME_value(names, i), text, sizeof text);
		if (*text && len + strlen(text) + 3 < size)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "",
			                        text);
	}
	GENERAL_NAMES_free(names);
	return len ? out : "(none: it has no subject alternative name)";
}

static void pin_text(const uint8_t pin[TLS_PIN_SIZE], char out[2 * TLS_PIN_SIZE + 8])
{
	strcpy(out, "sha256:");
	for (size_t i = 0; i < TLS_PIN_SIZE; i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", pin[i]);
}

/* ---- causes ---- */

/* What would make an unknown issuer known. */
static const char *remedy(const struct tls *tls)
{
	if (tls->server)
		return "cacertfile does not hold the authority that issued it";
	if (tls->conf->cacertfile)
		return "cacertfile does not hold the authority that issued it, and replaces the system's";
	return "--cacertfile FILE would trust the authority in FILE; --insecure would trust anybody";
}

static void explain_name(struct tls_stream *stream, X509 *cert)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(stream->ssl);
	char *ip = X509_VERIFY_PARAM_get1_ip_asc(param), names[256];
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);

	tls_error_set(stream,
	              "the server's certificate is for another: the name %s is not in the certificate's names %s (server_name sets what is expected)",
	              ip     ? ip
	              : host ? host
	                     : "",
	              names_text(cert, names, sizeof names));
	OPENSSL_free(ip);
}

static void explain(struct tls_stream *stream, X509_STORE_CTX *store)
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
		tls_error_set(stream, "%s certificate has expired since %s (%s)", whose,
		              tls_verify_date(X509_get0_notAfter(cert), date),
		              tls_verify_subject(cert, name, sizeof name));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tls_error_set(stream,
		              "%s certificate is not valid before %s (%s): is this machine's clock right?",
		              whose, tls_verify_date(X509_get0_notBefore(cert), date),
		              tls_verify_subject(cert, name, sizeof name));
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		explain_name(stream, cert);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		tls_error_set(stream, "%s certificate is self-signed and not trusted: %s", whose,
		              remedy(tls));
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		tls_error_set(stream, "%s certificate is by an unknown authority, %s: %s", whose,
		              name_text(X509_get_issuer_name(cert), name, sizeof name),
		              remedy(tls));
		break;
	default:
		tls_error_set(stream, "%s certificate is not accepted: %s", whose,
		              X509_verify_cert_error_string(error));
		break;
	}
}

/* ---- pins ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

bool tls_verify_parse_pin(const char *text, uint8_t pin_out[TLS_PIN_SIZE])
{
	if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != 7 + 2 * TLS_PIN_SIZE)
		return false;
	for (size_t i = 0; i < TLS_PIN_SIZE; i++) {
		int high = hex_value(text[7 + 2 * i]), low = hex_value(text[8 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		pin_out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* SHA-256 over the public key as it stands in the certificate (SubjectPublicKeyInfo). */
static bool pin_of(X509 *cert, uint8_t pin_out[TLS_PIN_SIZE])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool good = len > 0 && EVP_Digest(der, (size_t)len, pin_out, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return good;
}

static bool matches_pins(struct tls_stream *stream, X509 *cert)
{
	const struct tls *tls = stream->worker->tls;
	char text[2 * TLS_PIN_SIZE + 8];
	uint8_t pin[TLS_PIN_SIZE];

	if (!tls->n_pins)
		return true;
	if (!cert || !pin_of(cert, pin)) {
		tls_error_set(stream, "the server's public key could not be read");
		return false;
	}
	for (size_t i = 0; i < tls->n_pins; i++) {
		if (memcmp(pin, tls->pins[i], TLS_PIN_SIZE) == 0)
			return true;
	}
	pin_text(pin, text);
	tls_error_set(stream, "the server's public key is none of the pins: found %s", text);
	return false;
}

/* ---- the verdict ---- */

/* In place of OpenSSL's own, which gives no place to say why. 1: trusted. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *stream = SSL_get_app_data(ssl);
	const struct tls *tls = arg;

	if (!tls->conf->insecure && X509_verify_cert(store) != 1) {
		explain(stream, store);
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
	SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(tls->ctx, on_verify, tls);
}

bool tls_verify_expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	char host[TLSEXT_MAXLEN_host_name + 1];
	size_t len = strlen(name);

	/* The dot of an absolute name stands in no certificate, nor is it sent (RFC 6066, 3). */
	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof host)
		return false;
	memcpy(host, name, len);
	host[len] = '\0';
	/* The common name says nothing about hosts; only the alternative names do. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
	                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (is_ip(host))
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}
