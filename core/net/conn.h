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
	spore_addr peer, local;
	bool secure;        /* a transport is secure; valid once all are open */
	bool peer_is_final; /* the handshakes are over */
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
/* As spore_host.conn_attr. */
uint32_t conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out);
/* Copies the peer, the local address, and the values of the keys in n NULL-ended lists. NULL: out
 * of memory. */
struct spore_conn *conn_copy(const spore_conn *conn, const char *const *const *keys, size_t n);
void conn_copy_free(struct spore_conn *copy);

#endif
