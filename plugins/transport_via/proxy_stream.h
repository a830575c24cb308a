/* proxy_stream - the stream to a server through a proxy. It talks to the proxy during the handshake
 * and changes nothing afterwards, so the host may use the descriptor itself. */
#ifndef TRANSPORT_VIA_STREAM_H
#define TRANSPORT_VIA_STREAM_H

#include "proxy.h"

extern const spore_stream_ops proxy_stream_ops;

/* Implements spore_transport_ops.wrap. */
spore_status proxy_stream_wrap(const struct proxy_worker *worker, const spore_wrap_args *args,
                               spore_stream **upper_out);

#endif
