/* message - bore's messages, as struct and as JSON text. Pure. [any]
 *
 * The encoding is serde's externally tagged enum: {"Hello":5}, "Heartbeat". Reading is as strict as
 * serde: no unknown variant, no extra key, no number outside its type. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "wire/frame.h"

enum message_type {
	MESSAGE_HELLO = 1,    /* both ways: port */
	MESSAGE_HELLO_EX,     /* to the server, of Spore's predecessor: port */
	MESSAGE_AUTHENTICATE, /* to the server: text */
	MESSAGE_ACCEPT,       /* to the server: id */
	MESSAGE_CHALLENGE,    /* to the client: id */
	MESSAGE_HEARTBEAT,    /* to the client; both ways once extended */
	MESSAGE_CONNECTION,   /* to the client: id */
	MESSAGE_ERROR,        /* to the client: text */
	/* Ours, on a control connection behind the server's Hello, where bore's server does not
	 * read:
	 * {"Extend":{"heartbeat_ms":N}}, "I shall send a Heartbeat at least every N ms". A server
	 * that understands answers Extended; only then is anything else sent that bore does not
	 * know. */
	MESSAGE_EXTEND,   /* to the server: heartbeat_ms, ahead */
	MESSAGE_EXTENDED, /* to the client: heartbeat_ms; ahead and the pass as id, where granted */
	/* On connections opened ahead, which an Extended with a pass allows: "ahead":N in Extend
	 * asks for N of them. Ahead comes where Hello or Accept would; Accept follows once there is
	 * a visitor. */
	MESSAGE_AHEAD,   /* to the server: id, the pass */
	MESSAGE_ACCEPTED /* to the client, in answer to Accept; the visitor's bytes follow */
};

/* Which messages may come: bore's, or (behind Hello) those of an extended connection, too. */
enum message_direction {
	MESSAGE_TO_SERVER = 1,
	MESSAGE_TO_CLIENT = 2,
	MESSAGE_TO_SERVER_EXTENDED = 4,
	MESSAGE_TO_CLIENT_EXTENDED = 8
};

struct message {
	enum message_type type;
	uint16_t port;  /* of EXTEND and EXTENDED: heartbeat_ms */
	uint16_t ahead; /* of these two: connections, 0: none */
	struct uuid id;
	size_t text_len;
	char text[FRAME_MAX + 1]; /* NUL-ended; cut at a \u0000 in it */
};

/* Reads the text of one frame; false if it is not exactly one message for that direction. */
bool message_parse(enum message_direction direction, const char *text, size_t len,
                   struct message *message_out);
/* Writes the frame, NUL included, and returns its length. A text that does not fit is cut. */
size_t message_format(const struct message *message, char out[FRAME_MAX + 1]);

#endif
