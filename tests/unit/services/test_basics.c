#include "services/basics.h"

#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(time_goes_on_and_random_bytes_differ)
{
	uint8_t one[16], other[16];
	int64_t now_ms = host_table()->now_ms();

	ck_assert_int_le(clock_ms() - now_ms, 1000);
	ck_assert_int_eq(host_table()->random(one, sizeof one), SPORE_OK);
	ck_assert_int_eq(host_table()->random(other, sizeof other), SPORE_OK);
	ck_assert_mem_ne(one, other, sizeof one);
}
END_TEST

START_TEST(digests_are_those_of_the_standards)
{
	const spore_host *host = host_table();
	uint8_t digest[32], mac[32];

	ck_assert_int_eq(host->sha256("abc", 3, digest), SPORE_OK);
	ck_assert_uint_eq(digest[0], 0xba);
	ck_assert_uint_eq(digest[31], 0xad);
	ck_assert_int_eq(host->hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac),
	                 SPORE_OK);
	ck_assert_uint_eq(mac[0], 0x5b);
	ck_assert_uint_eq(mac[31], 0x43);
	ck_assert_uint_eq(host->equal(digest, mac, 32), 0);
	ck_assert_uint_eq(host->equal(mac, mac, 32), 1);
	memset(mac, 0, sizeof mac);
	ck_assert_int_eq(host->hmac_sha256("x", SIZE_MAX, "", 0, mac), SPORE_ESYS);
	ck_assert_mem_ne(mac, (uint8_t[32]){ 0 }, sizeof mac);
	ck_assert_int_gt(host->wall_ms(), 1600000000000);
}
END_TEST

SUITE("basics", time_goes_on_and_random_bytes_differ, digests_are_those_of_the_standards)
