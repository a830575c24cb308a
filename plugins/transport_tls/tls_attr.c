#include "tls_attr.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "resume/tls_validity.h"
#include "tls_cert.h"

/* Returns a copy in *out that is valid until the next call. */
static bool return_bytes(struct tls_stream *stream, const void *bytes, size_t len, spore_str *out)
{
	free(stream->fact);
	stream->fact = malloc(len + 1);
	if (!stream->fact)
		return false;
	memcpy(stream->fact, bytes, len);
	stream->fact[len] = '\0';
	*out = (spore_str){ stream->fact, len };
	return true;
}

static bool return_text(struct tls_stream *stream, const char *text, spore_str *out)
{
	return text && return_bytes(stream, text, strlen(text), out);
}

/* ---- the connection ---- */

static bool version(struct tls_stream *stream, size_t index, spore_str *out)
{
	return index == 0 && return_text(stream, SSL_get_version(stream->ssl), out);
}

static bool cipher(struct tls_stream *stream, size_t index, spore_str *out)
{
	return index == 0 && return_text(stream, SSL_get_cipher_name(stream->ssl), out);
}

static bool sni(struct tls_stream *stream, size_t index, spore_str *out)
{
	return index == 0 &&
	       return_text(stream, SSL_get_servername(stream->ssl, TLSEXT_NAMETYPE_host_name), out);
}

static bool resumed(struct tls_stream *stream, size_t index, spore_str *out)
{
	return index == 0 && return_text(stream, SSL_session_reused(stream->ssl) ? "1" : "0", out);
}

/* RFC 9266. Before TLS 1.3 the exporter identifies the session only if the master secret depends on
 * the whole handshake (RFC 7627). */
static bool binding(struct tls_stream *stream, size_t index, spore_str *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char bytes[32];

	if (index > 0 ||
	    (SSL_version(stream->ssl) < TLS1_3_VERSION && SSL_get_extms_support(stream->ssl) != 1))
		return false;
	return SSL_export_keying_material(stream->ssl, bytes, sizeof bytes, label, sizeof label - 1,
	                                  (const unsigned char *)"", 0, 1) == 1 &&
	       return_bytes(stream, bytes, sizeof bytes, out);
}

/* ---- the peer's verified certificate ---- */

static bool return_name(struct tls_stream *stream, const X509_NAME *name, spore_str *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool given = false;
	char *text;
	long len;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0 &&
	    (len = BIO_get_mem_data(bio, &text)) > 0)
		given = return_bytes(stream, text, (size_t)len, out);
	BIO_free(bio);
	return given;
}

static bool subject(struct tls_stream *stream, size_t index, spore_str *out)
{
	X509 *cert = SSL_get0_peer_certificate(stream->ssl);

	return cert && index == 0 && return_name(stream, X509_get_subject_name(cert), out);
}

static bool issuer(struct tls_stream *stream, size_t index, spore_str *out)
{
	X509 *cert = SSL_get0_peer_certificate(stream->ssl);

	return cert && index == 0 && return_name(stream, X509_get_issuer_name(cert), out);
}

static bool sha256(struct tls_stream *stream, size_t index, spore_str *out)
{
	X509 *cert = SSL_get0_peer_certificate(stream->ssl);
	unsigned char digest[32];
	char hex[2 * sizeof digest + 1];

	if (!cert || index > 0 || X509_digest(cert, EVP_sha256(), digest, NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return return_text(stream, hex, out);
}

static bool return_general_name(struct tls_stream *stream, const GENERAL_NAME *name, spore_str *out)
{
	const ASN1_STRING *value = name->d.ia5;
	const unsigned char *bytes = ASN1_STRING_get0_data(value);
	size_t len = (size_t)ASN1_STRING_length(value);

	/* A NUL would make the name look like a shorter one. */
	return !memchr(bytes, 0, len) && return_bytes(stream, bytes, len, out);
}

static bool return_ip(struct tls_stream *stream, const GENERAL_NAME *name, spore_str *out)
{
	char text[TLS_IP_SIZE];

	return tls_cert_ip(name->d.iPAddress, text) && return_text(stream, text, out);
}

/* Decodes the names once for several questions about one stream. */
static const GENERAL_NAMES *names_of(const struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;
	X509 *cert = SSL_get0_peer_certificate(stream->ssl);

	if (worker->names_of != stream) {
		tls_attr_forget(worker);
		worker->names = cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL)
		                     : NULL;
		worker->names_of = stream;
	}
	return worker->names;
}

void tls_attr_forget(struct tls_worker *worker)
{
	GENERAL_NAMES_free(worker->names);
	worker->names = NULL;
	worker->names_of = NULL;
}

/* Returns the index-th name of that type. */
static bool san(struct tls_stream *stream, int type, size_t index, spore_str *out)
{
	const GENERAL_NAMES *names = names_of(stream);
	size_t at = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == type && at++ == index)
			return type == GEN_IPADD ? return_ip(stream, name, out)
			                         : return_general_name(stream, name, out);
	}
	return false;
}

