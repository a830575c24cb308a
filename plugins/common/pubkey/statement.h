/* statement - the text that a client signs:
 *
 *   bytes    contents
 *   15       "spore pubkey 1" and NUL: what this is, and its version
 *   1        'C': a control connection; 'D': a data connection
 *   16       the challenge
 *   32       the fingerprint of the key
 *   1 + n    the length of the server's name as the client dialled it, and the name
 *   1 + m    the length of the channel binding (RFC 9266), and the channel binding; 0 without TLS
 *
 * So a signature is worth nothing for another purpose, challenge, server or session. Pure. [any] */
#ifndef COMMON_STATEMENT_H
#define COMMON_STATEMENT_H

#include <spore/base.h>
#include <stdbool.h>

#include "key.h"
#include "server_name.h"

enum { STATEMENT_BINDING_MAX = 64, STATEMENT_MAX = 15 + 1 + 16 + 32 + 1 + 253 + 1 + 64 };

struct statement {
	uint8_t bytes[STATEMENT_MAX];
	size_t len;
};

/* What a statement is about. Borrowed. */
struct statement_facts {
	uint32_t purpose; /* SPORE_AUTH_*; RENEW is about the control connection */
	const uint8_t *challenge, *fingerprint;
	const struct server_name *name;
	spore_str binding; /* empty: the connection has none */
};

/* False: the channel binding is too long. */
bool statement_init(struct statement *statement, const struct statement_facts *facts);

#endif
