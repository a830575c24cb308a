#include "quota/source.h"

#include <pthread.h>
#include <stdio.h>

#include "net/addr.h"
#include "quota/limits.h"
#include "suite.h"

static struct limits limits = { .settings = { .max_unauthenticated_per_ip = 2,
	                                      .secret_rate = 10,
	                                      .secret_burst = 3,
	                                      .ban_after = 2,
	                                      .ban_time = 1000 } };

static struct source *get(struct source_table *table, const char *ip)
{
	struct source *source;
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	source = source_get(table, &addr);
	ck_assert_ptr_nonnull(source);
	return source;
}

START_TEST(one_entry_an_address_or_a_64)
{
	struct source_table *table = source_table_new();
	struct source *a = get(table, "192.0.2.1"), *b = get(table, "192.0.2.2"),
		      *c = get(table, "2001:db8::1");

	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(get(table, "192.0.2.1"), a);
	ck_assert_ptr_eq(get(table, "2001:db8:0:0:ffff::9"), c);
	ck_assert_ptr_ne(get(table, "2001:db8:0:1::1"), c);
	for (int i = 0; i < 2; i++) {
		source_unref(a);
		source_unref(c);
	}
	source_unref(b);
	c = get(table, "2001:db8:0:1::1");
	source_unref(c);
	source_unref(c);
	source_unref(NULL);
	source_table_free(table);
	source_table_free(NULL);
}
END_TEST

