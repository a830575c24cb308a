/* message - reads and writes bore's messages. Pure. [any]
 *
 * The encoding is serde's externally tagged enum: {"Hello":5}, "Heartbeat". Reading is as strict as
 * serde: it rejects unknown variants, further keys, and numbers outside their type. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "wire/frame.h"

enum message_type {
	MESSAGE_HELLO = 1,    /* in both directions: port */
	MESSAGE_HELLO_EX,     /* to the server: port; perhaps a ticket as `pass` */
	MESSAGE_AUTHENTICATE, /* to the server: text */
	MESSAGE_ACCEPT,       /* to the server: id */
	MESSAGE_CHALLENGE,    /* to the client: id */
	MESSAGE_HEARTBEAT,    /* to the client; in both directions on an extended connection */
	MESSAGE_CONNECTION,   /* to the client: id */
	MESSAGE_ERROR,        /* to the client: text */
	/* Spore's extension. A client sends Extend after the server's Hello, where bore's server
	 * does not read: {"Extend":{"heartbeat_ms":N}} promises a Heartbeat at least every N ms. A
	 * server that knows the extension answers Extended. Only then may either side send other
	 * messages that bore does not know. */
	MESSAGE_EXTEND, /* to the server: heartbeat_ms, ahead, wants */
	/* To the client: heartbeat_ms, offers; ahead and the pass as id, if granted; routed, if the
	 * tunnel holds host names. */
	MESSAGE_EXTENDED,
	/* What the client says about itself and its tunnel, one item a frame: see wire/about. Sent
	 * behind Authenticate and before Hello to a server whose Challenge offers it
	 * (SPORE_OFFER_ABOUT), otherwise after Extended. */
	MESSAGE_ABOUT, /* to the server: text, a valid item */
	/* On connections that a client opens ahead of visitors. Extend asks for N of them with
	 * "ahead":N, and an Extended with a pass allows them. Such a connection sends Ahead in
	 * place of Hello or Accept. It sends Accept when there is a visitor. */
	MESSAGE_AHEAD,    /* to the server: id, the pass */
	MESSAGE_ACCEPTED, /* to the client, in answer to Accept; then come the visitor's bytes */
	/* To a server whose Extended offers it. */
	MESSAGE_CLAIM, /* in place of Accept: id; the server answers Accepted */
	/* In place of Accept: id, pass. The server answers Accepted, and from then on both sides
	 * frame the bytes (lane/lane.h). When the visitor has gone
	 * in order, the connection is one that was opened ahead, under this pass. */
	MESSAGE_CARRY,
	/* In both directions on a connection that has carried a visitor, to a client that wants it:
	 * the server hands it the next one, without being asked. */
	MESSAGE_OPEN,   /* to the client: id; text, the visitor's address and port, or "" */
	MESSAGE_OPENED, /* to the server, in answer: the client takes the visitor */
	/* In place of Connection, for a visitor that was handed over with Open, but has not been
	 * taken in time. */
	MESSAGE_AGAIN, /* to the client: id; text, as in Open */
	/* On the control connection: the client has taken this visitor on a connection that may be
	 * lost. */
	MESSAGE_TAKEN,   /* to the server: id */
	MESSAGE_DECLINE, /* on the control connection: id; the client cannot carry this visitor */
	/* Instead of Decline: the visitor's service cannot be reached. */
	MESSAGE_UNSERVED, /* on the control connection: id */
	/* In place of Connection, to a client that wants it. */
	MESSAGE_VISITOR, /* to the client: id; text, the visitor's address and port */
	/* To a client that wants it: the server will end soon, and opens no tunnels any more. It
	 * announces visitors until the client has Moved, or for a short time. */
	MESSAGE_LEAVING,
	/* To a server that is leaving: the client has its tunnel elsewhere, or wants the port
	 * there. Or to a server whose Extended offers it (MESSAGE_OFFER_SHARED): the client leaves
	 * the share. The server announces the visitors that have come, and ends the connection. */
	MESSAGE_MOVED,
	/* To a client that wants it, before Leaving: id. The socket of the client's public port is
	 * kept for the next server. It goes to the client that shows this ticket there, in HelloEx.
	 * A ticket is good for one time. */
	MESSAGE_TICKET,
	/* To a server whose Extended offers it: the tunnel's service can be reached, or not. A
	 * tunnel counts as ready until the client says otherwise. */
	MESSAGE_READY, /* to the server: ready, close; text, why the service is not ready */
	/* To a client that wants it: a limit of its identity refuses its visitors, or ("") not any
	 * more. The server says so at growing intervals while that lasts. */
	MESSAGE_REFUSING /* to the client: text, the limit that is reached */
};

/* Messages that a server reads, although not every Spore server knows them: bits of `offers` in
 * Extended. */
enum {
	MESSAGE_OFFER_CLAIM = 1,
	MESSAGE_OFFER_DECLINE = 2,
	MESSAGE_OFFER_UNSERVED = 4,
	MESSAGE_OFFER_CARRY = 8,
	MESSAGE_OFFER_READY = 16,
	/* The tunnel shares its port, and the server reads Moved at any time. */
	MESSAGE_OFFER_SHARED = 32
};
/* What a client wants of a server that can give it: bits of `wants` in Extend. */
enum {
	MESSAGE_WANTS_VISITOR = 1,
	MESSAGE_WANTS_LEAVING = 2,
	MESSAGE_WANTS_CARRY = 4,
	MESSAGE_WANTS_OPEN = 8, /* and Again; only with CARRY */
	MESSAGE_WANTS_TICKET = 16,
	MESSAGE_WANTS_REFUSING = 32
};

/* Which messages are allowed. After Hello, an extended connection allows more of them. */
enum message_direction {
	MESSAGE_TO_SERVER = 1,
	MESSAGE_TO_CLIENT = 2,
	MESSAGE_TO_SERVER_EXTENDED = 4,
	MESSAGE_TO_CLIENT_EXTENDED = 8
};

/* Further ports are left out, so that the frame has room for the others. */
enum { MESSAGE_MOST_ROUTED = 8 };

struct message {
	enum message_type type;
	uint16_t port;   /* heartbeat_ms in EXTEND and EXTENDED */
	uint16_t ahead;  /* number of connections in EXTEND and EXTENDED; 0: none */
	uint16_t wants;  /* MESSAGE_WANTS_*, in EXTEND */
	uint16_t offers; /* MESSAGE_OFFER_*, in EXTENDED */
	uint16_t
		routed[MESSAGE_MOST_ROUTED]; /* in EXTENDED: ports at which the tunnel's host ... */
	unsigned n_routed;                   /* ... names are asked for */
	bool ready;                          /* in READY ... */
	bool close; /* ... without `ready`: close the public port meanwhile */
	struct uuid id;
	struct uuid pass; /* in CARRY; in HELLO_EX a ticket, or all bytes 0 */
	size_t text_len;
	char text[FRAME_MAX + 1]; /* ends with NUL; a \u0000 in the message ends it early */
};

/* Reads the text of one frame. False: it is not one valid message of that direction. */
bool message_parse(enum message_direction direction, const char *text, size_t len,
                   struct message *message_out);
/* Writes the frame with its NUL, and returns its length. A text that does not fit is cut. */
size_t message_format(const struct message *message, char out[FRAME_MAX + 1]);

#endif
