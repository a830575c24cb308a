/* tls - what TLS to Redis needs: the authorities, and a certificate of this server. */
#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>
#include <spore/plugin.h>
#include <stdbool.h>

struct tls_options {
	const char *cacertfile;         /* NULL: the system's authorities */
	const char *certfile, *keyfile; /* NULL: no certificate */
};

/* Reports mistakes. NULL: there is one. The caller frees it. [main] */
SSL_CTX *tls_new(const spore_create_args *args, const struct tls_options *options);

#endif
