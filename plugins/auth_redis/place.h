/* place - where Redis or a Sentinel listens, and what a connection to it needs. Built on main and
 * read-only afterwards, so all workers share it. */
#ifndef PLACE_H
#define PLACE_H

#include <openssl/ssl.h>
#include <spore/plugin.h>
#include <stdbool.h>

enum { PLACE_HOST_MAX = 255, PLACE_PATH_MAX = 107 };

struct place {
	char host[PLACE_HOST_MAX + 1]; /* a name or an IP address; "": a Unix socket */
	uint16_t port;
	const char *path; /* borrowed; NULL: TCP */
	SSL_CTX *tls;     /* borrowed; NULL: no TLS */
};

/* Reads "HOST", "HOST:PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT". False: it has another form. [any]
 */
bool place_parse(struct place *place, const char *text, uint16_t default_port);
/* True: the host is an IP address, and *out is it. [any] */
bool place_address(const struct place *place, spore_addr *out);
/* True: what is sent does not leave this machine. [any] */
bool place_is_local(const struct place *place);
/* "HOST:PORT" or the path, for the log. [any] */
void place_print(const struct place *place, char *out, size_t size);

#endif
