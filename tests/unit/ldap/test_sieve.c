#include "sieve.h"

#include <string.h>

#include "suite.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

/* At once, and byte by byte. */
static bool passes(const uint8_t *bytes, size_t n)
{
	struct sieve whole = { 0 }, parts = { 0 };
	bool good = sieve_pass(&whole, bytes, n), in_parts = true;

	for (size_t i = 0; i < n; i++)
		in_parts = sieve_pass(&parts, bytes + i, 1);
	ck_assert(good == in_parts);
	return good;
}

START_TEST(results_pass)
{
	ck_assert(passes(BYTES(0x30, 7, 2, 1, 1, 0x61, 2, 10, 0)));
	ck_assert(passes(BYTES(0x30, 0x81, 7, 2, 1, 1, 0x65, 2, 10, 0)));
	ck_assert(passes(BYTES(0x30, 0x84, 0, 0, 0, 10, 2, 4, 1, 2, 3, 4, 0x78, 2, 10, 0)));
	ck_assert(passes(BYTES(0x30, 5, 2, 1, 1, 0x64, 0, 0x30, 5, 2, 1, 2, 0x73, 0)));
	ck_assert(passes(BYTES(0x30, 7, 2, 1)));
	ck_assert(passes(NULL, 0));
}
END_TEST

START_TEST(what_does_not_pass)
{
	/* Nobody has asked for it. */
	ck_assert(!passes(BYTES(0x30, 7, 2, 1, 0, 0x78, 2, 10, 0)));
	ck_assert(!passes(BYTES(0x30, 8, 2, 2, 0, 0, 0x78, 2, 10, 0)));
	ck_assert(!passes(BYTES(0x30, 7, 2, 1, 0xFF, 0x61, 2, 10, 0)));
	/* Another message, or none. */
	ck_assert(!passes(BYTES(0x30, 7, 2, 1, 1, 0x60, 2, 10, 0)));
	ck_assert(!passes(BYTES(0x30, 7, 2, 1, 1, 0x79, 2, 10, 0)));
	ck_assert(!passes(BYTES('H', 'T', 'T', 'P')));
	ck_assert(!passes(BYTES(0x30, 7, 4, 1, 1)));
	/* Lengths. */
	ck_assert(!passes(BYTES(0x30, 0x80, 2)));
	ck_assert(!passes(BYTES(0x30, 0x85, 0, 0, 0, 0, 7)));
	ck_assert(!passes(BYTES(0x30, 7, 2, 0, 1)));
	ck_assert(!passes(BYTES(0x30, 7, 2, 5, 1, 1, 1, 1, 1)));
	ck_assert(!passes(BYTES(0x30, 3, 2, 1, 1, 0x61)));
	ck_assert(!passes(BYTES(0x30, 0x83, 0x20, 0, 0, 2, 1, 1, 0x61)));
}
END_TEST

START_TEST(the_second_message)
{
	struct sieve sieve = { 0 };

	ck_assert(sieve_pass(&sieve, BYTES(0x30, 7, 2, 1, 1, 0x61, 2, 10)));
	ck_assert(sieve_pass(&sieve, BYTES(0, 0x30, 5, 2, 1)));
	ck_assert(!sieve_pass(&sieve, BYTES(0, 0x78)));
	ck_assert(!sieve_pass(&sieve, BYTES(0x30, 7, 2, 1, 1, 0x61, 2, 10, 0)));
}
END_TEST

SUITE("sieve", results_pass, what_does_not_pass, the_second_message)
