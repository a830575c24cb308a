/* The ready verifiers of the SDK, spore/verifier.h. */
#include <openssl/evp.h>
#include <spore/verifier.h>

#include "base/crypto.h"
#include "services/host.h"
#include "suite.h"

/* Verifiers that a host would hold, all with one hint. */
struct kept {
	spore_held base;
	spore_verifier verifiers[3];
	size_t n, at;
	uint64_t hint;
};

static const spore_verifier *next(const spore_held *base, uint64_t hint)
{
	struct kept *kept = (struct kept *)(uintptr_t)base;

	return hint == kept->hint && kept->at < kept->n ? &kept->verifiers[kept->at++] : NULL;
}

static struct kept keep(uint64_t hint)
{
	return (struct kept){ .base = { .struct_size = sizeof(spore_held), .next = next },
		              .hint = hint };
}

static void add(struct kept *kept, const void *bytes, size_t len)
{
	kept->verifiers[kept->n++] = (spore_verifier){ .struct_size = sizeof(spore_verifier),
		                                       .bytes = { bytes, len } };
}

/* The examples of sdk/README.md: the secret "open sesame". */
static const uint8_t key[32] = { 0x41, 0xef, 0x4b, 0xb0, 0xb2, 0x36, 0x61, 0xe6, 0x63, 0x01, 0xaa,
	                         0xc3, 0x60, 0x66, 0x91, 0x2d, 0xac, 0x03, 0x78, 0x27, 0xb4, 0xae,
	                         0x63, 0xa7, 0xb1, 0x16, 0x5a, 0x5a, 0xa9, 0x3e, 0xd4, 0xeb };
static const uint8_t plain_challenge[16] = { 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x49, 0x78,
	                                     0x86, 0x95, 0xa4, 0xb3, 0xc2, 0xd1, 0xe0, 0xff };
static const char plain[] = "375d0ba5908a9ac6e4c1c4d88f12188bb8f96cb9ce2e45c8d21677a4092665c4";
static const uint8_t bound_challenge[16] = { 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x80, 0x01,
	                                     0x86, 0x95, 0xa4, 0xb3, 0xc2, 0xd1, 0xe0, 0xff };
static const char bound[] = "6509a3af6913b2fe9d849645c18ffc40611200955a6657e77b04296cebad758a";

static spore_auth_request request(const uint8_t challenge[16], const char *answer)
{
	static uint8_t binding[32];
	spore_auth_request rq = { .struct_size = sizeof rq, .answer = spore_cstr(answer) };

	for (size_t i = 0; i < sizeof binding; i++)
		binding[i] = (uint8_t)i;
	rq.channel_binding = (spore_str){ (const char *)binding, sizeof binding };
	memcpy(rq.challenge, challenge, sizeof rq.challenge);
	return rq;
}

/* Is the answer accepted, behind the keys of others? */
static bool finds(const spore_auth_request *rq, const char *name, uint32_t forms)
{
	struct kept kept = keep(spore_verifier_hint(host_table(), spore_cstr(name)));
	uint8_t other[32] = { 1 };

	add(&kept, other, sizeof other);
	add(&kept, key, sizeof key - 1);
	add(&kept, key, sizeof key);
	return spore_hmac_find(host_table(), rq, &kept.base, forms) == &kept.verifiers[2];
}

START_TEST(an_hmac_is_checked_with_its_key)
{
	spore_auth_request rq = request(plain_challenge, plain);
	char text[128];

	ck_assert(finds(&rq, "", SPORE_HMAC_PLAIN));
	ck_assert(finds(&rq, "", SPORE_HMAC_PLAIN | SPORE_HMAC_BOUND));
	ck_assert(!finds(&rq, "", SPORE_HMAC_BOUND));
	ck_assert(!finds(&rq, "alice", SPORE_HMAC_PLAIN));
	snprintf(text, sizeof text, "alice:%s", plain);
	rq.answer = spore_cstr(text);
	ck_assert(finds(&rq, "alice", SPORE_HMAC_PLAIN));
	ck_assert(!finds(&rq, "", SPORE_HMAC_PLAIN));
	ck_assert(!finds(&rq, "bob", SPORE_HMAC_PLAIN));
	for (char *c = text + 6; *c; c++)
		*c = (char)(*c >= 'a' ? *c - 32 : *c);
	ck_assert(finds(&rq, "alice", SPORE_HMAC_PLAIN));
	rq.challenge[15] ^= 1;
	ck_assert(!finds(&rq, "alice", SPORE_HMAC_PLAIN));
}
END_TEST

