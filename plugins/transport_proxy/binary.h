/* binary - version 2 of the header: 16 fixed bytes, addresses, and further values (TLVs). Pure.
 * [any] */
#ifndef PROXY_BINARY_H
#define PROXY_BINARY_H

#include "header.h"

enum { BINARY_SIGNATURE_SIZE = 12 };
extern const uint8_t binary_signature[BINARY_SIGNATURE_SIZE];

/* Does the same as reader_read for this form of the header. The caller has checked that the bytes
 * begin with the signature, or with the part of it that has come. */
enum header_result binary_read(const uint8_t *bytes, size_t n, struct header *out);

#endif
