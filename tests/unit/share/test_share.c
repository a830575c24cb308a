#include "share/share.h"

#include "loop/loop.h"
#include "scene/account_scene.h"
#include "sockets.h"
#include "suite.h"

static struct account_scene scene;
static struct share_table table;
static struct share_member members[SHARE_MOST + 1];
static struct account *accounts[SHARE_MOST + 1];
static struct loop *loop;
static struct loop_task news;
static struct share *share;
static unsigned n_opened, n_closed;

static void run_news(struct loop_task *task)
{
	ck_assert_ptr_eq(task, &news);
}

static bool open_port(struct share *opened, void *arg)
{
	n_opened++;
	share_set_home(opened, loop, &news);
	share = opened;
	return arg == &scene;
}

static void close_port(void *arg)
{
	ck_assert_ptr_eq(arg, &scene);
	n_closed++;
}

/* The task has run before it may be posted again. */
static bool take_news(void)
{
	loop_finish(loop);
	return share_take_news(share, close_port, &scene);
}

static enum share_result join(int i, uint64_t session)
{
	const struct share_opener opener = { open_port, &scene };
	spore_auth_result result = { .struct_size = sizeof result, .session = session };
	struct limit_hit hit;

	accounts[i] = account_open(&scene.principals, scene.source, &scene.limits, NULL,
	                           grant_new(&result), &hit);
	ck_assert_ptr_nonnull(accounts[i]);
	return share_join(&table, 4000, &members[i], accounts[i], &opener);
}

static void leave(int i)
{
	share_leave(&members[i]);
	account_close_tunnel(accounts[i]);
	accounts[i] = NULL;
}

/* A share of n members. */
static void begin(int n)
{
	struct err err;

	account_scene_open(&scene);
	scene.limits.settings.max_tunnels = SHARE_MOST + 1;
	scene.limits.places += SHARE_MOST;
	share_table_init(&table);
	memset(members, 0, sizeof members);
	news = (struct loop_task){ .run = run_news };
	loop = loop_new(0, &err);
	n_opened = n_closed = 0;
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(join(i, 7), SHARE_JOINED);
}

static void end(void)
{
	for (int i = 0; i <= SHARE_MOST; i++) {
		if (accounts[i])
			leave(i);
	}
	ck_assert(take_news());
	ck_assert_uint_eq(n_closed, 1);
	ck_assert_int_eq(share_find(&table, 4000, NULL, 7), SHARE_OF_NOBODY);
	loop_free(loop);
	share_table_fini(&table);
	account_scene_close(&scene);
}

/* The member that gets a visitor of this source; -1: none. It has the visitor if `stays`. */
static int choose(const char *source, uint64_t tried, bool only_ready, bool stays)
{
	spore_addr addr;
	struct account *account;
	int i = 0;

	ck_assert(addr_parse_ip(source, &addr));
	account = share_choose(share,
	                       &(struct share_question){ &addr, tried, 0, NULL, 0, only_ready });
	if (!account)
		return -1;
	while (accounts[i] != account)
		i++;
	if (stays)
		ck_assert(account_scene_enter(&scene, account));
	account_expect(account, -1);
	account_unref(account);
	return i;
}

static int next(void)
{
	return choose("192.0.2.1", 0, false, false);
}

START_TEST(the_first_opens_the_port_and_the_last_closes_it)
{
	begin(2);
	ck_assert_uint_eq(n_opened, 1);
	ck_assert_int_eq(share_find(&table, 4000, NULL, 7), SHARE_OF_OWNER);
	ck_assert_int_eq(share_find(&table, 4000, NULL, 8), SHARE_OF_OTHERS);
	ck_assert_int_eq(share_find(&table, 4001, NULL, 7), SHARE_OF_NOBODY);
	leave(0);
	ck_assert(!take_news());
	end();
}
END_TEST

START_TEST(others_may_not_join)
{
	begin(1);
	ck_assert_int_eq(join(1, 8), SHARE_FOREIGN);
	ck_assert_ptr_null(members[1].share);
	end();
}
END_TEST

/* Visitors of the owner may still look for its members. */
START_TEST(others_may_not_join_a_share_that_ends)
{
	begin(1);
	leave(0);
	ck_assert_int_eq(join(1, 8), SHARE_FOREIGN);
	account_close_tunnel(accounts[1]);
	ck_assert_int_eq(join(1, 7), SHARE_JOINED);
	ck_assert(!take_news());
	leave(1);
	ck_assert(take_news());
	ck_assert_int_eq(join(1, 8), SHARE_JOINED);
	ck_assert_uint_eq(n_opened, 2);
	n_closed = 0;
	end();
}
END_TEST

