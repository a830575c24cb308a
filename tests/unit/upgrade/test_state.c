#include "upgrade/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/addr.h"
#include "quota/limits.h"
#include "quota/source.h"
#include "suite.h"
#include "usage/usage.h"
#include "json/reply.h"

static struct source_table *sources, *next_sources;
static struct usage_table usage, next_usage;

static void set_up(void)
{
	sources = source_table_new();
	next_sources = source_table_new();
	ck_assert(sources && next_sources);
	usage_table_init(&usage, 1, clock_wall_ms());
	usage_table_init(&next_usage, 1, clock_wall_ms());
}

static void tear_down(void)
{
	source_table_free(sources);
	source_table_free(next_sources);
	usage_table_fini(&usage);
	usage_table_fini(&next_usage);
}

static spore_addr address(const char *ip)
{
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	return addr;
}

START_TEST(clients_are_not_kept_out)
{
	spore_addr with = address("192.0.2.7"), without = address("192.0.2.8");
	struct limits limits = { .settings.max_conns_per_ip = 10 };
	struct source *source;
	struct source_ban bans[2];
	struct err err;

	set_up();
	source = source_get(sources, &with);
	ck_assert(source && source_add_tunnel(source, &limits));
	source_ban(sources, &with, 60000, 3, clock_ms());
	source_ban(sources, &without, 60000, 3, clock_ms());
	ck_assert_msg(state_read_bans(state_write(sources, &usage, &err), next_sources, &err), "%s",
	              err.text);
	ck_assert_uint_eq(source_list_bans(next_sources, clock_ms(), bans, 2), 1);
	ck_assert_int_eq(bans[0].source.ip[15], 8);
	source_remove_tunnel(source);
	source_unref(source);
	tear_down();
}
END_TEST

START_TEST(bans_are_passed_on)
{
	spore_addr four = address("192.0.2.7"), six = address("2001:db8::1");
	struct source_ban bans[3];
	struct err err;
	int fd;

	set_up();
	source_ban(sources, &four, 60000, 3, clock_ms());
	source_ban(sources, &six, 120000, 0, clock_ms());
	fd = state_write(sources, &usage, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_msg(state_read_bans(fd, next_sources, &err), "%s", err.text);
	ck_assert_uint_eq(source_list_bans(next_sources, clock_ms(), bans, 3), 2);
	for (int i = 0; i < 2; i++) {
		bool is_four = bans[i].source.family == 4;

		ck_assert_uint_eq(bans[i].tries, is_four ? 3 : 0);
		ck_assert_int_le(bans[i].left_ms, is_four ? 60000 : 120000);
		ck_assert_int_gt(bans[i].left_ms, is_four ? 50000 : 110000);
	}
	close(fd);
	tear_down();
}
END_TEST

START_TEST(sources_of_tunnels_are_passed_on)
{
	spore_addr four = address("192.0.2.7"), six = address("2001:db8::1");
	static const struct limits limits = { .settings = { .ban_after = 0 } };
	struct source *one, *other;
	spore_addr found[3];
	struct err err;
	int fd;

	set_up();
	one = source_get(sources, &four);
	ck_assert(source_add_tunnel(one, &limits));
	source_set_elder(sources, &six);
	fd = state_write(sources, &usage, &err);
	ck_assert_msg(state_read_bans(fd, next_sources, &err), "%s", err.text);
	ck_assert_uint_eq(source_list_tunnels(next_sources, found, 3), 2);
	other = source_get(next_sources, &four);
	ck_assert(source_has_elder(other));
	source_unref(other);
	source_remove_tunnel(one);
	source_unref(one);
	close(fd);
	tear_down();
}
END_TEST

static void read_use(int fd)
{
	struct err err;
	char *text = state_read_use(fd, &err);

	ck_assert_msg(text != NULL, "%s", err.text);
	ck_assert(usage_table_inherit(&next_usage, text));
	free(text);
}

START_TEST(counts_of_use_are_passed_on)
{
	static const struct use_terms terms = { .bytes = { 1000, 10000 },
		                                .visitors_per_second = -1 };
	struct use_claim *claim = NULL;
	struct usage *alice, *next;
	struct err err;
	int fd;

	set_up();
	alice = usage_get(&usage, "alice");
	ck_assert(usage_limit(&usage, alice, &claim, &terms));
	ck_assert(usage_carry(&usage, alice, 700));
	fd = state_write(sources, &usage, &err);
	ck_assert_int_ge(fd, 0);
	read_use(fd);
	next = usage_get(&next_usage, "alice");
	ck_assert_uint_eq(atomic_load(&next->used[USE_DAY]), 700);
	usage_put(&next_usage, next);
	close(fd);
	usage_drop(&usage, alice, &claim);
	usage_put(&usage, alice);
	tear_down();
}
END_TEST

/* More than a JSON text may have. */
START_TEST(counts_of_very_many_are_passed_on)
{
	static const struct use_terms terms = { .bytes = { 1000, 10000 },
		                                .visitors_per_second = -1 };
	enum { MANY = 6000 };
	struct usage *next;
	char name[201];
	struct err err;
	int fd;

	set_up();
	for (int i = 0; i < MANY; i++) {
		struct use_claim *claim = NULL;
		struct usage *one;

		snprintf(name, sizeof name, "%0200d", i);
		one = usage_get(&usage, name);
		ck_assert(usage_limit(&usage, one, &claim, &terms));
		ck_assert(usage_carry(&usage, one, 7));
		usage_drop(&usage, one, &claim);
		usage_put(&usage, one);
	}
	fd = state_write(sources, &usage, &err);
	ck_assert_int_gt(lseek(fd, 0, SEEK_END), REPLY_MAX_BYTES);
	read_use(fd);
	snprintf(name, sizeof name, "%0200d", MANY - 1);
	next = usage_get(&next_usage, name);
	ck_assert_uint_eq(atomic_load(&next->used[USE_DAY]), 7);
	usage_put(&next_usage, next);
	close(fd);
	tear_down();
}
END_TEST

static bool reads(const char *text, struct err *err)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct err none;
	bool good;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_ptr_null(state_read_use(fd, &none));
	good = state_read_bans(fd, next_sources, err);
	close(fd);
	return good;
}

START_TEST(other_versions)
{
	struct source_ban ban;
	struct err err = { "" };

	set_up();
	ck_assert(reads("{ \"format\": 2, \"more\": [1] }", &err));
	ck_assert(reads("{ \"format\": 2, \"bans\": [\"nonsense\", 1, \"192.0.2.1 5\"] }", &err));
	ck_assert(reads("{ \"format\": 2, \"tunnels\": [\"nonsense\", 1, {}] }", &err));
	ck_assert(reads("{ \"format\": 2, \"tunnels\": \"nonsense\" }", &err));
	ck_assert_uint_eq(source_list_bans(next_sources, clock_ms(), &ban, 1), 0);
	ck_assert(!reads("{ \"format\": 1, \"bans\": [\"192.0.2.1 60000 1\"] }", &err));
	ck_assert_str_eq(err.text, "it has another format");
	ck_assert(!reads("{}", &err));
	ck_assert(!reads("", &err));
	ck_assert(!usage_table_inherit(&next_usage, "spore use 9\n"));
	ck_assert(!usage_table_inherit(&next_usage, NULL));
	tear_down();
}
END_TEST

SUITE("state", clients_are_not_kept_out, counts_of_very_many_are_passed_on, bans_are_passed_on,
      sources_of_tunnels_are_passed_on, counts_of_use_are_passed_on, other_versions)
