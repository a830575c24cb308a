#include "place.h"

#include "suite.h"

START_TEST(places_are_parsed)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
		{ "redis.example", "redis.example", 1 },
		{ "redis.example:26379", "redis.example", 26379 },
		{ "127.0.0.1:5", "127.0.0.1", 5 },
		{ "::1", "::1", 1 },
		{ "[::1]", "::1", 1 },
		{ "[2001:db8::7]:443", "2001:db8::7", 443 },
	};
	struct place place;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_msg(place_parse(&place, rows[i].text, 1), "%s", rows[i].text);
		ck_assert_str_eq(place.host, rows[i].host);
		ck_assert_uint_eq(place.port, rows[i].port);
	}
}
END_TEST

START_TEST(other_texts_are_refused)
{
	static const char *const texts[] = { "",      ":1",      "a:",     "a:0",    "a:65536",
		                             "a:1x",  "[::1",    "[::1]x", "[a]b:1", "a b",
		                             "a/b:1", "[x:y]:1", "1:2:3" };
	struct place place;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		ck_assert_msg(!place_parse(&place, texts[i], 1), "%s", texts[i]);
}
END_TEST

START_TEST(only_this_machine_is_local)
{
	static const char *const local[] = { "127.0.0.1", "127.200.3.4", "::1", "localhost" };
	static const char *const remote[] = { "192.0.2.1", "redis", "2001:db8::1", "localhost.a" };
	struct place place = { .path = "/run/redis.sock" };

	ck_assert(place_is_local(&place));
	for (size_t i = 0; i < 4; i++) {
		ck_assert(place_parse(&place, local[i], 1) && place_is_local(&place));
		ck_assert(place_parse(&place, remote[i], 1) && !place_is_local(&place));
	}
}
END_TEST

SUITE("place", places_are_parsed, other_texts_are_refused, only_this_machine_is_local)
