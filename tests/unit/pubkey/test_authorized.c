#include "authorized.h"

#include "pubkeys.h"
#include "suite.h"

static struct authorized_reader reader;
static struct authorized_line line;

static void begin(const char *text)
{
	reader = authorized_read(text, strlen(text));
}

static void expect_key(unsigned at, const char *identity)
{
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_KEY);
	ck_assert_uint_eq(line.line, at);
	ck_assert_str_eq(line.restrictions.identity, identity);
	ck_assert_ptr_nonnull(line.key.pkey);
	key_fini(&line.key);
}

static void expect_end(void)
{
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_END);
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_END);
}

static void expect_fault(const char *text, unsigned column, const char *fault)
{
	begin(text);
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_FAULT);
	ck_assert_uint_eq(line.line, 1);
	ck_assert_msg(line.column == column && strstr(line.fault, fault), "%s: %u: %s", text,
	              line.column, line.fault);
	expect_end();
}

START_TEST(keys_and_comments)
{
	begin("\xEF\xBB\xBF# the team\n\n \t\n" PUBKEYS_ED25519 " alice\r\n"
	      "   # nobody\n" PUBKEYS_P256 "\t bob at  work \t\n"
	      "identity=\"carol\" " PUBKEYS_ED25519 " ignored\n"
	      "identity=dan,max-tunnels=\"2\"  \t" PUBKEYS_ED25519);
	expect_key(4, "alice");
	expect_key(6, "bob at  work");
	expect_key(7, "carol");
	expect_key(8, "dan");
	ck_assert_uint_eq(line.restrictions.terms.policy.max_tunnels, 2);
	ck_assert_uint_eq(line.key_column, 32);
	expect_end();
	begin("");
	expect_end();
}
END_TEST

START_TEST(mistakes_have_their_places)
{
	expect_fault(PUBKEYS_RSA " alice", 1, "ssh-ed25519 or ecdsa-sha2-nistp256");
	expect_fault("life=1 " PUBKEYS_RSA, 8, "ssh-ed25519 or ecdsa-sha2-nistp256");
	expect_fault("life=1", 7, "ssh-ed25519 or ecdsa-sha2-nistp256");
	expect_fault("sk-ssh-ed25519@openssh.com AAAA x", 1, "ssh-ed25519 or");
	expect_fault("  no-pty " PUBKEYS_ED25519 " x", 3, "expected a type of key, or an option");
	expect_fault("ports=\"x\" " PUBKEYS_ED25519 " x", 7, "ports=");
	expect_fault("ssh-ed25519", 12, "the key in base64");
	expect_fault("ssh-ed25519 alice", 13, "the key in base64");
	expect_fault("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA alice", 13, "is the line complete?");
	expect_fault("ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAA alice", 21, "complete?");
	expect_fault("ssh-ed25519 \xFF alice", 13, "the key in base64");
}
END_TEST

START_TEST(a_key_needs_an_identity)
{
	expect_fault(PUBKEYS_ED25519, sizeof PUBKEYS_ED25519, "expected an identity: a comment");
	expect_fault(PUBKEYS_ED25519 "  ", sizeof PUBKEYS_ED25519 + 2, "expected an identity: a");
	expect_fault(PUBKEYS_ED25519 " a\x01", sizeof PUBKEYS_ED25519 + 1, "in the comment");
	expect_fault(PUBKEYS_ED25519 " \xFF", sizeof PUBKEYS_ED25519 + 1, "in the comment");
	/* It is not used, so it may be anything. */
	begin("identity=a " PUBKEYS_ED25519 " \xFF");
	expect_key(1, "a");
}
END_TEST

START_TEST(a_zero_byte)
{
	static const char text[] = "a\0b\n" PUBKEYS_ED25519 " x";

	reader = authorized_read(text, sizeof text - 1);
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_FAULT);
	ck_assert_uint_eq(line.column, 2);
	ck_assert_str_eq(line.fault, "expected text, found a zero byte");
	expect_key(2, "x");
}
END_TEST

START_TEST(a_private_key_is_one_mistake)
{
	static const char *const keys[] = {
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5v\nAAAA\n"
		"-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\r\nMC4CAQAw\r\n-----END PRIVATE KEY-----\r\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMC4CAQAw\n"
		"-----END RSA PRIVATE KEY-----\n",
		"b3BlbnNzaC1rZXktdjEAAAAABG5v\nAAAA\n\n\n",
		"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-MAC: 00\n\n",
	};
	char text[400];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		snprintf(text, sizeof text, "%s%s x\n", keys[i], PUBKEYS_ED25519);
		begin(text);
		ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_FAULT);
		ck_assert_uint_eq(line.line, 1);
		ck_assert_msg(strstr(line.fault, "found a private key"), "%s", line.fault);
		expect_key(i == 1 ? 4 : 5, "x");
	}
	begin("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n");
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_FAULT);
	ck_assert_ptr_nonnull(strstr(line.fault, "ssh-keygen -i"));
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_END);
	begin("-----BEGIN PRIVATE KEY-----\nMC4C"); /* a part of one */
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_FAULT);
	ck_assert_int_eq(authorized_next(&reader, &line), AUTHORIZED_END);
}
END_TEST

SUITE("authorized", a_private_key_is_one_mistake, keys_and_comments, mistakes_have_their_places,
      a_key_needs_an_identity, a_zero_byte)
