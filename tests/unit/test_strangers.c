#include "server/strangers.h"

#include "net/addr.h"
#include "suite.h"

static struct limit_settings limits = { .max_unauthenticated_per_ip = 100, .secret_burst = 1 };

static struct source *enter(struct source_table *table, const char *ip)
{
	struct source *source;
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	source = source_get(table, &addr);
	ck_assert(source_enter(source, &limits, 0));
	return source;
}

START_TEST(the_oldest_of_the_heaviest_goes_first)
{
	static const char *const ips[] = { "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.2" };
	struct source_table *table = source_table_new();
	struct stranger strangers[5];
	struct stranger_list list;

	stranger_list_init(&list, 5);
	ck_assert_ptr_null(stranger_heaviest(&list));
	for (int i = 0; i < 5; i++) {
		stranger_init(&strangers[i]);
		ck_assert(stranger_add(&list, &strangers[i], enter(table, ips[i])) == (i == 4));
	}
	ck_assert_ptr_eq(stranger_heaviest(&list), &strangers[1]);
	stranger_remove(&list, &strangers[1]);
	stranger_remove(&list, &strangers[1]);
	ck_assert_uint_eq(list.count, 4);
	ck_assert_ptr_eq(stranger_heaviest(&list), &strangers[2]);
	stranger_remove(&list, &strangers[2]);
	stranger_remove(&list, &strangers[4]);
	ck_assert_ptr_eq(stranger_heaviest(&list), &strangers[0]); /* all equal: the oldest */
	stranger_remove(&list, &strangers[0]);
	stranger_remove(&list, &strangers[3]);
	ck_assert_uint_eq(list.count, 0);
	ck_assert_ptr_null(stranger_heaviest(&list));
	source_table_free(table);
}
END_TEST

START_TEST(removing_gives_the_source_back)
{
	struct source_table *table = source_table_new();
	struct stranger stranger, never;
	struct stranger_list list;
	struct source *source = enter(table, "192.0.2.1");

	stranger_list_init(&list, 9);
	stranger_init(&stranger);
	stranger_init(&never);
	stranger_remove(&list, &never);
	ck_assert(!stranger_add(&list, &stranger, source_ref(source)));
	ck_assert_uint_eq(source_weight(source), 1);
	stranger_remove(&list, &stranger);
	ck_assert_uint_eq(source_weight(source), 0);
	source_unref(source);
	source_table_free(table);
}
END_TEST

SUITE("strangers", the_oldest_of_the_heaviest_goes_first, removing_gives_the_source_back)