START_TEST(tunnels_are_bounded)
{
	struct limits some = limits;
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	for (int i = 0; i < 1000; i++)
		ck_assert(source_add_tunnel(source, &some));
	some.settings.max_conns_per_ip = 1000;
	ck_assert(!source_add_tunnel(source, &some));
	source_remove_tunnel(source);
	ck_assert(source_add_tunnel(source, &some));
	for (int i = 0; i < 1000; i++)
		source_remove_tunnel(source);
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(visitors_are_bounded_in_number_and_pace)
{
	struct limits some = limits;
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");
	enum refusal why = REFUSED_COUNT;

	some.settings.max_visitors_per_ip = 2;
	ck_assert(source_add_visitor(source, &some, 1000, &why) &&
	          source_add_visitor(source, &some, 1000, &why));
	ck_assert(!source_add_visitor(source, &some, 1000, &why));
	ck_assert_int_eq(why, REFUSED_SOURCE_FULL);
	source_remove_visitor(source);
	some.settings.visitor_rate = 10;
	some.settings.visitor_burst = 1;
	ck_assert(source_add_visitor(source, &some, 1000, &why));
	source_remove_visitor(source);
	ck_assert(!source_add_visitor(source, &some, 1050, &why));
	ck_assert_int_eq(why, REFUSED_SOURCE_PACE);
	ck_assert(
		source_add_visitor(source, &some, 1150, &why)); /* refusals leave no count behind */
	source_remove_visitor(source);
	source_remove_visitor(source);
	source_remove_visitor(NULL);
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(its_share_is_two)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1"), *other = get(table, "192.0.2.2");

	for (int i = 0; i < 3; i++) {
		ck_assert(!source_is_over(source, &limits));
		ck_assert(!source_enter(source));
	}
	ck_assert(source_is_over(source, &limits));
	ck_assert(!source_is_over(other, &limits));
	source_leave(source, false);
	ck_assert(!source_is_over(source, &limits));
	source_unref(source);
	source_unref(other);
	source_table_free(table);
}
END_TEST

START_TEST(expected_connections_are_counted_apart)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	source_announce(source);
	source_announce(source);
	ck_assert(source_enter(source));
	ck_assert(source_enter(source));
	ck_assert(!source_enter(source)); /* a third one is not expected */
	source_leave(source, true);       /* one broke, and its visitor still waits ... */
	ck_assert(source_enter(source));  /* ... for another one */
	source_unannounce(source);
	source_leave(source, true);
	ck_assert(!source_enter(source)); /* the other visitor's has arrived already */
	source_leave(source, false);
	ck_assert(!source_is_over(source, &limits));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(an_elder_may_expect_connections)
{
	enum { EXPECTED = 128 };
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");
	spore_addr addrs[2];

	ck_assert(addr_parse_ip("192.0.2.1", &addrs[0]));
	ck_assert(!source_has_elder(source) && !source_has_tunnel(source));
	source_forget_elders(table);
	ck_assert(!source_has_elder(source));
	source_unref(source);
	source_set_elder(table, &addrs[0]);
	source = get(table, "192.0.2.1");
	ck_assert(source_has_elder(source) && source_has_tunnel(source));
	source_announce(source);
	for (int i = 0; i < EXPECTED + 1; i++)
		ck_assert(source_enter(source));
	ck_assert(!source_enter(source));
	source_leave(source, true);
	ck_assert(source_enter(source));
	source_forget_elders(table);
	ck_assert(!source_has_elder(source) && !source_has_tunnel(source));
	source_leave(source, true);
	ck_assert(!source_enter(source));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(sources_with_tunnels_are_listed)
{
	struct source_table *table = source_table_new();
	struct source *here = get(table, "192.0.2.1"), *none = get(table, "192.0.2.2"), *proxy;
	spore_addr out[3], addr;

	ck_assert(source_add_tunnel(here, &limits));
	ck_assert(addr_parse_ip("2001:db8::1", &addr));
	source_set_elder(table, &addr);
	proxy = source_get_proxy(table, &addr);
	ck_assert(source_add_tunnel(proxy, &limits));
	ck_assert_uint_eq(source_list_tunnels(table, out, 1), 1);
	ck_assert_uint_eq(source_list_tunnels(table, out, 3), 2);
	ck_assert_int_eq(out[0].family + out[1].family, 4 + 6);
	source_forget_elders(table);
	ck_assert_uint_eq(source_list_tunnels(table, out, 3), 1);
	ck_assert_int_eq(out[0].family, 4);
	source_remove_tunnel(here);
	source_remove_tunnel(proxy);
	source_unref(here);
	source_unref(none);
	source_unref(proxy);
	source_table_free(table);
}
END_TEST

START_TEST(secrets_are_tried_at_a_rate)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	for (int i = 0; i < 3; i++)
		ck_assert(source_may_try(source, &limits, 1000));
	ck_assert(!source_may_try(source, &limits, 1000));
	ck_assert(!source_may_try(source, &limits, 1050));
	ck_assert(source_may_try(source, &limits, 1150));
	ck_assert(!source_may_try(source, &limits, 1151));
	source_return_try(source);
	ck_assert(source_may_try(source, &limits, 1151));
	ck_assert(!source_may_try(source, &limits, 1151));
	for (int i = 0; i < 3; i++)
		ck_assert(source_may_try(source, &limits, 100000)); /* never more than the burst */
	ck_assert(!source_may_try(source, &limits, 100000));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(wrong_secrets_ban_for_a_time)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	ck_assert(!source_was_wrong(source, &limits, 999));
	ck_assert(source_was_wrong(source, &limits, 1000)); /* as many as ban_after says */
	ck_assert_int_eq(source_ban_left(source, 1000), 1000);
	source_unref(source); /* without references it is still remembered */
	source = get(table, "192.0.2.1");
	ck_assert_int_eq(source_ban_left(source, 1999), 1);
	ck_assert_int_eq(source_ban_left(source, 2000), 0);
	ck_assert(!source_was_wrong(source, &limits, 3000));
	source_was_right(source);
	ck_assert(!source_was_wrong(source, &limits, 3000));
	for (int i = 0; i < 20; i++)
		ck_assert(!source_was_wrong(source, &limits,
		                            10000 + i * 1000)); /* wrong answers fade */
	source_unref(source);
	source_table_free(table);
}
END_TEST

/* At t = 1000, for a second. */
static void ban(struct source *source)
{
	while (!source_was_wrong(source, &limits, 1000))
		;
}

START_TEST(few_connections_of_a_banned_source_hear_of_it)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");
	int n = 0;

	ban(source);
	while (source_may_hear(source, 1000))
		n++;
	ck_assert_int_eq(n, 10);
	ck_assert(!source_may_hear(source, 1900));
	ck_assert(source_may_hear(source, 2100));
	source_unref(source);
	source_table_free(table);
}
END_TEST

