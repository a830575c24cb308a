#include "tls_validity.h"

#include <time.h>

#include "../tls_cert.h"

/* until_ms is monotonic time; until_s is wall-clock time, as in certificates. */
struct validity {
	int64_t until_ms, until_s;
};

static bool read_validity(SSL_SESSION *session, struct validity *validity_out)
{
	void *bytes;
	size_t len;

	if (!SSL_SESSION_get0_ticket_appdata(session, &bytes, &len) || len != sizeof *validity_out)
		return false;
	memcpy(validity_out, bytes, len);
	return true;
}

static int64_t first_end(STACK_OF(X509) * chain)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end = tls_cert_seconds(X509_get0_notAfter(sk_X509_value(chain, i)));

		if (end < first)
			first = end;
	}
	return first;
}

bool tls_validity_begin(const struct tls *tls, SSL_SESSION *session, STACK_OF(X509) * chain)
{
	struct validity validity = { tls->host->now_ms() + tls->conf->ticket_life,
		                     first_end(chain) };

	return SSL_SESSION_set1_ticket_appdata(session, &validity, sizeof validity) == 1;
}

bool tls_validity_has_begun(SSL_SESSION *session)
{
	struct validity validity;

	return read_validity(session, &validity);
}

bool tls_validity_has_expired(SSL_SESSION *session)
{
	struct validity validity;

	return read_validity(session, &validity) && time(NULL) >= validity.until_s;
}

bool tls_validity_holds(const struct tls *tls, SSL_SESSION *session)
{
	struct validity validity;

	return read_validity(session, &validity) && tls->host->now_ms() < validity.until_ms &&
	       time(NULL) < validity.until_s;
}
