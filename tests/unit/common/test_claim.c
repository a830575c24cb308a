#include "claim.h"

#include "named.h"
#include "services/host.h"
#include "suite.h"

static const uint8_t key[CLAIM_KEY_SIZE] = { 1, 2, 3 };
static const uint8_t challenge[16] = { 4, 5, 6 };
static const spore_str session = { "session", 7 }, none = { NULL, 0 };

/* A client's answer with `key`, bound to a session or not. */
static spore_str answer_of(const char *name, spore_str bound)
{
	static char text[256];
	struct binding_message message;
	uint8_t tag[BORE_TAG_SIZE];
	size_t n = 0;

	binding_message_init(&message, challenge, bound);
	host_table()->hmac_sha256(key, sizeof key, message.bytes, message.len, tag);
	if (*name) {
		n = named_size(spore_cstr(name));
		named_write(spore_cstr(name), text);
	}
	bore_tag_print(tag, text + n);
	return (spore_str){ text, n + BORE_HEX_SIZE };
}

/* True: the answer proves the key on a connection with a session. */
static bool is_proved(spore_str answer, int64_t binding)
{
	spore_auth_request rq = { .struct_size = sizeof rq,
		                  .answer = answer,
		                  .channel_binding = session };
	struct claim claim;

	memcpy(rq.challenge, challenge, sizeof challenge);
	claim_init(&claim, host_table(), &rq, binding);
	return claim_is_proved(&claim, host_table(), key);
}

START_TEST(binding_says_which_answers_are_good)
{
	ck_assert(is_proved(answer_of("", none), BINDING_OFF));
	ck_assert(is_proved(answer_of("", none), BINDING_PREFER));
	ck_assert(!is_proved(answer_of("", none), BINDING_REQUIRE));
	ck_assert(!is_proved(answer_of("", session), BINDING_OFF));
	ck_assert(is_proved(answer_of("", session), BINDING_PREFER));
	ck_assert(is_proved(answer_of("", session), BINDING_REQUIRE));
	ck_assert(is_proved(answer_of("alice", none), BINDING_OFF));
	ck_assert(!is_proved((spore_str){ "alice:12", 8 }, BINDING_OFF));
	ck_assert(!is_proved(none, BINDING_OFF));
}
END_TEST

START_TEST(a_claim_keeps_what_the_request_says)
{
	spore_auth_request rq = { .struct_size = sizeof rq,
		                  .purpose = SPORE_AUTH_DATA,
		                  .session = 7,
		                  .answer = answer_of("a b", none) };
	struct claim claim;

	claim_init(&claim, host_table(), &rq, BINDING_OFF);
	ck_assert_str_eq(claim.name, "a b");
	ck_assert(claim.has_tag && claim.purpose == SPORE_AUTH_DATA && claim.session == 7);
	rq.answer = (spore_str){ ":x", 2 };
	claim_init(&claim, host_table(), &rq, BINDING_OFF);
	ck_assert(!*claim.name && !claim.has_tag);
}
END_TEST

START_TEST(a_session_belongs_to_an_identity)
{
	const spore_host *host = host_table();

	ck_assert_uint_eq(claim_session(host, "alice"), claim_session(host, "alice"));
	ck_assert_uint_ne(claim_session(host, "alice"), claim_session(host, "Alice"));
}
END_TEST

SUITE("claim", binding_says_which_answers_are_good, a_claim_keeps_what_the_request_says,
      a_session_belongs_to_an_identity)
