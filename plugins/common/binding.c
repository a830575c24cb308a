#include "binding.h"

#include <spore/transport.h>

enum { CHALLENGE_SIZE = 16 };

static const char label[] = "spore channel binding 1";

bool binding_message_init(struct binding_message *message, const uint8_t challenge[16],
                          spore_str session)
{
	uint8_t *at = message->bytes + CHALLENGE_SIZE;

	memcpy(message->bytes, challenge, CHALLENGE_SIZE);
	message->len = CHALLENGE_SIZE;
	if (!session.len)
		return true;
	if (session.len > BINDING_MESSAGE_MAX - CHALLENGE_SIZE - sizeof label)
		return false;
	memcpy(at, label, sizeof label);
	memcpy(at + sizeof label, session.ptr, session.len);
	message->len += sizeof label + session.len;
	return true;
}

bool binding_is_possible(const spore_create_args *args, int64_t mode)
{
	if (mode != BINDING_REQUIRE || spore_may_know(args, SPORE_ATTR_CHANNEL_BINDING))
		return true;
	args->report(
		args, "/binding",
		"expected a transport with sessions to bind answers to, such as tls, found none");
	return false;
}
