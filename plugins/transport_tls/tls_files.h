/* tls_files - certificates and keys from files in PEM form, into OpenSSL's context. [main] */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include "tls.h"

/* Each false once what is wrong was reported. */
/* This side's own certificate, with its chain, and its key. */
bool tls_files_load_own(struct tls *tls, const spore_create_args *args);
/* Whom to trust. */
bool tls_files_load_trusted(struct tls *tls, const spore_create_args *args);

#endif
