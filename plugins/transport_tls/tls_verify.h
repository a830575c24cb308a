/* tls_verify - is the other side who it should be? Fails closed, and says why in words. */
#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

#include "tls.h"

/* Has the context verify with what the options say. [main] */
void tls_verify_set_up(struct tls *tls);
/* Client: whom the certificate must name, which has 1 to 255 bytes. False: it has not, or out of
 * memory. [worker] */
bool tls_verify_expect(SSL *ssl, const char *name);
/* "sha256:HEX" into 32 bytes. [any] */
bool tls_verify_parse_pin(const char *text, uint8_t pin_out[TLS_PIN_SIZE]);

enum { TLS_DATE_SIZE = 40 };
/* "2026-01-31 12:00:00 UTC". [any] */
const char *tls_verify_date(const ASN1_TIME *time, char text_out[TLS_DATE_SIZE]);
/* Seconds since 1970; 0: unreadable. [any] */
int64_t tls_verify_seconds(const ASN1_TIME *time);
/* A certificate's IP address as text; false: it has neither 4 nor 16 bytes, so it is none. [any] */
enum { TLS_IP_SIZE = 46 };
bool tls_verify_ip(const ASN1_STRING *ip, char text_out[TLS_IP_SIZE]);
/* Whose certificate it is, as "CN=a,O=b", cut where `out` ends. [any] */
const char *tls_verify_subject(const X509 *cert, char *out, size_t size);

#endif