/* They may be data connections of the tunnel's client. */
START_TEST(connections_of_a_banned_source_with_a_tunnel_go_on)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	ban(source);
	while (source_may_hear(source, 1000))
		;
	ck_assert(source_add_tunnel(source, &limits));
	ck_assert(source_may_hear(source, 1000) && source_may_hear(source, 1000));
	source_remove_tunnel(source);
	ck_assert(!source_may_hear(source, 1000));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(it_is_known_when_a_connection_was_turned_away)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");

	ck_assert(!source_was_turned_away(source, 0));
	source_turn_away(source, 500);
	ck_assert(source_was_turned_away(source, 500));
	ck_assert(!source_was_turned_away(source, 501));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(bans_are_listed)
{
	struct source_table *table = source_table_new();
	struct source *v4 = get(table, "192.0.2.1"), *v6 = get(table, "2001:db8::1"),
		      *other = get(table, "192.0.2.2");
	struct source_ban bans[2];
	char text[ADDR_TEXT_SIZE];

	ck_assert_uint_eq(source_list_bans(table, 1000, bans, 2), 0);
	ban(v6);
	source_may_hear(v6, 1200); /* this is not a try yet */
	source_turn_away(v6, 1200);
	source_turn_away(v6, 1200);
	ck_assert_uint_eq(source_list_bans(table, 1200, bans, 2), 1);
	ck_assert_str_eq(addr_format_cidr(&bans[0].source, text), "2001:db8::/64");
	ck_assert_int_eq(bans[0].left_ms, 800);
	ck_assert_uint_eq(bans[0].tries, 2);
	ban(v4);
	ck_assert_uint_eq(source_list_bans(table, 1200, bans, 1), 2); /* more than there is room */
	ck_assert_uint_eq(source_list_bans(table, 2000, bans, 2), 0);
	source_unref(v4);
	source_unref(v6);
	source_unref(other);
	source_table_free(table);
}
END_TEST

START_TEST(a_ban_can_be_lifted)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "2001:db8::1");
	spore_addr same, other;

	ck_assert(addr_parse_ip("2001:db8::ffff", &same) && addr_parse_ip("192.0.2.1", &other));
	ck_assert(!source_forgive(table, &same, 1000));
	ban(source);
	ck_assert(!source_forgive(table, &other, 1000));
	ck_assert(source_forgive(table, &same, 1000));
	ck_assert_int_eq(source_ban_left(source, 1000), 0);
	ck_assert(!source_forgive(table, &same, 1000));
	ck_assert(!source_was_wrong(source, &limits, 1000)); /* it starts anew */
	ck_assert(source_forgive(table, &same, 1000));       /* also before a ban */
	ck_assert(!source_was_wrong(source, &limits, 1000));
	source_unref(source);
	source_table_free(table);
}
END_TEST

/* Slow verdicts about answers from before the ban arrive during it. */
START_TEST(nothing_is_counted_during_a_ban)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "192.0.2.1");
	spore_addr addr;

	ck_assert(addr_parse_ip("192.0.2.1", &addr));
	ban(source);
	for (int i = 0; i < 10; i++)
		ck_assert(!source_was_wrong(source, &limits, 1000));
	ck_assert(source_forgive(table, &addr, 1000));
	ck_assert(!source_forgive(table, &addr, 1000));
	source_unref(source);
	source_table_free(table);
}
END_TEST

START_TEST(exempt_prefixes_are_never_slowed_down)
{
	struct limits some = limits;
	struct source_table *table;
	spore_cidr exempt[2];

	ck_assert(addr_parse_cidr("127.0.0.0/9", &exempt[0]) && addr_parse_cidr("::1", &exempt[1]));
	some.settings.ban_exempt = (spore_list){ exempt, 2, sizeof *exempt };
	table = source_table_new();
	for (int i = 0; i < 3; i++) {
		struct source *source = get(
			table, ((const char *const[]){ "127.0.0.1", "::1", "127.128.0.1" })[i]);
		unsigned n_tries = 0, n_bans = 0;

		for (int k = 0; k < 10; k++) {
			n_tries += source_may_try(source, &some, 1000);
			n_bans += source_was_wrong(source, &some, 1000);
		}
		ck_assert_uint_eq(n_tries, i < 2 ? 10 : 3);
		ck_assert(i < 2 ? n_bans == 0 : n_bans > 0);
		source_unref(source);
	}
	source_table_free(table);
}
END_TEST

/* With more addresses than the table remembers, it stays bounded and its entries stay right. */
START_TEST(the_table_stays_bounded)
{
	struct source_table *table = source_table_new();
	spore_addr addr;

	ck_assert(addr_parse_ip("10.0.0.0", &addr));
	for (unsigned i = 0; i < 100000; i++) {
		struct source *source;

		addr.ip[13] = (uint8_t)(i >> 16);
		addr.ip[14] = (uint8_t)(i >> 8);
		addr.ip[15] = (uint8_t)i;
		source = source_get(table, &addr);
		ck_assert(source_may_try(source, &limits, 1000));
		source_unref(source);
	}
	source_table_free(table);
}
END_TEST

