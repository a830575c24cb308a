/* line - version 1 of the header: one line of text, as "PROXY TCP4 192.0.2.1 192.0.2.9 40000 80".
 * Pure. [any] */
#ifndef PROXY_LINE_H
#define PROXY_LINE_H

#include "header.h"

/* Does the same as reader_read for this form of the header. The caller has checked that the bytes
 * begin with the signature, or with the part of it that has come. */
enum header_result line_read(const uint8_t *bytes, size_t n, struct header *out);

#endif
