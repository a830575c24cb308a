#include "binding.h"

#include <string.h>

#include "suite.h"

static const uint8_t challenge[16] = "0123456789abcde";

START_TEST(without_a_session_it_is_bores_message)
{
	struct binding_message message;

	ck_assert(binding_message_init(&message, challenge, (spore_str){ NULL, 0 }));
	ck_assert_uint_eq(message.len, 16);
	ck_assert_mem_eq(message.bytes, challenge, 16);
}
END_TEST

START_TEST(a_session_follows_a_label)
{
	static const char label[] = "spore channel binding 1"; /* with its NUL */
	struct binding_message message;

	ck_assert(binding_message_init(&message, challenge, spore_cstr("session")));
	ck_assert_uint_eq(message.len, 16 + sizeof label + 7);
	ck_assert_mem_eq(message.bytes, challenge, 16);
	ck_assert_mem_eq(message.bytes + 16, label, sizeof label);
	ck_assert_mem_eq(message.bytes + 16 + sizeof label, "session", 7);
}
END_TEST

START_TEST(sessions_give_different_messages)
{
	struct binding_message one, other;

	ck_assert(binding_message_init(&one, challenge, spore_cstr("one")));
	ck_assert(binding_message_init(&other, challenge, spore_cstr("two")));
	ck_assert_uint_eq(one.len, other.len);
	ck_assert_mem_ne(one.bytes, other.bytes, one.len);
}
END_TEST

START_TEST(a_session_has_a_bound)
{
	char session[BINDING_MESSAGE_MAX];
	size_t most = BINDING_MESSAGE_MAX - 16 - sizeof "spore channel binding 1";
	struct binding_message message;

	memset(session, 'x', sizeof session);
	ck_assert(binding_message_init(&message, challenge, (spore_str){ session, most }));
	ck_assert_uint_eq(message.len, BINDING_MESSAGE_MAX);
	ck_assert(!binding_message_init(&message, challenge, (spore_str){ session, most + 1 }));
}
END_TEST

SUITE("binding", without_a_session_it_is_bores_message, a_session_follows_a_label,
      sessions_give_different_messages, a_session_has_a_bound)
