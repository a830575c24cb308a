/* fault - how the readers of both versions say what is wrong with a header. Pure. [any] */
#ifndef PROXY_FAULT_H
#define PROXY_FAULT_H

#include "header.h"

enum { FOUND_SIZE = 40 };

/* Formats out->why. Returns HEADER_WRONG. */
__attribute__((format(printf, 3, 4))) enum header_result fault_set(struct header *out,
                                                                   enum header_fault fault,
                                                                   const char *format, ...);
/* Shows the first bytes: as text if they begin with some, else in hex. */
const char *fault_found(const uint8_t *bytes, size_t n, char out[FOUND_SIZE]);

#endif