static void *use_many(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		char ip[32];
		struct source *source;

		snprintf(ip, sizeof ip, "192.0.2.%d", i % 7);
		source = get(arg, ip);
		source_announce(source);
		source_leave(source, source_enter(source));
		source_unannounce(source);
		source_may_try(source, &limits, i);
		source_was_wrong(source, &limits, i);
		source_unref(source_ref(source));
		source_unref(source);
	}
	return NULL;
}

START_TEST(threads_share_the_table)
{
	struct source_table *table = source_table_new();
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, use_many, table);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 7; i++) {
		char ip[32];
		struct source *source;

		snprintf(ip, sizeof ip, "192.0.2.%d", i);
		source = get(table, ip);
		for (int k = 0; k < 2; k++)
			ck_assert(
				!source_enter(source)); /* nothing is still announced or counted */
		ck_assert(!source_is_over(source, &limits));
		source_unref(source);
	}
	source_table_free(table);
}
END_TEST

START_TEST(a_proxy_is_not_the_client_at_its_address)
{
	struct limits some = { .settings = limits.settings, .strangers = 6 };
	struct source_table *table = source_table_new();
	struct source *client = get(table, "192.0.2.1"), *proxy;
	struct source_ban ban;
	spore_addr addr;

	ck_assert(addr_parse_ip("192.0.2.1", &addr));
	proxy = source_get_proxy(table, &addr);
	ck_assert_ptr_ne(proxy, client);
	ck_assert(source_is_proxy(proxy) && !source_is_proxy(client));
	/* It may have half of all strangers. */
	for (int i = 0; i < 3; i++)
		ck_assert(!source_enter(proxy) && !source_is_over(proxy, &some));
	ck_assert(!source_enter(proxy) && source_is_over(proxy, &some));
	ck_assert(!source_is_over(client, &some));
	/* It is never banned. */
	ck_assert(!source_may_be_banned(proxy, &some) && source_may_be_banned(client, &some));
	for (int i = 0; i < 10; i++)
		ck_assert(!source_was_wrong(proxy, &some, 1000));
	while (!source_was_wrong(client, &some, 1000))
		;
	ck_assert_int_eq(source_ban_left(proxy, 1000), 0);
	ck_assert_uint_eq(source_list_bans(table, 1000, &ban, 1), 1);
	ck_assert(source_forgive(table, &addr, 1000));
	for (int i = 0; i < 4; i++)
		source_leave(proxy, false);
	source_unref(proxy);
	source_unref(client);
	source_table_free(table);
}
END_TEST

/* The longer ban holds. */
START_TEST(a_ban_can_be_set)
{
	struct source_table *table = source_table_new();
	struct source *source = get(table, "2001:db8::1");
	struct source_ban found;
	spore_addr same;

	ck_assert(addr_parse_ip("2001:db8::ffff", &same));
	source_ban(table, &same, 500, 7, 1000);
	ck_assert_int_eq(source_ban_left(source, 1000), 500);
	source_ban(table, &same, 300, 9, 1000);
	source_ban(table, &same, 0, 9, 1000);
	ck_assert_uint_eq(source_list_bans(table, 1000, &found, 1), 1);
	ck_assert_int_eq(found.left_ms, 500);
	ck_assert_uint_eq(found.tries, 7);
	source_unref(source);
	source_table_free(table);
}
END_TEST

SUITE("source", a_ban_can_be_set, tunnels_are_bounded, visitors_are_bounded_in_number_and_pace,
      one_entry_an_address_or_a_64, its_share_is_two, expected_connections_are_counted_apart,
      an_elder_may_expect_connections, sources_with_tunnels_are_listed, secrets_are_tried_at_a_rate,
      wrong_secrets_ban_for_a_time, few_connections_of_a_banned_source_hear_of_it,
      connections_of_a_banned_source_with_a_tunnel_go_on,
      it_is_known_when_a_connection_was_turned_away, bans_are_listed, a_ban_can_be_lifted,
      nothing_is_counted_during_a_ban, exempt_prefixes_are_never_slowed_down,
      the_table_stays_bounded, threads_share_the_table, a_proxy_is_not_the_client_at_its_address)