static bool san_dns(struct tls_stream *stream, size_t index, spore_str *out)
{
	return san(stream, GEN_DNS, index, out);
}

static bool san_email(struct tls_stream *stream, size_t index, spore_str *out)
{
	return san(stream, GEN_EMAIL, index, out);
}

static bool san_uri(struct tls_stream *stream, size_t index, spore_str *out)
{
	return san(stream, GEN_URI, index, out);
}

static bool san_ip(struct tls_stream *stream, size_t index, spore_str *out)
{
	return san(stream, GEN_IPADD, index, out);
}

/* "1" if nothing about the peer is verified. */
static bool insecure(struct tls_stream *stream, size_t index, spore_str *out)
{
	const struct tls *tls = stream->worker->tls;

	*out = spore_cstr("1");
	return index == 0 && tls->conf->insecure && !tls->conf->pins.count;
}

/* The certificates, or the time for which they count, have expired since the handshake. */
static bool stale(struct tls_stream *stream, size_t index, spore_str *out)
{
	SSL_SESSION *session = SSL_get_session(stream->ssl);

	*out = spore_cstr("1");
	return index == 0 && session && tls_validity_has_begun(session) &&
	       !tls_validity_holds(stream->worker->tls, session);
}

static bool expired(struct tls_stream *stream, size_t index, spore_str *out)
{
	SSL_SESSION *session = SSL_get_session(stream->ssl);

	*out = spore_cstr("1");
	return index == 0 && session && tls_validity_has_expired(session);
}

/* ---- the table ---- */

static const struct {
	const char *key;
	bool (*read)(struct tls_stream *stream, size_t index, spore_str *out);
} facts[] = {
	{ SPORE_ATTR_CHANNEL_BINDING, binding },
	{ SPORE_ATTR_INSECURE, insecure },
	{ SPORE_ATTR_STALE, stale },
	{ SPORE_ATTR_EXPIRED, expired },
	{ "tls.version", version },
	{ "tls.cipher", cipher },
	{ "tls.sni", sni },
	{ "tls.resumed", resumed },
	{ "x509.subject", subject },
	{ "x509.issuer", issuer },
	{ "x509.sha256", sha256 },
	{ "x509.san.dns", san_dns },
	{ "x509.san.email", san_email },
	{ "x509.san.uri", san_uri },
	{ "x509.san.ip", san_ip },
};

const char *const tls_attr_keys[] = {
	"tls.version",  "tls.cipher",   "tls.sni",
	"tls.resumed",  "x509.subject", "x509.issuer",
	"x509.sha256",  "x509.san.dns", "x509.san.email",
	"x509.san.uri", "x509.san.ip",  SPORE_ATTR_CHANNEL_BINDING,
	NULL,
};

uint32_t tls_attr(struct tls_stream *stream, const char *key, size_t index, spore_str *out)
{
	bool found = false;

	if (!stream->open)
		return 0;
	for (size_t i = 0; i < sizeof facts / sizeof *facts && !found; i++)
		found = strcmp(facts[i].key, key) == 0 && facts[i].read(stream, index, out);
	ERR_clear_error();
	return found;
}
