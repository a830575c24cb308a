#include "tls_error.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

void tls_error_set(struct tls_stream *stream, const char *format, ...)
{
	char text[480];
	va_list ap;

	if (stream->why)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	stream->why = strdup(text);
}

const char *tls_error_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	return text ? text : "unknown cause";
}

/* Errors of OpenSSL, most of them alerts from the peer. */
struct reason {
	int code;
	const char *text; /* one %s: the peer */
};

static const struct reason reasons[] = {
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
	  "%s demands a certificate: set certfile and keyfile" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	  "%s refused our certificate: it does not trust the issuing authority" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
	  "%s refused our certificate: expired, or not yet valid" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "%s refused our certificate: revoked" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
	  "%s refused our certificate: its name or its pin is not the expected one, or it is not "
	  "valid yet" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "%s refused our certificate" },
	{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
	  "%s refused our certificate: it is not valid for this use" },
	{ SSL_R_TLSV1_ALERT_ACCESS_DENIED, "%s refused our certificate: access denied" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
	  "%s refused the TLS handshake: no common cipher or group, or it demands a certificate" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "%s refused the TLS version: no common version" },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	  "%s offers no TLS version that is allowed here (min_version)" },
	{ SSL_R_VERSION_TOO_LOW, "%s offers no TLS version that is allowed here (min_version)" },
	{ SSL_R_WRONG_SSL_VERSION, "%s offers no TLS version that is allowed here (min_version)" },
	{ SSL_R_NO_SHARED_CIPHER, "%s offers no cipher that is allowed here" },
	{ SSL_R_NO_SUITABLE_GROUPS, "%s offers no group that is allowed here" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE, "%s offers no group that is allowed here" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
	  "%s sent no certificate, which cacertfile demands" },
};

static void explain_reason(struct tls_stream *stream)
{
	const char *peer = tls_peer(stream->worker->tls);
	unsigned long code = ERR_peek_error();

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reasons[i].code) {
			tls_error_set(stream, reasons[i].text, peer);
			return;
		}
	}
	tls_error_set(stream, "TLS with %s failed: %s", peer, tls_error_reason());
}

bool tls_error_speaks_tls(const struct tls_stream *stream)
{
	enum { ALERT = 21, HANDSHAKE = 22 };

	return !stream->has_first || stream->first == HANDSHAKE || stream->first == ALERT;
}

/* The likely causes of an end before the peer's first byte. A server says nothing to an address
 * that it bans or denies. */
static const char *early_hint(const struct tls_stream *stream)
{
	if (stream->has_first)
		return "";
	return stream->worker->tls->server
	               ? ": does it speak TLS?"
	               : ": does it speak TLS, and does it let this address in (its log names "
	                 "bans and access lists)?";
}

static void explain_opening(struct tls_stream *stream)
{
	const char *peer = tls_peer(stream->worker->tls);

	if (!tls_error_speaks_tls(stream) && stream->worker->tls->server)
		tls_error_set(stream, "the other side does not speak TLS, which this port demands "
		                      "(at the control port, a Spore client needs --tls)");
	else if (!tls_error_speaks_tls(stream))
		tls_error_set(stream, "the server does not speak TLS on this port: start it with "
		                      "--tls, or do not use TLS here");
	else if (stream->below_ended || stream->in_below != SPORE_OK ||
	         stream->out_below != SPORE_OK)
		tls_error_set(stream, "%s closed the connection during the TLS handshake%s", peer,
		              early_hint(stream));
	else
		explain_reason(stream);
}

spore_status tls_error_take(struct tls_stream *stream)
{
	const char *peer = tls_peer(stream->worker->tls);

	if (!stream->open)
		explain_opening(stream);
	else if (stream->below_ended)
		tls_error_set(stream,
		              "the stream was cut off: %s closed the connection without a TLS "
		              "close alert",
		              peer);
	else if (stream->in_below == SPORE_OK)
		explain_reason(stream);
	ERR_clear_error();
	return stream->in_below != SPORE_OK ? stream->in_below : SPORE_EPROTO;
}
