/* value_digest - a SHA-256 digest as "sha256:HEX". [main] */
#ifndef CORE_VALUE_DIGEST_H
#define CORE_VALUE_DIGEST_H

#include <spore/option.h>

#include "option/scope.h"

/* Reads "sha256:" and 64 hex digits of either case. False after adding the mistake to the diag. */
bool value_read_sha256(const struct option_scope *scope, const struct json *node,
                       spore_sha256 *out);

/* Size of "sha256:HEX" with its NUL. */
#define VALUE_SHA256_SIZE 72
/* Writes the digest as hexadecimal digits in lower case. Returns `out`. [any] */
const char *value_format_sha256(const spore_sha256 *digest, char out[VALUE_SHA256_SIZE]);

#endif
