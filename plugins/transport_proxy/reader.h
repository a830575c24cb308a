/* reader - reads a header of either version. Pure. [any]
 *
 * It never asks for more bytes than the header has, so that whoever reads from a socket takes none
 * of the bytes behind it. */
#ifndef PROXY_READER_H
#define PROXY_READER_H

#include "header.h"

/* Reads the first n bytes of a connection, from the beginning whenever more have come. */
enum header_result reader_read(const uint8_t *bytes, size_t n, struct header *out);

#endif