START_TEST(a_share_has_a_limit)
{
	begin(SHARE_MOST);
	ck_assert_int_eq(join(SHARE_MOST, 7), SHARE_FULL);
	leave(SHARE_MOST);
	leave(9);
	ck_assert_int_eq(join(9, 7), SHARE_JOINED);
	ck_assert_uint_eq(members[9].place, 9);
	end();
}
END_TEST

START_TEST(the_member_with_the_fewest_visitors_is_chosen)
{
	begin(3);
	for (int i = 0; i < 6; i++)
		choose("192.0.2.1", 0, false, true);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(account_load(accounts[i]), 2);
	account_leave(accounts[1], NULL);
	ck_assert_int_eq(next(), 1);
	account_leave(accounts[1], NULL);
	for (int i = 0; i < 3; i += 2) {
		account_leave(accounts[i], NULL);
		account_leave(accounts[i], NULL);
	}
	end();
}
END_TEST

START_TEST(equals_take_turns)
{
	begin(3);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(next(), i % 3);
	end();
}
END_TEST

START_TEST(those_that_were_tried_are_left_out)
{
	begin(2);
	ck_assert_int_eq(choose("192.0.2.1", 1, false, false), 1);
	ck_assert_int_eq(choose("192.0.2.1", 2, false, false), 0);
	ck_assert_int_eq(choose("192.0.2.1", 3, false, false), -1);
	end();
}
END_TEST

/* The member that would get a visitor now; `of` counts it already, or is NULL. */
static int choose_for(const struct account *of, unsigned most)
{
	spore_addr addr;
	const struct share_question question = { .source = &addr, .most = most, .of = of };
	struct account *account;
	int i = 0;

	ck_assert(addr_parse_ip("192.0.2.1", &addr));
	account = share_choose(share, &question);
	ck_assert_ptr_nonnull(account);
	while (accounts[i] != account)
		i++;
	account_expect(account, -1);
	account_unref(account);
	return i;
}

START_TEST(a_visitor_that_is_counted_makes_its_member_no_worse)
{
	begin(2);
	ck_assert(account_scene_enter(&scene, accounts[1]));
	ck_assert_int_eq(choose_for(NULL, 0), 0);
	ck_assert_int_eq(choose_for(accounts[1], 0), 1); /* among equals, it stays */
	ck_assert(account_scene_enter(&scene, accounts[1]));
	ck_assert_int_eq(choose_for(accounts[1], 0), 0);
	account_leave(accounts[1], NULL);
	account_leave(accounts[1], NULL);
	end();
}
END_TEST

START_TEST(those_that_are_full_come_last)
{
	begin(2);
	atomic_store(&accounts[0]->pending, 2);
	ck_assert_int_eq(choose_for(NULL, 2), 1);
	ck_assert_int_eq(choose_for(NULL, 2), 1);
	atomic_store(&accounts[1]->pending, 2);
	ck_assert_int_eq(choose_for(NULL, 2), 0); /* one of them gets it all the same */
	atomic_store(&accounts[0]->pending, 0);
	atomic_store(&accounts[1]->pending, 0);
	end();
}
END_TEST

START_TEST(those_that_are_not_able_come_last)
{
	struct share_view view;

	begin(3);
	share_set_ready(&members[0], false, true);
	share_set_leaving(&members[1]);
	ck_assert_int_eq(next(), 2);
	ck_assert_int_eq(next(), 2);
	ck_assert_int_eq(choose("192.0.2.1", 4, false, false), 0);
	ck_assert_int_eq(choose("192.0.2.1", 5, false, false), 1);
	ck_assert_int_eq(choose("192.0.2.1", 4, true, false), -1);
	view = share_look(share, 0);
	ck_assert_uint_eq(view.members, 3);
	ck_assert_uint_eq(view.staying, 2);
	ck_assert_uint_eq(view.able, 1);
	ck_assert(!view.closes);
	share_set_ready(&members[1], false, false);
	share_set_ready(&members[2], false, false);
	ck_assert(share_look(share, 0).closes);
	end();
}
END_TEST

START_TEST(one_that_has_declined_is_spared_for_a_while)
{
	begin(2);
	share_shun(&members[0]);
	ck_assert_int_eq(next(), 1);
	ck_assert_int_eq(next(), 1);
	ck_assert_int_eq(choose("192.0.2.1", 2, false, false), 0);
	members[0].shunned_ms = 0;
	ck_assert_int_eq(next(), 1); /* the other was chosen last */
	ck_assert_int_eq(next(), 0);
	end();
}
END_TEST

/* The members of 200 sources. */
static void list_sources(int found[200])
{
	char source[32];

	for (int i = 0; i < 200; i++) {
		snprintf(source, sizeof source, "192.0.2.%d", i);
		found[i] = choose(source, 0, false, false);
	}
}

