/* tls_attr - facts about a TLS connection. [worker] */
#ifndef TLS_ATTR_H
#define TLS_ATTR_H

#include "tls.h"

/* All keys that tls_attr() may answer; NULL-terminated. */
extern const char *const tls_attr_keys[];
/* Implements spore_stream_ops.attr. */
uint32_t tls_attr(struct tls_stream *stream, const char *key, size_t index, spore_str *out);

/* Drops what is cached for the stream that was asked last. */
void tls_attr_forget(struct tls_worker *worker);

#endif