START_TEST(a_bound_hmac_needs_its_session)
{
	spore_auth_request rq = request(bound_challenge, bound);

	ck_assert(finds(&rq, "", SPORE_HMAC_BOUND));
	ck_assert(finds(&rq, "", SPORE_HMAC_PLAIN | SPORE_HMAC_BOUND));
	ck_assert(!finds(&rq, "", SPORE_HMAC_PLAIN));
	rq.channel_binding.len = 31;
	ck_assert(!finds(&rq, "", SPORE_HMAC_BOUND));
	rq.channel_binding.len = 65;
	ck_assert(!finds(&rq, "", SPORE_HMAC_BOUND));
	rq.channel_binding = (spore_str){ NULL, 0 };
	ck_assert(!finds(&rq, "", SPORE_HMAC_BOUND));
}
END_TEST

START_TEST(what_is_no_tag_is_refused)
{
	static const char *const texts[] = { "", "alice:", "p1=x", "375d" };
	char text[80];
	uint8_t tag[32];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ck_assert(!spore_hmac_tag(spore_cstr(texts[i]), tag));
	ck_assert(!spore_hmac_tag((spore_str){ NULL, 0 }, tag));
	snprintf(text, sizeof text, "x%s", plain);
	ck_assert(!spore_hmac_tag(spore_cstr(text), tag));
	snprintf(text, sizeof text, "%s", plain);
	text[63] = 'g';
	ck_assert(!spore_hmac_tag(spore_cstr(text), tag));
}
END_TEST

START_TEST(a_hint_is_a_number_of_the_name)
{
	const spore_host *host = host_table();

	ck_assert_uint_eq(spore_verifier_hint(host, spore_cstr("")), 0);
	ck_assert_uint_ne(spore_verifier_hint(host, spore_cstr("a")), 0);
	ck_assert_uint_ne(spore_verifier_hint(host, spore_cstr("a")),
	                  spore_verifier_hint(host, spore_cstr("b")));
	ck_assert_uint_eq(spore_hmac_hint(host, spore_cstr("a:b:c")),
	                  spore_verifier_hint(host, spore_cstr("a")));
	ck_assert_uint_eq(spore_hmac_hint(host, spore_cstr(plain)), 0);
}
END_TEST

static bool knows(struct kept kept, const uint8_t secret[32], const char *name,
                  const char *password)
{
	return spore_password_find(host_table(), secret, spore_cstr(name), spore_cstr(password),
	                           &kept.base) != NULL;
}

START_TEST(a_password_is_known_by_its_mac)
{
	struct kept kept = keep(spore_verifier_hint(host_table(), spore_cstr("alice")));
	uint8_t mac[32], secret[32] = { 5 }, other[32] = { 6 };

	ck_assert_int_eq(spore_password_verifier(host_table(), secret, spore_cstr("alice"),
	                                         spore_cstr("hunter2"), mac),
	                 SPORE_OK);
	add(&kept, other, sizeof other);
	add(&kept, mac, sizeof mac);
	ck_assert(knows(kept, secret, "alice", "hunter2"));
	ck_assert(!knows(kept, secret, "alice", "hunter3"));
	ck_assert(!knows(kept, secret, "alice", ""));
	ck_assert(!knows(kept, secret, "alic", "ehunter2"));
	ck_assert(!knows(kept, other, "alice", "hunter2")); /* of another process */
	kept.hint = spore_verifier_hint(host_table(), spore_cstr("bob"));
	ck_assert(!knows(kept, secret, "bob", "hunter2"));
}
END_TEST

