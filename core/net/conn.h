/* conn - the facts about a connection, which the SDK calls spore_conn.
 *
 * A live conn belongs to a stream and asks its transports. A copy holds the same facts for a thread
 * that may not touch the stream. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <spore/transport.h>
#include <stdbool.h>

/* Above the socket. */
#define CONN_MAX_LAYERS 3

struct layer;

struct conn_fact {
	char *key, *value;
	size_t index, len;
};

struct spore_conn {
	spore_addr peer, local; /* the peer's address may be one that a transport has told */
	spore_addr socket_peer; /* the address at the other end of the socket */
	bool secure;            /* a transport is secure; valid once all are open */
	bool peer_is_final;     /* the handshakes are over */
	bool peer_is_told;      /* by a transport; the owner does not know yet */
	bool is_of_proxy;       /* a proxy at `peer` speaks for itself, not for a client */
	/* Live only. */
	struct layer *layers[CONN_MAX_LAYERS]; /* lowest first */
	unsigned n_layers;
	bool claims_secure; /* a transport that added no layer claims to be secure */
	void (*wake)(struct spore_conn *conn);
	/* Copies only. */
	struct conn_fact *facts;
	size_t n_facts;
};

/* A layer claims to be secure and does not revoke that (SPORE_ATTR_INSECURE). Live only, once all
 * layers are open. */
bool conn_has_secure_layer(const spore_conn *conn);
/* A layer has SPORE_ATTR_STALE. Live only. */
bool conn_is_stale(const spore_conn *conn);
/* A layer has SPORE_ATTR_EXPIRED. Live only. */
bool conn_has_expired(const spore_conn *conn);
/* Implements spore_host.conn_attr. */
uint32_t conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out);
/* A transport tells the peer's address, or that a proxy speaks for itself (family 0). False: the
 * handshakes are over. Live only. */
bool conn_tell_peer(spore_conn *conn, const spore_addr *peer);
/* Is the peer somewhere else than the other end of the socket? */
bool conn_is_proxied(const spore_conn *conn);
/* Copies the peer, the local address, and the values of the keys in n NULL-ended lists. NULL: out
 * of memory. */
struct spore_conn *conn_copy(const spore_conn *conn, const char *const *const *keys, size_t n);
void conn_copy_free(struct spore_conn *copy);

#endif
