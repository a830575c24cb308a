/* binding - the message that an answer to a challenge signs: bore's own, or one that is bound to
 * the transport's session (RFC 9266), so that the answer is worthless in any other session. */
#ifndef COMMON_BINDING_H
#define COMMON_BINDING_H

#include <spore/plugin.h>
#include <stdbool.h>

/* The option "binding", in the order of its choices. */
enum binding_mode { BINDING_OFF, BINDING_PREFER, BINDING_REQUIRE };
#define BINDING_CHOICES "off|prefer|require"

enum { BINDING_MESSAGE_MAX = 128 };

struct binding_message {
	uint8_t bytes[BINDING_MESSAGE_MAX];
	size_t len;
};

/* `session`: the channel binding; empty for bore's message. False: it is too long. [any] */
bool binding_message_init(struct binding_message *message, const uint8_t challenge[16],
                          spore_str session);

/* False: answers must be bound, but no connection of this configuration has a session to bind them
 * to. This has been reported at /binding. [main] */
bool binding_is_possible(const spore_create_args *args, int64_t mode);

#endif
