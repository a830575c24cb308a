/* facts - the facts about a client's certificate that auth_mtls compares. [worker] */
#ifndef AUTH_MTLS_FACTS_H
#define AUTH_MTLS_FACTS_H

#include <spore/host.h>

enum { FACTS_HEX_SIZE = 64, FACTS_MAX_NAMES = 256 };

struct facts {
	char *subject, *sha256;       /* owned; NULL: unknown */
	char *names[FACTS_MAX_NAMES]; /* owned; further names are ignored */
	size_t n, n_hosts;            /* n names, the first n_hosts of them host names */
};

/* Copies the transport's facts about the connection. facts_fini may be called in any case. */
void facts_read(struct facts *facts, const spore_host *host, const spore_conn *conn);
void facts_fini(struct facts *facts);

/* True: the transport has verified a certificate. */
int facts_have_certificate(const struct facts *facts);
/* Is this one of the subject alternative names? Host names are compared without case. */
int facts_have_name(const struct facts *facts, const char *name);

#endif
