#include "session/announce.h"

#include "scene/visitor_scene.h"
#include "suite.h"

static struct visitor_scene visitors;

/* The client reads these messages, and no more. */
static void expect(enum message_type type, const struct uuid *id, const char *text)
{
	struct message message = scene_expect(visitors.control.far, type);

	ck_assert(uuid_equal(&message.id, id));
	ck_assert_str_eq(message.text, text);
	scene_expect_nothing(visitors.control.far);
}

START_TEST(a_client_is_told_what_it_reads)
{
	static const struct {
		enum message_type said, heard;
		bool tells;
		const char *text;
	} rows[] = {
		{ MESSAGE_VISITOR, MESSAGE_CONNECTION, false, "" },
		{ MESSAGE_VISITOR, MESSAGE_VISITOR, true, "192.0.2.3:77" },
		{ MESSAGE_AGAIN, MESSAGE_AGAIN, false, "" },
		{ MESSAGE_AGAIN, MESSAGE_AGAIN, true, "192.0.2.3:77" },
	};
	spore_addr peer = scene_addr("192.0.2.3", 77);
	struct uuid id = { { 5 } };

	visitor_scene_open(&visitors);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		visitors.announcer.tells_addresses = rows[i].tells;
		ck_assert(announce(&visitors.announcer, rows[i].said, &id, &peer));
		scene_run();
		expect(rows[i].heard, &id, rows[i].text);
	}
	visitor_scene_close(&visitors);
}
END_TEST

/* As much waits as may: the sockets hold the rest. */
static void fill_link(struct link *link)
{
	static const char bytes[LINK_MAX_OUT];
	size_t left;

	while ((left = LINK_MAX_OUT - link_backlog(link)) > 0) {
		ck_assert(link_send_bytes(link, bytes, left));
		scene_run_loop(scene.loops[0]);
	}
}

START_TEST(a_client_that_does_not_read_is_not_told)
{
	spore_addr peer = scene_addr("192.0.2.3", 77);
	struct uuid id = { { 5 } };

	visitor_scene_open(&visitors);
	fill_link(&visitors.control.link);
	ck_assert(!announce(&visitors.announcer, MESSAGE_VISITOR, &id, &peer));
	visitor_scene_close(&visitors);
}
END_TEST

/* From each of the workers: the tunnel is at home on the first one. */
START_TEST(a_visitor_waits_and_is_announced)
{
	for (int worker = 0; worker < SCENE_WORKERS; worker++) {
		struct visitor visitor, taken;
		int64_t now_ms = clock_ms();
		struct uuid id;
		int far;

		visitor_scene_open(&visitors);
		visitor = visitor_scene_let_in(&visitors, &far);
		visitor.offer = OFFER_OPEN;
		id = visitor.id;
		announce_from(&scene.workers[worker], MESSAGE_AGAIN, &visitor);
		ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
		scene_expect_nothing(visitors.control.far); /* it is on its way */
		scene_run();
		expect(MESSAGE_AGAIN, &id, "");
		taken = visitor_scene_take(&id);
		ck_assert_int_eq(taken.fd, visitor.fd);
		ck_assert_int_eq(taken.offer, OFFER_OPEN);
		ck_assert_int_ge(taken.deadline_ms, now_ms + PENDING_MS);
		ck_assert_int_le(taken.deadline_ms, clock_ms() + PENDING_MS);
		visitor_drop(&taken);
		close(far);
		visitor_scene_close(&visitors);
	}
	ck_assert_int_eq(scene_all_refusals(), 0);
}
END_TEST

/* The tunnel is gone, also while the announcement is on its way; or its client does not read. */
START_TEST(a_visitor_of_whom_nobody_is_told_ends)
{
	for (int how = 0; how < 3; how++) {
		struct visitor visitor;
		int far;

		visitor_scene_open(&visitors);
		visitor = visitor_scene_let_in(&visitors, &far);
		if (how == 0)
			account_set_announcer(visitors.account, NULL);
		if (how == 2)
			fill_link(&visitors.control.link);
		announce_from(&scene.workers[1], MESSAGE_VISITOR, &visitor);
		if (how == 1)
			account_set_announcer(visitors.account, NULL);
		scene_run();
		visitor_scene_expect_ended(far);
		visitor_scene_close(&visitors);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 2);
	ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_STALLED), 1);
	ck_assert_int_eq(scene_all_refusals(), 3);
}
END_TEST

START_TEST(a_visitor_that_waits_is_announced_again)
{
	struct visitor visitor, taken;
	int far;

	visitor_scene_open(&visitors);
	visitors.announcer.tells_addresses = true;
	visitor = visitor_scene_let_in(&visitors, &far);
	ck_assert(pending_add(scene.shared.pending, &visitor));
	announce_again(&scene.workers[1], visitors.account, &visitor.id, &visitor.peer);
	scene_run();
	expect(MESSAGE_AGAIN, &visitor.id, "192.0.2.3:77");
	taken = visitor_scene_take(&visitor.id);
	visitor_drop(&taken);
	close(far);
	visitor_scene_close(&visitors);
}
END_TEST

/* Without its tunnel it ends. If it was taken before, nothing is left to end. */
START_TEST(a_visitor_that_waits_ends_if_nobody_is_told)
{
	for (int is_taken = 0; is_taken < 2; is_taken++) {
		struct visitor visitor, taken;
		int far;

		visitor_scene_open(&visitors);
		visitor = visitor_scene_let_in(&visitors, &far);
		ck_assert(pending_add(scene.shared.pending, &visitor));
		account_set_announcer(visitors.account, NULL);
		if (is_taken)
			taken = visitor_scene_take(&visitor.id);
		announce_again(&scene.workers[1], visitors.account, &visitor.id, &visitor.peer);
		scene_run();
		ck_assert_int_eq(scene_refusals(REFUSED_CLIENT_LOST), 1);
		if (is_taken)
			visitor_drop(&taken);
		visitor_scene_expect_ended(far);
		visitor_scene_close(&visitors);
	}
}
END_TEST

SUITE("announce", a_client_is_told_what_it_reads, a_client_that_does_not_read_is_not_told,
      a_visitor_waits_and_is_announced, a_visitor_of_whom_nobody_is_told_ends,
      a_visitor_that_waits_is_announced_again, a_visitor_that_waits_ends_if_nobody_is_told)
