/* hello - the first message of a TLS client (ClientHello, RFC 8446 4.1.2) and the server name in it
 * (RFC 6066 3). Pure. */
#ifndef ROUTE_SNI_HELLO_H
#define ROUTE_SNI_HELLO_H

#include <stddef.h>
#include <stdint.h>

enum {
	HELLO_NAME_SIZE = 256, /* the longest name that is read, and NUL */
	HELLO_MAX = 16384      /* the longest message that is read */
};

enum hello_result {
	HELLO_MORE,    /* `need` says how many bytes there must be */
	HELLO_NAME,    /* `name` is the name */
	HELLO_NO_NAME, /* the client names no server */
	HELLO_OTHER,   /* this is not TLS */
	HELLO_WRONG    /* `why` says what is wrong */
};

struct hello {
	size_t need; /* more than there are */
	const char *why;
	char name[HELLO_NAME_SIZE]; /* printable ASCII */
};

/* data: the first n bytes of the connection. A result other than HELLO_MORE stays the same when
 * more bytes come. */
enum hello_result hello_read(const uint8_t *data, size_t n, struct hello *out);

#endif
