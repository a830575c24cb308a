/* tls_cert - fields of a certificate as text and as numbers. Pure. [any] */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

enum { TLS_DATE_SIZE = 40, TLS_IP_SIZE = 46 };

/* "2026-01-31 12:00:00 UTC". */
const char *tls_cert_date(const ASN1_TIME *time, char text_out[TLS_DATE_SIZE]);
/* Seconds since 1970; 0: unreadable. */
int64_t tls_cert_seconds(const ASN1_TIME *time);
/* The IP address of a certificate as text. False: it does not have 4 or 16 bytes. */
bool tls_cert_ip(const ASN1_STRING *ip, char text_out[TLS_IP_SIZE]);
/* True: the text is an IP address. */
bool tls_cert_is_ip(const char *text);
/* "CN=a,O=b", cut at `size`. */
const char *tls_cert_subject(const X509 *cert, char *out, size_t size);
const char *tls_cert_issuer(const X509 *cert, char *out, size_t size);
/* The host names and IP addresses, "a.example, b.example". Leaves out names that do not fit.
 * Returns `out`, or a static text if `out` is empty. */
const char *tls_cert_names(X509 *cert, char *out, size_t size);
/* The host names and IP addresses of `cert` that `other` lacks, in the same form. Leaves out names
 * that do not fit. Returns `out`, which is "" if there are none. */
const char *tls_cert_extra_names(X509 *cert, X509 *other, char *out, size_t size);

#endif
