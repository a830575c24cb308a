/* tls_config - makes OpenSSL's context from the options, and reports each mistake with its place.
 * [main] */
#ifndef TLS_CONFIG_H
#define TLS_CONFIG_H

#include "../tls.h"

/* Makes tls->ctx. Returns SPORE_OK, or a SPORE_E* after all mistakes were
 * reported. */
spore_status tls_config_load(struct tls *tls, const spore_create_args *args);

#endif
