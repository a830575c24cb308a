/* tls_form - says what a file holds in place of the PEM form of a key or of certificates, and which
 * command converts it. [main] */
#ifndef TLS_FORM_H
#define TLS_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum tls_form_use { TLS_FORM_KEY, TLS_FORM_CERTIFICATE, TLS_FORM_AUTHORITIES, TLS_FORM_USES };

/* Writes for example
 *     a certificate in DER form: `openssl x509 -inform DER -in a.cer -out new.pem` converts it
 * or "none". Reads the file again. Returns `out`. */
const char *tls_form_describe(const char *path, enum tls_form_use use, char *out, size_t size);

/* Does the file have certificates that OpenSSL skips, because of their label? Writes for example
 *     a certificate under the label "CERT" */
bool tls_form_is_skipped(const char *path, enum tls_form_use use, char *out, size_t size);

#endif
