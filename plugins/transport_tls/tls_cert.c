#include "tls_cert.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *tls_cert_date(const ASN1_TIME *time, char text_out[TLS_DATE_SIZE])
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(time, &tm) ||
	    !strftime(text_out, TLS_DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(text_out, TLS_DATE_SIZE, "an unreadable date");
	return text_out;
}

int64_t tls_cert_seconds(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

static const char *print_name(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	return n > 0 ? out : "(no name)";
}

bool tls_cert_is_ip(const char *text)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

const char *tls_cert_subject(const X509 *cert, char *out, size_t size)
{
	return print_name(X509_get_subject_name(cert), out, size);
}

const char *tls_cert_issuer(const X509 *cert, char *out, size_t size)
{
	return print_name(X509_get_issuer_name(cert), out, size);
}

bool tls_cert_ip(const ASN1_STRING *ip, char text_out[TLS_IP_SIZE])
{
	int len = ASN1_STRING_length(ip);

	return (len == 4 || len == 16) &&
	       inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text_out,
	                 TLS_IP_SIZE) != NULL;
}

/* Marks host names that do not match what they look like: an IP address as a host name matches
 * nothing, and a name with a NUL looks shorter than it is. */
static void host_text(const ASN1_STRING *host, char *out, size_t size)
{
	const char *bytes = (const char *)ASN1_STRING_get0_data(host);
	int len = ASN1_STRING_length(host);
	bool cut = memchr(bytes, 0, (size_t)len) != NULL;

	snprintf(out, size, "%.*s", len, bytes);
	if (cut)
		snprintf(out, size, "%.*s (and a NUL)", len, bytes);
	else if (tls_cert_is_ip(out))
		snprintf(out, size, "%.*s (as a host name)", len, bytes);
}

/* Writes a host name or an IP address; "" for any other type of name. */
static void general_name_text(const GENERAL_NAME *name, char *out, size_t size)
{
	char ip[TLS_IP_SIZE];

	*out = '\0';
	if (name->type == GEN_DNS)
		host_text(name->d.dNSName, out, size);
	else if (name->type == GEN_IPADD && tls_cert_ip(name->d.iPAddress, ip))
		snprintf(out, size, "%s", ip);
}

static bool has_name(GENERAL_NAMES *names, GENERAL_NAME *wanted)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), wanted) == 0)
			return true;
	}
	return false;
}

static const char *list_names(GENERAL_NAMES *names, GENERAL_NAMES *without, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char text[128];

		general_name_text(name, text, sizeof text);
		if (*text && len + strlen(text) + 3 < size && !has_name(without, name))
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "",
			                        text);
	}
	return out;
}

static GENERAL_NAMES *read_names(X509 *cert)
{
	return X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
}

const char *tls_cert_names(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *names = read_names(cert);

	list_names(names, NULL, out, size);
	GENERAL_NAMES_free(names);
	return *out ? out : "(no host name or IP address)";
}

const char *tls_cert_extra_names(X509 *cert, X509 *other, char *out, size_t size)
{
	GENERAL_NAMES *names = read_names(cert), *without = read_names(other);

	list_names(names, without, out, size);
	GENERAL_NAMES_free(names);
	GENERAL_NAMES_free(without);
	return out;
}
