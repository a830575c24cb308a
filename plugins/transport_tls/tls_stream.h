/* tls_stream - a spore_stream that speaks TLS on top of another one. [worker] */
#ifndef TLS_STREAM_H
#define TLS_STREAM_H

#include "tls.h"

extern const spore_stream_ops tls_stream_ops;

/* Returns SPORE_OK and the upper stream, which then owns args->lower; or a SPORE_E*. */
spore_status tls_stream_wrap(struct tls_worker *worker, const spore_wrap_args *args,
                             spore_stream **upper_out);

#endif
