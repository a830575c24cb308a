#include "hash.h"

#include <stdio.h>
#include <string.h>

#include "hashes.h"
#include "suite.h"

static const char *const hashes[] = { HASHES_BCRYPT, HASHES_YESCRYPT, HASHES_SHA512,
	                              HASHES_SHA512_PLAIN };
enum { N_HASHES = sizeof hashes / sizeof *hashes };

START_TEST(hashes_of_the_real_programs)
{
	for (size_t i = 0; i < N_HASHES; i++) {
		const char *fault = hash_fault(spore_cstr(hashes[i]));

		ck_assert_msg(!fault, "%s: %s", hashes[i], fault);
		ck_assert_int_eq(hash_check(hashes[i], "correct"), HASH_RIGHT);
		ck_assert_int_eq(hash_check(hashes[i], "Correct"), HASH_WRONG);
		ck_assert_int_eq(hash_check(hashes[i], ""), HASH_WRONG);
	}
}
END_TEST

static void expect_fault(const char *text, const char *beginning)
{
	const char *fault = hash_fault(spore_cstr(text));

	ck_assert_msg(fault && strncmp(fault, beginning, strlen(beginning)) == 0, "%s: %s", text,
	              fault ? fault : "taken");
}

START_TEST(other_hashes_are_named)
{
	expect_fault("$apr1$VGP.1Zgn$QYloIbU0kOl/tP9UHuOH//",
	             "expected a hash of bcrypt, yescrypt or SHA-512, found MD5 (apr1)");
	expect_fault("{SHA}GpHWL3ymc5liWkNopqtdSjuqYHM=",
	             "expected a hash of bcrypt, yescrypt or SHA-512, found SHA-1");
	expect_fault("$5$salt$digest",
	             "expected a hash of bcrypt, yescrypt or SHA-512, found SHA-256");
	expect_fault("aGsNYFjLLjzXY",
	             "expected a hash of bcrypt, yescrypt or SHA-512, found another text");
	expect_fault("hunter2", "expected a hash of bcrypt, yescrypt or SHA-512");
	expect_fault("!", "expected a hash of bcrypt, yescrypt or SHA-512");
	expect_fault("", "expected a hash of bcrypt, yescrypt or SHA-512");
}
END_TEST

/* A hash that takes hours would stop the pool. */
START_TEST(costs_are_limited)
{
	char text[HASH_MAX + 1];

	snprintf(text, sizeof text, "$2y$18%s", &HASHES_BCRYPT[6]);
	expect_fault(text, "expected a cost of bcrypt from 04 to 17");
	snprintf(text, sizeof text, "$2y$17%s", &HASHES_BCRYPT[6]);
	ck_assert_ptr_null(hash_fault(spore_cstr(text)));
	snprintf(text, sizeof text, "$6$rounds=99999999$%s", &HASHES_SHA512_PLAIN[3]);
	expect_fault(text, "expected 1000 to 10000000 rounds of SHA-512");
	snprintf(text, sizeof text, "$6$rounds=999$%s", &HASHES_SHA512_PLAIN[3]);
	expect_fault(text, "expected 1000 to 10000000 rounds of SHA-512");
	snprintf(text, sizeof text, "$y$jFT%s", &HASHES_YESCRYPT[6]);
	expect_fault(text, "expected yescrypt with at most 128 MiB");
	snprintf(text, sizeof text, "$y$jCT%s", &HASHES_YESCRYPT[6]);
	ck_assert_ptr_null(hash_fault(spore_cstr(text)));
}
END_TEST

/* Every text that is cut, or has a wrong character, is refused. */
START_TEST(a_hash_must_be_complete)
{
	for (size_t i = 0; i < N_HASHES; i++) {
		char text[HASH_MAX + 2];
		size_t len = strlen(hashes[i]);

		for (size_t cut = 0; cut < len; cut++)
			ck_assert_ptr_nonnull(hash_fault((spore_str){ hashes[i], cut }));
		strcpy(text, hashes[i]);
		strcpy(text + len, "a");
		ck_assert_ptr_nonnull(hash_fault(spore_cstr(text)));
		strcpy(text, hashes[i]);
		text[len - 1] = '*';
		ck_assert_ptr_nonnull(hash_fault(spore_cstr(text)));
		text[len - 1] = '\0';
		ck_assert_ptr_nonnull(hash_fault((spore_str){ text, len }));
	}
}
END_TEST

START_TEST(bcrypt_reads_72_bytes)
{
	char password[80];

	memset(password, 'p', sizeof password - 1);
	password[79] = '\0';
	ck_assert_uint_eq(hash_reads(HASHES_BCRYPT, password).len, 72);
	ck_assert_uint_eq(hash_reads(HASHES_SHA512, password).len, 79);
	ck_assert_uint_eq(hash_reads(HASHES_BCRYPT, "short").len, 5);
}
END_TEST

SUITE("hash", hashes_of_the_real_programs, other_hashes_are_named, costs_are_limited,
      a_hash_must_be_complete, bcrypt_reads_72_bytes)
