#include "session/offer.h"

#include "lane/lane.h"
#include "scene/lane_scene.h"
#include "scene/visitor_scene.h"
#include "suite.h"

static struct visitor_scene visitors;

/* An offer on the second worker. */
static struct offer offer;
static struct visitor_scene_link data; /* to the client */
static struct uuid id;                 /* of the visitor */
static int visitor;                    /* its own end */
static bool has_header;

/* said: what the visitor has sent before; NULL: the visitor has ended. */
static void begin_with(const char *said, bool tells)
{
	struct visitor arrived;

	visitor_scene_open(&visitors);
	visitor_scene_open_link(&data, 1);
	arrived = visitor_scene_let_in(&visitors, &visitor);
	id = arrived.id;
	arrived.has_header = has_header;
	if (said)
		scene_send(visitor, said, strlen(said));
	else
		shutdown(visitor, SHUT_WR);
	offer = (struct offer){ .worker = NULL };
	atomic_fetch_add(&scene.shared.offered, 1);
	offer_begin(&offer, &scene.workers[1], &data.link, &arrived, tells);
	scene_run();
}

/* After Open. */
static void begin(const char *said)
{
	struct message open;

	begin_with(said, false);
	open = scene_expect(data.far, MESSAGE_OPEN);
	ck_assert(uuid_equal(&open.id, &id));
}

static void finish(void)
{
	close(visitor);
	visitor_scene_close_link(&data);
	scene_expect_nothing(visitors.control.far);
	visitor_scene_close(&visitors);
}

static void expect_again(void)
{
	struct uuid again;

	scene_run();
	again = scene_expect(visitors.control.far, MESSAGE_AGAIN).id;
	ck_assert(uuid_equal(&again, &id));
}

/* The visitor was taken: so many of its bytes have left, and these are still in its socket. */
static void expect_taken(size_t shown, const char *left)
{
	struct visitor taken;
	size_t shown_now;

	ck_assert(offer_take(&offer, &taken, &shown_now));
	ck_assert_uint_eq(shown_now, shown);
	ck_assert(uuid_equal(&taken.id, &id));
	if (*left)
		lane_scene_expect_bytes(taken.fd, left, strlen(left));
	lane_scene_expect_none(taken.fd);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	visitor_drop(&taken);
	offer_lose(&offer); /* as its owner does at its end */
}

/* The visitor waits in the table, as one that was offered, with all its bytes. */
static void take_from_table(enum offer_state state, const char *bytes)
{
	struct visitor taken = visitor_scene_take(&id);

	ck_assert_int_eq(taken.offer, state);
	if (*bytes)
		lane_scene_expect_bytes(taken.fd, bytes, strlen(bytes));
	visitor_drop(&taken);
}

START_TEST(the_client_is_told_who_comes)
{
	for (int tells = 0; tells < 2; tells++) {
		struct message open;

		begin_with("", tells);
		open = scene_expect(data.far, MESSAGE_OPEN);
		ck_assert(uuid_equal(&open.id, &id));
		ck_assert_str_eq(open.text, tells ? "192.0.2.3:77" : "");
		lane_scene_expect_none(data.far);
		ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
		expect_taken(0, "");
		finish();
	}
}
END_TEST

START_TEST(bytes_that_have_come_leave_with_it)
{
	begin("hello");
	lane_scene_expect_bytes(data.far, "\1\0\0\5hello", 9);
	scene_send(visitor, " world", 6);
	lane_scene_expect_none(data.far);
	expect_taken(5, " world");
	finish();
}
END_TEST

/* The header of the visitor must come first, and its relay sends it. */
START_TEST(nothing_is_shown_of_a_visitor_with_a_header)
{
	has_header = true;
	begin("hello");
	has_header = false;
	scene_send(visitor, " world", 6);
	lane_scene_expect_none(data.far);
	ck_assert(!ev_is_active(&offer.first));
	expect_taken(0, "hello world");
	finish();
}
END_TEST

START_TEST(the_first_bytes_that_come_are_shown_once)
{
	begin("");
	scene_run();
	lane_scene_expect_none(data.far);
	scene_send(visitor, "hello", 5);
	lane_scene_expect_bytes(data.far, "\1\0\0\5hello", 9);
	scene_send(visitor, " world", 6);
	lane_scene_expect_none(data.far);
	ck_assert(!ev_is_active(&offer.first)); /* the loop does not spin */
	expect_taken(5, " world");
	finish();
}
END_TEST

START_TEST(so_many_bytes_are_shown_at_most)
{
	static char said[LANE_FIRST_MOST + 3], got[4 + LANE_FIRST_MOST + 1];
	static const char header[] = { 1, 0, LANE_FIRST_MOST >> 8, 0 };

	memset(said, 'x', sizeof said - 1);
	said[LANE_FIRST_MOST] = 'y';
	begin(said);
	ck_assert_int_eq(recv(data.far, got, sizeof got, MSG_DONTWAIT), 4 + LANE_FIRST_MOST);
	ck_assert_mem_eq(got, header, 4);
	ck_assert_mem_eq(got + 4, said, LANE_FIRST_MOST);
	expect_taken(LANE_FIRST_MOST, "yx");
	finish();
}
END_TEST