START_TEST(sources_stay_with_their_members)
{
	int before[200], after[200], n[4] = { 0 };

	begin(0);
	members[1].by_source = true; /* one suffices */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(join(i, 7), SHARE_JOINED);
	list_sources(before);
	for (int i = 0; i < 200; i++)
		n[before[i]]++;
	for (int i = 0; i < 4; i++)
		ck_assert_int_gt(n[i], 20);
	leave(2);
	list_sources(after);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_ne(after[i], 2);
		ck_assert(before[i] == 2 || after[i] == before[i]);
	}
	ck_assert_int_eq(join(2, 7), SHARE_JOINED);
	list_sources(after);
	ck_assert_mem_eq(before, after, sizeof before);
	/* Of IPv6, the first 64 bits are the source. */
	ck_assert_int_eq(choose("2001:db8::1", 0, false, false),
	                 choose("2001:db8::2:1", 0, false, false));
	end();
}
END_TEST

/* After a reload, members are judged one by one. */
START_TEST(members_change_their_owner_one_by_one)
{
	const struct instance *other = (const struct instance *)&scene; /* compared only */

	begin(2);
	ck_assert(share_change_owner(&members[0], other, 3));
	ck_assert_int_eq(share_find(&table, 4000, other, 3), SHARE_OF_OWNER);
	ck_assert_int_eq(share_find(&table, 4000, NULL, 7), SHARE_OF_OWNER);
	ck_assert(!share_change_owner(&members[1], other, 4));
	ck_assert(share_change_owner(&members[1], other, 3));
	ck_assert_int_eq(share_find(&table, 4000, NULL, 7), SHARE_OF_OTHERS);
	end();
}
END_TEST

START_TEST(there_is_room_as_long_as_one_member_has_some)
{
	begin(2);
	ck_assert(share_has_room(share, 0, 1));
	atomic_store(&accounts[0]->pending, 1);
	ck_assert(share_has_room(share, 0, 1));
	atomic_store(&accounts[1]->pending, 1);
	ck_assert(!share_has_room(share, 0, 1));
	ck_assert(share_has_room(share, 0, 2));
	atomic_store(&accounts[0]->pending, 0);
	atomic_store(&accounts[1]->pending, 0);
	end();
}
END_TEST

START_TEST(members_copy_the_open_port)
{
	spore_addr addr, found;
	struct sockets port = { .n = 1 }, copies;

	begin(1);
	ck_assert_uint_eq(share_copy_port(share).n, 0);
	port.fds[0] = sockets_listen(&addr, 1);
	share_set_port(share, &port);
	copies = share_copy_port(share);
	ck_assert_uint_eq(copies.n, 1);
	ck_assert_int_ne(copies.fds[0], port.fds[0]);
	sock_local_addr(copies.fds[0], &found);
	ck_assert(addr_equal(&found, &addr));
	share_set_port(share, &(struct sockets){ 0 });
	sock_close_all(&port);
	sock_close_all(&copies);
	ck_assert_uint_eq(share_copy_port(share).n, 0);
	end();
}
END_TEST

START_TEST(a_name_has_some_of_the_members)
{
	static const uint64_t names[] = { 6, 5 };

	begin(2);
	share_set_names(&members[0], names, 2);
	share_set_names(&members[1], names, 1);
	ck_assert_uint_eq(share_look(share, 0).members, 2);
	ck_assert_uint_eq(share_look(share, 6).members, 2);
	ck_assert_uint_eq(share_look(share, 5).members, 1);
	ck_assert_uint_eq(share_look(share, 7).members, 0);
	share_set_ready(&members[0], false, true);
	ck_assert(share_look(share, 5).closes);
	ck_assert(!share_look(share, 6).closes);
	atomic_store(&accounts[0]->pending, 1);
	ck_assert(!share_has_room(share, 5, 1));
	ck_assert(share_has_room(share, 6, 1));
	atomic_store(&accounts[0]->pending, 0);
	share_set_names(&members[0], NULL, 0);
	ck_assert_uint_eq(share_look(share, 5).members, 0);
	end();
}
END_TEST

SUITE("share", members_copy_the_open_port, the_first_opens_the_port_and_the_last_closes_it,
      others_may_not_join, others_may_not_join_a_share_that_ends, a_name_has_some_of_the_members,
      a_share_has_a_limit, the_member_with_the_fewest_visitors_is_chosen, equals_take_turns,
      those_that_were_tried_are_left_out, a_visitor_that_is_counted_makes_its_member_no_worse,
      those_that_are_full_come_last, those_that_are_not_able_come_last,
      one_that_has_declined_is_spared_for_a_while, sources_stay_with_their_members,
      members_change_their_owner_one_by_one, there_is_room_as_long_as_one_member_has_some)