START_TEST(a_password_may_be_as_long_as_an_answer)
{
	char text[SPORE_AUTH_ANSWER_MAX + 2];
	uint8_t mac[32], secret[32] = { 5 };
	spore_str longest = { text, SPORE_AUTH_ANSWER_MAX - 1 };
	const spore_host *host = host_table();

	memset(text, 'x', sizeof text);
	ck_assert_int_eq(spore_password_verifier(host, secret, spore_cstr("a"), longest, mac),
	                 SPORE_OK);
	longest.len++;
	ck_assert_int_eq(spore_password_verifier(host, secret, spore_cstr("a"), longest, mac),
	                 SPORE_EINVAL);
	longest.len = SIZE_MAX;
	ck_assert_int_eq(spore_password_verifier(host, secret, spore_cstr("a"), longest, mac),
	                 SPORE_EINVAL);
}
END_TEST

/* What a process would hold: see spore_password_key(). */
static spore_str put;

static uint32_t get_state(spore_ctx *ctx, const char *name, spore_str *out)
{
	(void)ctx;
	(void)name;
	*out = put;
	return put.len != 0;
}

static spore_status put_state(spore_ctx *ctx, const char *name, spore_str bytes)
{
	static char copy[64];

	(void)ctx;
	(void)name;
	memcpy(copy, bytes.ptr, bytes.len);
	put = (spore_str){ copy, bytes.len };
	return SPORE_OK;
}

START_TEST(the_key_of_the_process_survives_a_reload)
{
	spore_host host = *host_table();
	spore_create_args args = { .struct_size = sizeof args, .host = &host };
	uint8_t first[32], second[32];

	host.state_get = get_state;
	host.state_put = put_state;
	ck_assert_int_eq(spore_password_key(&args, first), SPORE_OK);
	ck_assert_int_eq(spore_password_key(&args, second), SPORE_OK);
	ck_assert_mem_eq(first, second, sizeof first);
	put.len = 0;
	ck_assert_int_eq(spore_password_key(&args, second), SPORE_OK);
	ck_assert_mem_ne(first, second, sizeof first);
}
END_TEST

/* A client's signature, and the text that it should be of. */
struct signature {
	uint8_t bytes[64];
	spore_str text;
};

static uint32_t is_signed(void *arg, spore_str public_key)
{
	const struct signature *signature = arg;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, (const uint8_t *)public_key.ptr, public_key.len);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = pkey && EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
	            EVP_DigestVerify(md, signature->bytes, sizeof signature->bytes,
	                             (const uint8_t *)signature->text.ptr,
	                             signature->text.len) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	return good;
}

START_TEST(a_signature_is_checked_with_the_public_key)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct signature signature = { .text = spore_cstr("challenge") };
	size_t len = sizeof signature.bytes, key_len = 32;
	uint8_t public_key[32], other[32] = { 9 };
	struct kept kept = keep(7), again;

	ck_assert_int_eq(EVP_PKEY_get_raw_public_key(pkey, public_key, &key_len), 1);
	ck_assert_int_eq(EVP_DigestSignInit(md, NULL, NULL, NULL, pkey), 1);
	ck_assert_int_eq(EVP_DigestSign(md, signature.bytes, &len,
	                                (const uint8_t *)signature.text.ptr, signature.text.len),
	                 1);
	add(&kept, other, sizeof other);
	add(&kept, public_key, sizeof public_key);
	again = kept;
	ck_assert_ptr_eq(spore_pubkey_find(&kept.base, 7, is_signed, &signature),
	                 &kept.verifiers[1]);
	signature.text = spore_cstr("challenges");
	ck_assert_ptr_null(spore_pubkey_find(&again.base, 7, is_signed, &signature));
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
}
END_TEST

SUITE("verifier", an_hmac_is_checked_with_its_key, a_bound_hmac_needs_its_session,
      what_is_no_tag_is_refused, a_hint_is_a_number_of_the_name, a_password_is_known_by_its_mac,
      a_password_may_be_as_long_as_an_answer, the_key_of_the_process_survives_a_reload,
      a_signature_is_checked_with_the_public_key)
