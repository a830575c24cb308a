/* tls_files - loads certificates and keys from PEM files into OpenSSL's context. [main] */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include "../tls.h"

/* Both return false after a mistake was reported. */

/* Loads this side's certificate, its chain and its key. */
bool tls_files_load_own(struct tls *tls, const spore_create_args *args);
/* Loads the trusted authorities. */
bool tls_files_load_trusted(struct tls *tls, const spore_create_args *args);

#endif
