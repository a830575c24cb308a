#include "keyring.h"

#include <stdlib.h>
#include <unistd.h>

#include "mistakes.h"
#include "pubkeys.h"
#include "suite.h"
#include "warnings.h"

static char paths[2][32];
static const char *files[2] = { paths[0], paths[1] };
static spore_list list = { files, 0, sizeof *files };
static struct keyring ring;

static void add_file(const char *text)
{
	int fd = mkstemp(strcpy(paths[list.count++], "/tmp/spore-unit-XXXXXX"));

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int64_t wall_ms(void)
{
	return INT64_C(1800000000000); /* in January 2027 */
}

static bool run(void)
{
	const spore_host host = warnings_host(
		&(spore_host){ .struct_size = sizeof host, .wall_ms = wall_ms });
	spore_create_args args = { .struct_size = sizeof args,
		                   .host = &host,
		                   .report = mistakes_report };
	bool good = keyring_read(&ring, &args, &list);

	ck_assert(good == (n_mistakes == 0));
	return good;
}

static void end(void)
{
	keyring_fini(&ring);
	while (list.count)
		unlink(paths[--list.count]);
}

START_TEST(files_make_one_keyring)
{
	uint8_t fingerprint[KEY_FINGERPRINT_SIZE];

	add_file("# the team\n" PUBKEYS_ED25519 " alice\n");
	add_file(PUBKEYS_P256 " bob\n");
	ck_assert(run());
	ck_assert_uint_eq(ring.n, 2);
	for (size_t i = 0; i < ring.n; i++) {
		const struct authorized_key *key = keyring_find(&ring,
		                                                ring.keys[i].key.fingerprint);

		ck_assert_ptr_eq(key, &ring.keys[i]);
		ck_assert_str_eq(key->restrictions.identity, key->file == 0 ? "alice" : "bob");
		ck_assert_uint_eq(key->line, key->file == 0 ? 2 : 1);
		ck_assert(keyring_session(key) != 0);
	}
	ck_assert(keyring_session(&ring.keys[0]) != keyring_session(&ring.keys[1]));
	memcpy(fingerprint, ring.keys[0].key.fingerprint, sizeof fingerprint);
	fingerprint[31] ^= 1;
	ck_assert_ptr_null(keyring_find(&ring, fingerprint));
	end();
}
END_TEST

START_TEST(there_may_be_no_key)
{
	add_file("# nobody\n");
	ck_assert(run());
	warnings_expect("nobody can log in by this instance: /tmp/");
	ck_assert_ptr_null(keyring_find(&ring, (const uint8_t[KEY_FINGERPRINT_SIZE]){ 0 }));
	ck_assert(!keyring_has_identity(&ring, spore_cstr("alice")));
	keyring_fini(&ring);
	add_file("");
	ck_assert(run());
	warnings_expect("the files of authorized_keys have no keys\n");
	end();
}
END_TEST

START_TEST(a_key_comes_once)
{
	char expected[200];

	add_file("\n" PUBKEYS_ED25519 " alice\n");
	add_file("life=1 " PUBKEYS_ED25519 " bob\n");
	ck_assert(!run());
	snprintf(expected, sizeof expected,
	         "/authorized_keys/1: %s:1:1: expected each key once, found that of %s:2\n",
	         paths[1], paths[0]);
	mistakes_expect(expected);
	end();
}
END_TEST

START_TEST(mistakes_have_their_places)
{
	char expected[200];

	add_file(PUBKEYS_ED25519 " alice\n\nno-pty " PUBKEYS_P256 " bob\n");
	ck_assert(!run());
	snprintf(expected, sizeof expected, "/authorized_keys/0: %s:3:1: expected a type of key",
	         paths[0]);
	mistakes_expect(expected);
	end();
}
END_TEST

START_TEST(after_some_mistakes_it_stops)
{
	add_file("x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n");
	ck_assert(!run());
	ck_assert_uint_eq(n_mistakes, 10);
	mistakes_clear();
	end();
}
END_TEST

START_TEST(a_file_must_be_readable)
{
	strcpy(paths[0], "/nowhere/at/all");
	list.count = 1;
	ck_assert(!run());
	mistakes_expect(
		"/authorized_keys/0: cannot read /nowhere/at/all: No such file or directory");
	strcpy(paths[0], "/tmp");
	ck_assert(!run());
	mistakes_expect("/authorized_keys/0: cannot read /tmp: it is a directory");
}
END_TEST

START_TEST(a_key_that_has_expired_is_no_mistake)
{
	char expected[200];

	add_file("# old\nexpiry-time=\"20261231Z\" " PUBKEYS_ED25519 " alice\n"
	         "expiry-time=\"20280101Z\" " PUBKEYS_P256 " bob\n");
	ck_assert(run());
	snprintf(expected, sizeof expected,
	         "%s:2: the key of alice has expired: its expiry-time is in the past\n", paths[0]);
	warnings_expect(expected);
	end();
}
END_TEST

SUITE("keyring", a_key_that_has_expired_is_no_mistake, files_make_one_keyring, there_may_be_no_key,
      a_key_comes_once, mistakes_have_their_places, after_some_mistakes_it_stops,
      a_file_must_be_readable)
