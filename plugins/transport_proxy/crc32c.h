/* crc32c - the checksum of a header (CRC-32C, Castagnoli). Pure. [any] */
#ifndef PROXY_CRC32C_H
#define PROXY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with the bytes. Begin with crc 0. */
uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t n);

#endif
