#include "admin/admin_bans.h"

#include "net/addr.h"
#include "quota/limits.h"
#include "quota/source.h"
#include "scene/admin_scene.h"
#include "server/server.h"

static struct admin_scene scene;

static void ban(const char *ip)
{
	struct limits limits = { .settings = { .ban_after = 1, .ban_time = 60000 } };
	struct source *source;
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	source = source_get(server_sources(scene.process.server), &addr);
	while (!source_was_wrong(source, &limits, clock_ms()))
		;
	source_turn_away(source, clock_ms());
	source_unref(source);
}

START_TEST(bans_lists_them)
{
	admin_scene_start(&scene, "");
	ck_assert_str_eq(admin_scene_ask(&scene, "bans"), "{\n  \"all\": 0,\n  \"bans\": []\n}\n");
	ban("192.0.2.7");
	admin_scene_expect(admin_scene_ask(&scene, "bans"), "\"source\": \"192.0.2.7\"");
	ck_assert_int_eq(admin_scene_number(scene.answer, "all"), 1);
	ck_assert_int_eq(admin_scene_number(scene.answer, "tries"), 1);
	ck_assert_int_gt(admin_scene_number(scene.answer, "left_ms"), 50000);
	ban("2001:db8::7");
	admin_scene_expect(admin_scene_ask(&scene, "bans"), "\"source\": \"2001:db8::/64\"");
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(unban_lifts_one)
{
	static const char *const lines[] = { "unban 192.0.2.7", "unban 2001:db8::/64",
		                             "unban 2001:db8:1::9", "unban ::ffff:192.0.2.8" };

	admin_scene_start(&scene, "");
	ban("192.0.2.7");
	ban("192.0.2.8");
	ban("2001:db8::7");
	ban("2001:db8:1::7");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		admin_scene_expect(admin_scene_ask(&scene, lines[i]), "\"lifted\": ");
		admin_scene_expect(admin_scene_ask(&scene, lines[i]),
		                   "no ban is in force, and no wrong");
	}
	ck_assert_int_eq(admin_scene_number(admin_scene_ask(&scene, "bans"), "all"), 0);
	admin_scene_stop(&scene);
}
END_TEST

START_TEST(other_words_are_refused)
{
	static const char *const lines[] = { "unban all", "unban 192.0.2.0/24",
		                             "unban 2001:db8::/32", "unban 192.0.2.7:80" };

	admin_scene_start(&scene, "");
	ban("192.0.2.7");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		admin_scene_expect(admin_scene_ask(&scene, lines[i]),
		                   "expected an address as shown by `spore ctl bans`, found ");
	ck_assert_int_eq(admin_scene_number(admin_scene_ask(&scene, "bans"), "all"), 1);
	admin_scene_stop(&scene);
}
END_TEST

SUITE("admin_bans", bans_lists_them, unban_lifts_one, other_words_are_refused)
