/* server_name - the name under which a client dials a server, in the one form that both ends sign
 * and compare: a host name in lower case without the last dot, or an IP address as inet_ntop writes
 * it. Pure. [any] */
#ifndef COMMON_SERVER_NAME_H
#define COMMON_SERVER_NAME_H

#include <stdbool.h>
#include <stdint.h>

enum { SERVER_NAME_MAX = 253, SERVER_NAME_HASH_SIZE = 8 };

struct server_name {
	char text[SERVER_NAME_MAX + 1];
	uint8_t hash[SERVER_NAME_HASH_SIZE]; /* the first bytes of the text's SHA-256 digest */
};

/* False: the text is no name or address, or OpenSSL failed. */
bool server_name_init(struct server_name *name, const char *text);

#endif
