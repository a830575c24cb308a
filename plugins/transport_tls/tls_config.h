/* tls_config - from the operator's options to OpenSSL's context; each mistake is reported with its
 * place. [main] */
#ifndef TLS_CONFIG_H
#define TLS_CONFIG_H

#include "tls.h"

/* Makes tls->ctx and tls->pins. SPORE_OK, or a SPORE_E* once everything that is wrong was reported.
 */
spore_status tls_config_load(struct tls *tls, const spore_create_args *args);

#endif
