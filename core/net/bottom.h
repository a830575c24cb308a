/* bottom - the lowest stream of a connection: the host's own, over the socket. [worker] */
#ifndef CORE_BOTTOM_H
#define CORE_BOTTOM_H

#include <spore/transport.h>
#include <stdbool.h>

struct bottom {
	spore_stream base;
	int fd;     /* -1: closed */
	int cause;  /* errno of the last failure; 0: none */
	bool lost;  /* the connection is broken, so an end of file is not an orderly end */
	bool heard; /* a byte has come */
	bool used;  /* a byte has been read or written */
	bool ended; /* an end of file has come */
	bool moved; /* a byte has been read or written since the owner cleared this */
};

/* Takes the connected, non-blocking fd. */
void bottom_init(struct bottom *bottom, int fd);
/* The connection has failed with this errno. */
void bottom_lose(struct bottom *bottom, int cause);

/* The slots readv and writev of the base, which net/ calls directly. */
int64_t bottom_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want);
int64_t bottom_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want);
/* The slot close of the base. Idempotent. */
void bottom_close(spore_stream *base, uint32_t how);

#endif
