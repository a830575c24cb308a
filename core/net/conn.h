/* conn - the facts about a connection, which the SDK calls spore_conn.
 *
 * Live ones belong to a stream and ask its transports; a copy holds the same facts for a thread
 * that may not touch the stream. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <spore/transport.h>
#include <stdbool.h>

#define CONN_MAX_LAYERS 4

struct conn_fact {
	char *key, *value;
	size_t index, len;
};

struct spore_conn {
	spore_addr peer, local;
	bool secure;        /* some transport of the stack is, once all are open */
	bool peer_is_final; /* the handshake is over */
	spore_stream *layers[CONN_MAX_LAYERS]; /* bottom first; owned by the topmost. Live only. */
	bool claims[CONN_MAX_LAYERS]; /* which of them come from a transport that is secure */
	unsigned n_layers;
	void (*wake)(struct spore_conn *conn); /* live only */
	struct conn_fact *facts;               /* copies only */
	size_t n_facts;
};

/* Is a layer secure, and does not take that back? Live, once all are open. */
bool conn_has_secure_layer(const spore_conn *conn);
/* As spore_host.conn_attr. */
uint32_t conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out);
/* Copies peer, local and the values of `keys` (NULL-ended lists, n of them). NULL: no memory. */
struct spore_conn *conn_copy(const spore_conn *conn, const char *const *const *keys, size_t n);
void conn_copy_free(struct spore_conn *copy);

#endif
