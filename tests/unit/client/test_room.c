#include "client/room.h"

#include "config/settings.h"
#include "relay/relay.h"
#include "suite.h"

/* Two tunnels, one of which has its service checked. */
static struct tunnel_settings tunnels[] = { { .name = "a", .check.is_wanted = true },
	                                    { .name = "b" } };

static struct settings settings_with(int64_t ahead, int64_t max_dials)
{
	return (struct settings){ .client = { .ahead = ahead, .max_dials = max_dials },
		                  .tunnels = { .items = tunnels, .count = 2 } };
}

START_TEST(one_visitor_fits_into_the_least)
{
	struct settings settings = settings_with(3, 64);
	unsigned least = room_least_descriptors(&settings);

	/* a visitor, two control connections, six opened ahead, a check */
	ck_assert_uint_ge(least, 2 + 2 + 6 + 1);
	ck_assert_uint_ge(room_max_visitors(&settings, least), 1);
	settings.client.ahead = 4;
	ck_assert_uint_eq(room_least_descriptors(&settings), least + 2);
}
END_TEST

START_TEST(all_dials_fit_into_what_is_asked_for)
{
	for (int64_t dials = 1; dials < 5000; dials += 97) {
		struct settings settings = settings_with(0, dials);
		unsigned needed = room_descriptors(&settings);

		ck_assert_uint_ge(room_max_visitors(&settings, needed), (unsigned)dials);
		ck_assert_uint_ge(needed, 2 * (unsigned)dials);
	}
}
END_TEST

START_TEST(all_that_a_client_opens_fits)
{
	struct settings settings = settings_with(2, 64);

	for (unsigned descriptors = 1024; descriptors < 100000; descriptors += 777) {
		unsigned most = room_max_visitors(&settings, descriptors);
		unsigned stays = 2 + 4 + 1;

		ck_assert_uint_lt(2 * most + stays + 2 * relay_most_pipes(descriptors),
		                  descriptors);
	}
}
END_TEST

START_TEST(without_room_it_is_one_visitor)
{
	struct settings settings = settings_with(0, 64);

	ck_assert_uint_eq(room_max_visitors(&settings, 0), 1);
	ck_assert_uint_eq(room_max_visitors(&settings, 20), 1);
}
END_TEST

SUITE("room", one_visitor_fits_into_the_least, all_dials_fit_into_what_is_asked_for,
      all_that_a_client_opens_fits, without_room_it_is_one_visitor)
