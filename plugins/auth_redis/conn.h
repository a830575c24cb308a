/* conn - one connection to Redis or a Sentinel, on the host's descriptor watchers: TCP, a Unix
 * socket or TLS below, commands and replies above. Nothing blocks.
 *
 *   conn_open ──▶ connecting ──▶ TLS ──▶ open ──▶ on_open, then on_reply for each reply
 *                     └───────────┴───────┴──▶ on_end, unless conn_close() was first
 *
 * hiredis writes the commands and reads the replies. Its own connections are not used: they have no
 * TLS in version 0.14, and look names up on the caller's thread. */
#ifndef CONN_H
#define CONN_H

#include <spore/host.h>

#include "intake.h"
#include "place.h"

enum {
	CONN_READ_MAX = 16 * 1024, /* bytes that one read takes */
	CONN_WHY_MAX = 256         /* room for the reason of an end */
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_TLS, CONN_OPEN };

struct conn {
	const spore_host *host;
	spore_worker *worker;
	/* [worker] Each of them may close the connection, and open it again. */
	void (*on_open)(void *arg);
	void (*on_reply)(void *arg, const redisReply *reply);
	void (*on_end)(void *arg, const char *why); /* it is closed already */
	void *arg;
	/* conn's */
	enum conn_state state;
	unsigned generation; /* counts connections; tells that a callback has opened another one */
	int fd;
	spore_io io;
	SSL *tls; /* owned */
	struct intake intake;
	char *out; /* owned. out_len bytes from out_at on are not written yet */
	size_t out_at, out_len, out_room;
	uint32_t events;
};

/* Opens a connection to an address of the place. A place with a path needs no address. The caller
 * sets the members above. False: nothing will be called, and `why` says why. [worker] */
bool conn_open(struct conn *conn, const struct place *place, const spore_addr *address,
               char why[CONN_WHY_MAX]);
/* Nothing is called any more. Accepts a closed one. [worker] */
void conn_close(struct conn *conn);
/* Sends a command. All commands of this turn of the loop are written together in the next one.
 * False: memory is used up, or the connection is not open. [worker] */
bool conn_send(struct conn *conn, int n, const spore_str *words);

#endif
