/* header - what a proxy sends ahead of a connection: the PROXY protocol, versions 1 and 2. */
#ifndef PROXY_HEADER_H
#define PROXY_HEADER_H

#include <spore/base.h>
#include <stdbool.h>

enum {
	HEADER_V1_MAX = 107, /* bytes of a line, with CR LF */
	HEADER_MAX = 4096,   /* of version 2; longer ones are refused */
	HEADER_WHY_SIZE = 192,
};

enum header_result { HEADER_MORE, HEADER_DONE, HEADER_WRONG };

/* Why a header is wrong. */
enum header_fault {
	HEADER_MISSING, /* what came is not a header */
	HEADER_MALFORMED,
	HEADER_TOO_LONG,
	HEADER_CHECKSUM,
};

struct header {
	/* MORE: at least so many more bytes belong to the header; > 0. */
	size_t need;
	/* DONE. */
	size_t len;        /* bytes of the header */
	uint8_t version;   /* 1 or 2 */
	bool has_client;   /* else the proxy speaks for itself, or names no IP address */
	spore_addr client; /* family 4 for IPv4, however it was written */
	/* WRONG. */
	enum header_fault fault;
	char why[HEADER_WHY_SIZE]; /* one line without control characters */
};

#endif
