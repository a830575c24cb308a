/* transport - the transports of a chain: what they can do, and how they are put on a stream and
 * opened. [worker], unless otherwise marked */
#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include "chain/plugin_set.h"
#include "net/stream.h"

/* How many transports of this chain tell who the client of each connection is
 * (SPORE_TRANSPORTF_TELLS_PEER). [any] */
unsigned transport_tellers(const struct chain *chain);

/* Sets what the instances above these transports may learn from them: conn_attrs, which lies in the
 * document, and may_be_secure. [control] */
void transport_look_at(struct chain *chain, struct json_doc *doc);
/* Can its streams go to another worker? A stack of streams can only if all of them can. [any] */
bool transport_can_move(const struct instance *transport);

/* Where a client connects to on its way to a server. */
struct transport_way {
	const char *host; /* valid as long as the set, or as the server's name */
	uint16_t port;
	const char *by; /* the instance that has named another place; NULL: none */
};

/* Asks the transports of a client for the way to the server. False: one of them has named no valid
 * place, or two have named one: *err. */
bool transport_way(const struct plugin_set *set, const struct loop *loop, const char *server_name,
                   uint16_t server_port, struct transport_way *way_out, struct err *err);

/* chain: of transports; the stream takes a reference. role: SPORE_ROLE_* of this end; server_name,
 * server_port: the server that a client wants to reach, NULL and 0 on a server. On failure returns
 * false and sets *err. The caller then closes the stream, together with the transports that are on
 * it already. */
bool transport_wrap(struct chain *chain, struct stream *stream, uint32_t role,
                    const char *server_name, uint16_t server_port, struct err *err);

/* Opens a wrapped stream. Its transports may finish their handshakes through tickets. True: it is
 * open already; false: the stream's owner gets STREAM_OPENED or STREAM_FAILED. */
bool transport_open(struct stream *stream);

/* Move an open stream to another worker: see stream_detach and stream_attach. The stream keeps the
 * instances that it was wrapped by. */
enum stream_io transport_detach(struct stream *stream);
bool transport_attach(struct stream *stream, struct loop *loop);

#endif