/* The relay sees it. */
START_TEST(an_end_of_the_visitor_is_not_shown)
{
	struct visitor taken;
	size_t shown;

	begin(NULL);
	lane_scene_expect_none(data.far);
	ck_assert(!ev_is_active(&offer.first));
	ck_assert(offer_take(&offer, &taken, &shown));
	ck_assert_uint_eq(shown, 0);
	ck_assert_int_eq(recv(taken.fd, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	visitor_drop(&taken);
	finish();
}
END_TEST

/* The relay sees that, too, behind the bytes that the client has. */
START_TEST(a_visitor_that_breaks_off_can_be_taken)
{
	struct visitor taken;
	size_t shown;

	begin("hello");
	sockets_reset(visitor);
	visitor = dup(STDERR_FILENO);
	scene_run();
	ck_assert(offer_take(&offer, &taken, &shown));
	ck_assert_uint_eq(shown, 5);
	ck_assert_int_eq(recv(taken.fd, (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	visitor_drop(&taken);
	finish();
}
END_TEST

/* Its first bytes are not where they were. Neither the client nor a limit is the reason. */
START_TEST(a_visitor_whose_bytes_are_gone_ends)
{
	struct visitor taken;
	size_t shown;

	begin("hello");
	ck_assert_int_eq(recv(offer.visitor.fd, (char[5]){ 0 }, 5, 0), 5);
	ck_assert(!offer_take(&offer, &taken, &shown));
	ck_assert_int_eq(recv(visitor, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(scene_all_refusals(), 0);
	offer_lose(&offer);
	finish();
}
END_TEST

/* A client that does not read sees the bytes later. */
START_TEST(bytes_that_do_not_fit_are_not_shown)
{
	static const char bytes[LINK_MAX_OUT];
	struct visitor arrived;

	visitor_scene_open(&visitors);
	visitor_scene_open_link(&data, 1);
	arrived = visitor_scene_let_in(&visitors, &visitor);
	id = arrived.id;
	scene_send(visitor, "hello, hello, hello, hello", 26);
	ck_assert(link_send_bytes(&data.link, bytes, LINK_MAX_OUT - 90));
	offer = (struct offer){ .worker = NULL };
	atomic_fetch_add(&scene.shared.offered, 1);
	offer_begin(&offer, &scene.workers[1], &data.link, &arrived, false);
	ck_assert_uint_eq(offer.shown, 0);
	expect_taken(0, "hello, hello, hello, hello");
	finish();
}
END_TEST

START_TEST(a_visitor_that_is_lost_is_announced)
{
	begin("hello");
	offer_lose(&offer);
	expect_again();
	ck_assert(!ev_is_active(&offer.first));
	offer_lose(&offer);
	offer_drop(&offer);
	scene_run();
	take_from_table(OFFER_LOST, "hello");
	finish();
}
END_TEST

START_TEST(a_visitor_in_doubt_may_still_be_taken)
{
	begin("");
	offer_doubt(&offer);
	expect_again();
	scene_send(visitor, "late", 4);
	lane_scene_expect_none(data.far); /* somebody else may have it */
	expect_taken(0, "late");
	finish();
}
END_TEST

START_TEST(a_visitor_in_doubt_may_be_taken_by_another)
{
	struct visitor taken;
	size_t shown;

	begin("hello");
	offer_doubt(&offer);
	expect_again();
	take_from_table(OFFER_OPEN, "hello");
	ck_assert(!offer_take(&offer, &taken, &shown));
	offer_lose(&offer);
	finish();
}
END_TEST

START_TEST(a_visitor_in_doubt_that_is_lost_is_announced_once_more)
{
	begin("hello");
	offer_doubt(&offer);
	expect_again();
	offer_lose(&offer);
	expect_again();
	offer_lose(&offer);
	scene_run();
	take_from_table(OFFER_LOST, "hello");
	finish();
}
END_TEST

START_TEST(a_visitor_in_doubt_that_was_taken_is_not_announced_once_more)
{
	begin("");
	offer_doubt(&offer);
	expect_again();
	take_from_table(OFFER_OPEN, "");
	offer_lose(&offer);
	finish();
}
END_TEST

/* The server, which ends, ends those in the table. */
START_TEST(a_visitor_that_is_dropped_waits)
{
	begin("");
	offer_drop(&offer);
	ck_assert(!ev_is_active(&offer.first));
	offer_drop(&offer);
	offer_lose(&offer);
	take_from_table(OFFER_NONE, "");
	finish();
}
END_TEST

/* The table has it, which ends it. */
START_TEST(a_visitor_in_doubt_is_not_dropped)
{
	begin("");
	offer_doubt(&offer);
	expect_again();
	offer_drop(&offer);
	take_from_table(OFFER_OPEN, "");
	finish();
}
END_TEST

START_TEST(an_offer_that_never_began_has_no_end)
{
	offer = (struct offer){ .worker = NULL };
	offer_lose(&offer);
	offer_drop(&offer);
}
END_TEST

SUITE("offer", the_client_is_told_who_comes, bytes_that_have_come_leave_with_it,
      nothing_is_shown_of_a_visitor_with_a_header, the_first_bytes_that_come_are_shown_once,
      so_many_bytes_are_shown_at_most, an_end_of_the_visitor_is_not_shown,
      a_visitor_that_breaks_off_can_be_taken, a_visitor_whose_bytes_are_gone_ends,
      bytes_that_do_not_fit_are_not_shown, a_visitor_that_is_lost_is_announced,
      a_visitor_in_doubt_may_still_be_taken, a_visitor_in_doubt_may_be_taken_by_another,
      a_visitor_in_doubt_that_is_lost_is_announced_once_more,
      a_visitor_in_doubt_that_was_taken_is_not_announced_once_more, a_visitor_that_is_dropped_waits,
      a_visitor_in_doubt_is_not_dropped, an_offer_that_never_began_has_no_end)
